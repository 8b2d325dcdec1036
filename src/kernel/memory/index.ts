/** Memory as drivers of the kernel see it: the pool, lists, descriptors of pages, copying and strings. */

export * from './kernelPool.ts';
export * from './poolFunctions.ts';
