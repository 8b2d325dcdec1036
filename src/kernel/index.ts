/** Floor `kernel`: the kernel services the library stands on. Read in this order. */

export * from './generated/constants/index.ts';
export * from './generated/structures/index.ts';
export * from './status.ts';
export * from './statusName.ts';
