/** Packets: what NDIS 5 drivers import. */

export * from './poolFunctions.ts';
export * from './allocation.ts';
export * from './members.ts';
export * from './outOfBand.ts';
export * from './copy.ts';
