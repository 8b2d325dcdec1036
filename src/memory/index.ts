/** Floor `memory`: the kernel address space. Read in this order. */
export * from './memory.ts';
