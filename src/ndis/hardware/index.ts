/** Hardware of miniport adapters: resources, interrupts, DMA, configuration space, registers and ports. */

export * from './adapterHardware.ts';
export * from './interruptCallbacks.ts';
export * from './interruptObject.ts';
export * from './interrupt.ts';
export * from './msixTable.ts';
export * from './scatterGather.ts';
export * from './scatterGatherDma.ts';
export * from './buildScatterGather.ts';
export * from './systemDma.ts';
export * from './busData.ts';
export * from './ioSpace.ts';
export * from './accessMacros.ts';
export * from './release.ts';
