/** Receive side scaling: hash, hash information, processors, settings. */

export * from './toeplitz.ts';
export * from './receiveHash.ts';
export * from './hashMacros.ts';
export * from './processorSet.ts';
export * from './parameters.ts';
