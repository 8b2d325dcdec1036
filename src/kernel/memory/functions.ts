/** The memory functions that drivers import from ntoskrnl. */

export * from './copyFunctions.ts';
export * from './listMacros.ts';
export * from './lookasideFunctions.ts';
export * from './mdlFunctions.ts';
export * from './physicalMemory.ts';
export * from './poolFunctions.ts';
export * from './stringFunctions.ts';
export * from './bitFunctions.ts';
export * from './versionFunctions.ts';
export * from './poolInlineFunctions.ts';
export * from './textFunctions.ts';
export * from './cRuntime.ts';
export * from './cRuntimeTexts.ts';
