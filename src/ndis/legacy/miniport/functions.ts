/** What miniport drivers for NDIS 4.0 to 5.1 import. */

export * from './wrapper.ts';
export * from './register.ts';
export * from './attributes.ts';
export {
  NdisMDeregisterAdapterShutdownHandler,
  NdisMRegisterAdapterShutdownHandler,
} from './shutdown.ts';
export * from './devices.ts';
export * from './arcnet.ts';
export * from '../intermediate/layered.ts';
export {
  NdisMQueryInformationComplete,
  NdisMSetInformationComplete,
} from './requests.ts';
export { NdisMSendComplete, NdisMSendResourcesAvailable } from './send.ts';
export { NdisMIndicateStatus, NdisMIndicateStatusComplete } from './status.ts';
export {
  NdisMEthIndicateReceive,
  NdisMEthIndicateReceiveComplete,
  NdisMFddiIndicateReceive,
  NdisMFddiIndicateReceiveComplete,
  NdisMIndicateReceivePacket,
  NdisMTransferDataComplete,
  NdisMTrIndicateReceive,
  NdisMTrIndicateReceiveComplete,
} from './receive.ts';
export {
  NdisMWanIndicateReceive,
  NdisMWanIndicateReceiveComplete,
  NdisMWanSendComplete,
} from './wan.ts';
