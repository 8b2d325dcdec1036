/** The functions of this folder that drivers import. */

export * from './interrupt.ts';
export * from './resources.ts';
export * from './dma.ts';
