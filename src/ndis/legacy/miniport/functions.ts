/** What miniport drivers for NDIS 4.0 to 5.1 import. */

export * from './wrapper.ts';
export * from './register.ts';
export * from './attributes.ts';
export * from './shutdown.ts';
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
