/** The functions of this folder that drivers import. */

export * from './dpcFunctions.ts';
export * from './event.ts';
export * from './interlocked.ts';
export * from './irql.ts';
export * from './list.ts';
export * from './mutex.ts';
export * from './semaphore.ts';
export * from './spinLockFunctions.ts';
export * from './time.ts';
export * from './timerFunctions.ts';
export * from './wait.ts';
export * from './workItemFunctions.ts';
