/** Configuration: keys, parameters, files and logs. */

export * from './configuration.ts';
export * from './eventLog.ts';
export * from './fileStore.ts';
export * from './miniportLog.ts';
export * from './parameters.ts';
export * from './parameterValue.ts';
export * from './standardKeywords.ts';
