/**
 * Floor `ndis`: the NDIS library. Read in this order: the library and its objects, the callbacks that drivers
 * register, then one family a folder.
 */

export * from './generated/constants/index.ts';
export * from './generated/structures/index.ts';
export * from './library.ts';
export * from './legacy/providedHandlers.ts';
export * from './legacy/packet/index.ts';
export * from './legacy/buffer/bufferFunctions.ts';
export * from './legacy/translation/index.ts';
export * from './memory/lookaside.ts';
export * from './memory/poolMemory.ts';
export * from './memory/sharedMemory.ts';
export {
  ALLOCATE_SHARED_MEMORY_HANDLER,
  FREE_SHARED_MEMORY_HANDLER,
} from './memory/sharedMemoryProvider.ts';
export * from './miniport/callbacks.ts';
export * from './miniport/miniportAdapter.ts';
export * from './miniport/createAdapter.ts';
export * from './inventory.ts';
export * from './stack/queue.ts';
export * from './create.ts';
export * from './events.ts';
export * from './versions.ts';
export * from './miniport/miniportDriver.ts';
export * from './miniport/shutdown.ts';
export * from './names.ts';
export * from './netBuffer/allocation.ts';
export * from './netBuffer/blockPool.ts';
export * from './netBuffer/callbacks.ts';
export * from './netBuffer/context.ts';
export * from './netBuffer/dataFunctions.ts';
export * from './netBuffer/dataStart.ts';
export * from './netBuffer/dataStartFunctions.ts';
export * from './netBuffer/derived.ts';
export * from './netBuffer/derivedFunctions.ts';
export * from './netBuffer/listInfo.ts';
export * from './netBuffer/macros.ts';
export { NET_BUFFER_DATA_LENGTH } from './netBuffer/macros.ts';
export * from './netBuffer/mdl.ts';
export * from './netBuffer/mdlFunctions.ts';
export * from './netBuffer/netBufferAccess.ts';
export * from './netBuffer/netBufferListPool.ts';
export * from './netBuffer/netBufferPool.ts';
export * from './netBuffer/netBuffers.ts';
export * from './netBuffer/offsets.ts';
export * from './netBuffer/poolFunctions.ts';
export * from './objectHeader.ts';
export * from './oid/answers.ts';
export * from './oid/callbacks.ts';
export * from './oid/cloneOidRequest.ts';
export * from './oid/directOidRequest.ts';
export * from './oid/oidInterfaces.ts';
export * from './oid/oidRequest.ts';
export * from './oid/ownRequest.ts';
export * from './oid/requestQueue.ts';
export * from './oid/requestRecord.ts';
export * from './pnp/devicePnPEvents.ts';
export * from './pnp/netPnPEvents.ts';
export * from './ports/portFunctions.ts';
export * from './ports/ports.ts';
export * from './filter/callbacks.ts';
export * from './filter/dataCallbacks.ts';
export * from './filter/requestCallbacks.ts';
export * from './filter/configuration.ts';
export * from './filter/filterDriver.ts';
export * from './filter/filterModule.ts';
export { queueFilterChanges } from './filter/queue.ts';
export * from './protocol/callbacks.ts';
export * from './protocol/protocolDriver.ts';
export { uninstallProtocol } from './protocol/register.ts';
export * from './stack/operations.ts';
export * from './stack/stalled.ts';
export * from './stateTable.ts';
export * from './status/callbacks.ts';
export * from './status/indicateStatus.ts';
export * from './status/linkState.ts';
export * from './status.ts';
export * from './taskOffload/listMacros.ts';
export * from './interface/index.ts';
export * from './sync/index.ts';
export * from './configuration/index.ts';
export * from './strings/index.ts';
export * from './timer/index.ts';
