/** The functions of this folder that drivers import. */

export * from './interrupt.ts';
export * from './msixTable.ts';
export * from './scatterGatherDma.ts';
export * from './buildScatterGather.ts';
export * from './systemDma.ts';
export * from './busData.ts';
export * from './ioSpace.ts';
export * from './accessMacros.ts';
