/** Protocol drivers for NDIS 5: what they import. */

export * from './register.ts';
export {
  NdisCloseAdapter,
  NdisCompleteBindAdapter,
  NdisCompletePnPEvent,
  NdisCompleteUnbindAdapter,
  NdisOpenAdapter,
} from './open.ts';
export * from './dataFunctions.ts';
