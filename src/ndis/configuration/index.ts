/** Configuration: keys, parameters, files and logs. */

export * from './configuration.ts';
export * from './parameters.ts';
export * from './parameterValue.ts';
export * from './standardKeywords.ts';
