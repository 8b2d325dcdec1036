/** The functions that drivers import from ndis: a table for the seam, made of this floor's declarations. */

export * from './netBuffer/allocation.ts';
export * from './netBuffer/macros.ts';
export * from './netBuffer/mdlFunctions.ts';
export * from './netBuffer/poolFunctions.ts';
