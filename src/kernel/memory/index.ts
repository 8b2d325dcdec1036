/** Memory as drivers of the kernel see it: the pool, lists, descriptors of pages, copying and strings. */

export * from './copyFunctions.ts';
export * from './countedText.ts';
export * from './kernelPool.ts';
export * from './listMacros.ts';
export * from './lookaside.ts';
export * from './lookasideFunctions.ts';
export * from './mdl.ts';
export * from './mdlFunctions.ts';
export * from './physicalMemory.ts';
export * from './poolFunctions.ts';
export * from './stringFunctions.ts';
export * from './bitFunctions.ts';
export * from './versionFunctions.ts';
export * from './poolInlineFunctions.ts';
export * from './textFunctions.ts';
