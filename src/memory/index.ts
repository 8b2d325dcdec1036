/** Floor `memory`: the kernel address space. Read in this order. */

export * from './addressSpace.ts';
export * from './compareLayout.ts';
export * from './engineArea.ts';
export * from './fill.ts';
export * from './hostValues.ts';
export * from './layout.ts';
export * from './memory.ts';
export * from './pages.ts';
export * from './pointer.ts';
export * from './pool.ts';
export * from './poolAccounts.ts';
export * from './poolBlock.ts';
export * from './scalar.ts';
export * from './shadow.ts';
export * from './strings.ts';
export * from './view.ts';
