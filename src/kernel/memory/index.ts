/** Memory as drivers of the kernel see it: the pool, lists, descriptors of pages, copying and strings. */

export * from './kernelPool.ts';
export * from './mdl.ts';
export * from './mdlFunctions.ts';
export * from './physicalMemory.ts';
export * from './poolFunctions.ts';
