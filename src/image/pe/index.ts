/**
 * PE images, read and checked. Reading order: what an image says, what can be wrong with it, how it is read.
 */

export * from './peImage.ts';
export * from './imageError.ts';
export * from './parseImage.ts';
