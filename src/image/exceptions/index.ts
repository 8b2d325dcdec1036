/** Structured exceptions of machine code. */

export * from './guestException.ts';
export * from './records.ts';
export * from './strand.ts';
export * from './secondPass.ts';
export * from './search.ts';
export * from './cSpecificHandler.ts';
export * from './dispatcher.ts';
export * from './exports.ts';
export * from './hardware.ts';
