/** Bug checks: the dump, and the functions that stop a machine or print to its trace. */

export * from './dump.ts';
export * from './printf.ts';
export * from './functions.ts';
export * from './callbacks.ts';
export * from './printFunctions.ts';
