/** Protocol drivers for NDIS 4.0 to 5.1: translations of what NDIS 6 asks a protocol driver. */

export * from './callbacks.ts';
export * from './legacyBinding.ts';
export * from './functions.ts';
