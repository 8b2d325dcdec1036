/** From a function's registers to its caller's: data of images, epilogues, frames. */

export * from './registers.ts';
export * from './unwindData.ts';
export * from './epilogue.ts';
export * from './unwinder.ts';
export * from './stackWalk.ts';
