/**
 * PE images in kernel memory. Reading order: where imports come from, how an image is mapped, what is then there.
 */

export * from './importResolver.ts';
export * from './mapImage.ts';
export * from './loadedImage.ts';
