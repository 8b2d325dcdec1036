/** What drivers import of the I/O manager. */

export * from './deviceFunctions.ts';
export * from './buildRequests.ts';
export * from './irpFunctions.ts';
export * from './cancelSafeQueue.ts';
export * from './removeLock.ts';
export * from './requests.ts';
export * from './stackLocations.ts';
