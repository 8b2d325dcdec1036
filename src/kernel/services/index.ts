/** Services and the life of drivers. */

export * from './driverLife.ts';
export * from './serviceRecord.ts';
