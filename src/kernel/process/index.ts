/** Processes and the windows of the address space, in reading order. */

export * from './process.ts';
export * from './attach.ts';
export * from './sharedData.ts';
export * from './kpcr.ts';
export * from './translate.ts';
export * from './pageFault.ts';
export * from './arguments.ts';
export * from './processNotify.ts';
