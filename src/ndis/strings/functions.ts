/** Strings and small values: what drivers import. */

export * from './device.ts';
export * from './strings.ts';
export * from './values.ts';
