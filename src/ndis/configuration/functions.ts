/** Configuration: what drivers import. */

export * from './configuration.ts';
export * from './eventLog.ts';
export * from './fileStore.ts';
export * from './miniportLog.ts';
export * from './parameters.ts';
