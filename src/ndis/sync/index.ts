/** Synchronization: spin locks, read-write locks, events, mutexes, interlocked counters and lists. */

export * from './event.ts';
export * from './interlocked.ts';
export * from './legacyReadWriteLock.ts';
export * from './mutex.ts';
export * from './readWriteLock.ts';
export * from './spinLock.ts';
