/** The registry: its data, its limits, its host interface. */

export * from './hostKey.ts';
export * from './information.ts';
export * from './key.ts';
export * from './keyFunctions.ts';
export * from './keyHandles.ts';
export * from './queryFunctions.ts';
export * from './registry.ts';
export * from './rootNames.ts';
export * from './rtlQueryRegistryValues.ts';
export * from './rtlRegistry.ts';
export * from './valueData.ts';
export * from './regFile.ts';
