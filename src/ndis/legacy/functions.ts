/** What drivers for NDIS 3 to 5.1 import, beside what NDIS 6 still has. */

export * from './packet/functions.ts';
export * from './buffer/bufferFunctions.ts';
export * from './miniport/functions.ts';
export * from './protocol/functions.ts';
export * from './services/functions.ts';
export * from './hardware/functions.ts';
export * from './condis/functions.ts';
