/** Timers, work items and time. */

export * from './ioWorkItem.ts';
export * from './sleep.ts';
export * from './timerObject.ts';
