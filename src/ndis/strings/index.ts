/** Strings and small values, and devices of NDIS drivers. */

export * from './device.ts';
export * from './strings.ts';
export * from './values.ts';
