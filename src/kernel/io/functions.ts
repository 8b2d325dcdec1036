/** What drivers import of the I/O manager. */

export * from './deviceFunctions.ts';
export * from './irpFunctions.ts';
export * from './requests.ts';
export * from './stackLocations.ts';
