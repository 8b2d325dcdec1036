/**
 * Floor `kernel`: the kernel services that NDIS and its drivers stand on. Read in this order: what a machine's
 * kernel is, how control passes, how functions are declared and reach a driver, then one concern a file.
 */

export * from './bugCheck/index.ts';
export * from './callback.ts';
export * from './clock.ts';
export * from './declaration.ts';
export * from './dispatcherObjects.ts';
export * from './driver.ts';
export * from './edge.ts';
export * from './errors.ts';
export * from './endlessList.ts';
export * from './generated/constants/index.ts';
export * from './generated/structures/index.ts';
export * from './hardware/index.ts';
export * from './io/index.ts';
export * from './irql.ts';
export * from './kernel.ts';
export * from './memory/index.ts';
export * from './objects/index.ts';
export * from './macrotask.ts';
export * from './process/index.ts';
export * from './procedure.ts';
export * from './raisedStatus.ts';
export * from './random.ts';
export * from './registry/index.ts';
export * from './dpcQueues.ts';
export * from './threadRunner.ts';
export * from './scheduler.ts';
export * from './seam.ts';
export { type AnyFunction, checkedCall } from './seamShapes.ts';
export * from './services/index.ts';
export * from './status.ts';
export * from './statusName.ts';
export * from './sync/index.ts';
export * from './thread.ts';
export * from './transientMemory.ts';
export * from './variables.ts';
export * from './waitableObject.ts';
export * from './waits.ts';
