/** What drivers import of the registry. */

export * from './keyFunctions.ts';
export * from './queryFunctions.ts';
export * from './rtlQueryRegistryValues.ts';
export * from './rtlRegistry.ts';
