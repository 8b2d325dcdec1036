/** The functions that drivers import from ndis: a table for the seam, made of this floor's declarations. */

export * from './protocol/register.ts';
export * from './protocol/bind.ts';
export * from './protocol/open.ts';
export * from './protocol/close.ts';
export * from './protocol/unbind.ts';
export * from './pnp/netPnPEvent.ts';
export * from './miniport/register.ts';
export * from './miniport/attributes.ts';
export * from './miniport/complete.ts';
export * from './intermediate/intermediate.ts';
export * from './dataPath/send.ts';
export * from './dataPath/receive.ts';
export * from './memory/lookaside.ts';
export * from './memory/poolMemory.ts';
export * from './memory/sharedMemory.ts';
export * from './netBuffer/allocation.ts';
export * from './netBuffer/context.ts';
export * from './netBuffer/dataFunctions.ts';
export * from './netBuffer/dataStartFunctions.ts';
export * from './netBuffer/derivedFunctions.ts';
export * from './netBuffer/listInfo.ts';
export * from './netBuffer/macros.ts';
export * from './netBuffer/mdlFunctions.ts';
export * from './netBuffer/poolFunctions.ts';
export * from './taskOffload/listMacros.ts';
