/** The memory functions that drivers import from ntoskrnl. */

export * from './poolFunctions.ts';
