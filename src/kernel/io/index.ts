/** The I/O manager. */

export * from './driverObject.ts';
