/** Network interfaces: NET_LUID values, the table, providers, look-up, and queries. */

export * from './netLuid.ts';
export * from './networkInterface.ts';
export * from './adapterInterfaces.ts';
export * from './providerFunctions.ts';
export * from './lookupFunctions.ts';
export * from './queryInterface.ts';
