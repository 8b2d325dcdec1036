/** The functions of this folder that drivers import. */

export * from './criticalRegion.ts';
export * from './dpcFunctions.ts';
export * from './event.ts';
export * from './fastMutex.ts';
export * from './interlocked.ts';
export * from './irql.ts';
export * from './list.ts';
export * from './mutex.ts';
export * from './processors.ts';
export * from './pushLock.ts';
export * from './queuedSpinLock.ts';
export * from './readerWriterSpinLock.ts';
export * from './resource.ts';
export * from './rundown.ts';
export * from './semaphore.ts';
export * from './spinLockFunctions.ts';
export * from './threadFunctions.ts';
export * from './time.ts';
export * from './timerFunctions.ts';
export * from './exTimer.ts';
export * from './wait.ts';
export * from './workItemFunctions.ts';
export * from './yield.ts';
