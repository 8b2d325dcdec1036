/** Floor `ndis`: the NDIS library. Read in this order. */

export * from './generated/constants/index.ts';
export * from './generated/structures/index.ts';
export * from './library.ts';
export * from './names.ts';
export * from './status.ts';
