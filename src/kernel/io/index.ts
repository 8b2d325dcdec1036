/** The I/O manager. */

export * from './deviceFunctions.ts';
export * from './driverObject.ts';
export * from './userRequest.ts';
export * from './fileObjects.ts';
export * from './hostDevice.ts';
export * from './ioManager.ts';
export * from './buildRequests.ts';
export * from './deviceQueries.ts';
export * from './fileFunctions.ts';
export * from './irpFunctions.ts';
export * from './pnpIrp.ts';
export * from './probe.ts';
export * from './processes.ts';
export * from './cancelSafeQueue.ts';
export * from './removeLock.ts';
export * from './requests.ts';
export * from './stackLocations.ts';
export * from './security.ts';
export * from './shutdown.ts';
export { devicePropertiesOf } from './deviceProperties.ts';
