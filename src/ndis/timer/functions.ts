/** Timers, work items and time: what drivers import. */

export * from './ioWorkItem.ts';
export * from './sleep.ts';
export * from './timerObject.ts';
