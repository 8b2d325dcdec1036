export * from './protocolCallbacks.ts';
export * from './clientCallbacks.ts';
export * from './callManagerCallbacks.ts';
export * from './miniportCallbacks.ts';
export * from './states.ts';
export * from './objects.ts';
export * from './connections.ts';
export * from './functions.ts';
