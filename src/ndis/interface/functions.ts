/** What drivers import of network interfaces. */

export * from './lookupFunctions.ts';
export {
  NDIS_MAKE_NET_LUID,
  NdisIfAllocateNetLuidIndex,
  NdisIfFreeNetLuidIndex,
} from './netLuid.ts';
export * from './providerFunctions.ts';
