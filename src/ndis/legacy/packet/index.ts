/** Packets of NDIS 5: descriptors, pools, out-of-band data. */

export * from './offsets.ts';
export * from './packetPool.ts';
export * from './packetAccess.ts';
export * from './functions.ts';
