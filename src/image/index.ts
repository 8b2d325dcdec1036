/**
 * Floor `image`: PE images as drivers. Reading order: how values cross the binary interface, what import slots lead to,
 * what runs machine code, and how control passes.
 */

export * from './valueKinds.ts';
export * from './convention.ts';
export * from './thunks.ts';
export * from './strand.ts';
export * from './memorySafety.ts';
export * from './callGuard.ts';
export * from './machineCode.ts';
export * from './unwind/index.ts';
export * from './exceptions/index.ts';
export * from './bugCheckReport.ts';
export * from './pe/index.ts';
export * from './load/index.ts';
export * from './strandExceptions.ts';
