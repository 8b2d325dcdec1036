/** The memory functions that drivers import from ntoskrnl. */

export * from './mdlFunctions.ts';
export * from './physicalMemory.ts';
export * from './poolFunctions.ts';
