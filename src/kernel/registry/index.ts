/** The registry: its data, its limits, its host interface. */

export * from './hostKey.ts';
export * from './key.ts';
export * from './registry.ts';
export * from './rootNames.ts';
export * from './valueData.ts';
