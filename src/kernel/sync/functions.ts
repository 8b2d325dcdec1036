/** The functions of this folder that drivers import. */

export * from './dpcFunctions.ts';
export * from './event.ts';
export * from './irql.ts';
export * from './mutex.ts';
export * from './semaphore.ts';
export * from './spinLockFunctions.ts';
export * from './timerFunctions.ts';
export * from './wait.ts';
