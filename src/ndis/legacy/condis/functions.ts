/** What connection-oriented drivers for NDIS 5 import beside what NDIS 6 still has. */

export * from './data.ts';
export * from './families.ts';
export {
  NdisCoRequest,
  NdisCoRequestComplete,
  NdisMCmRequest,
  NdisMCoRequestComplete,
} from './requests.ts';
