/** Configuration: what drivers import. */

export * from './configuration.ts';
export * from './parameters.ts';
