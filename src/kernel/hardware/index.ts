/** Simulated hardware as the kernel sees it: configuration space, devices, the bus, interrupts, registers and ports. */

export * from './pciConfiguration.ts';
export * from './busDevice.ts';
export * from './interrupts.ts';
export * from './pciFunction.ts';
export * from './bus.ts';
export * from './deviceMemory.ts';
export * from './systemDma.ts';
export * from './registerFunctions.ts';
export * from './portFunctions.ts';
export * from './ioSpaceFunctions.ts';
