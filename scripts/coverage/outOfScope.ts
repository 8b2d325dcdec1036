/**
 * What ndisbox does not do, and why; and which later issue brings what is not there yet. Reviewed by hand. Layouts
 * of structures and values of enumerations are declared and tested for every group, also for these.
 */

/** Whole groups: their functions, callbacks and macros. */
export const GROUPS_OUT_OF_SCOPE: Readonly<Record<string, string>> = {
  'switch-extension': 'extensions of the Hyper-V virtual switch need that switch as their host',
  'packet-direct':
    'an interface between a kernel platform and special hardware, whose other side is not documented',
  'poll-mode': 'an optional way to schedule work; drivers that can use it fall back where NDIS has none',
  virtualization: 'SR-IOV, VMQ and virtual PCI need a hypervisor that assigns hardware',
  'ipsec-offload': 'offload to hardware that Windows has deprecated',
  'tcp-chimney': 'TCP offload of whole connections, which Windows has removed',
  netdma: 'direct memory access engines for networks, which Windows has removed',
  'ndk-rdma': 'remote DMA is an interface of its own beside NDIS and needs such hardware',
  isolation: 'multi-tenant isolation belongs to the Hyper-V virtual switch',
  'undocumented-export': 'no reference page says what it does, so nothing can be held against it',
};

/** Reasons that several entries of NDIS 5 share. */
const FULL_MAC = 'belongs to full MAC drivers of NDIS 3, which no function registers any more';
const UNUSED_TYPE = 'a type of the headers that nothing declared there uses';
const NO_TRANSFER = 'fills a union: it has no parameters, and nothing is transferred from a WAN driver';
const TDI = 'between NDIS and tdi.sys, the part of Windows above transports; no other driver calls it';
const PRAGMA = 'a pragma of the compiler';

/** Single entries of groups that are otherwise done. */
export const OUT_OF_SCOPE: Readonly<Record<string, string>> = {
  NdisMRegisterWdiMiniportDriver:
    'registers with the Wi-Fi framework of Windows, a driver of its own above NDIS',
  NdisMDeregisterWdiMiniportDriver:
    'belongs to the Wi-Fi framework of Windows, a driver of its own above NDIS',
  OPEN_ADAPTER_HANDLER: FULL_MAC,
  CLOSE_ADAPTER_HANDLER: FULL_MAC,
  QUERY_GLOBAL_STATISTICS_HANDLER: FULL_MAC,
  UNLOAD_MAC_HANDLER: FULL_MAC,
  ADD_ADAPTER_HANDLER: FULL_MAC,
  REMOVE_ADAPTER_HANDLER: FULL_MAC,
  PNDIS_INTERRUPT_SERVICE: FULL_MAC,
  PNDIS_DEFERRED_PROCESSING: FULL_MAC,
  NDIS_BLOCK_INITIALIZER: UNUSED_TYPE,
  W_MINIPORT_CALLBACK: UNUSED_TYPE,
  WAN_TRANSFER_DATA_HANDLER: NO_TRANSFER,
  WAN_TRANSFER_DATA_COMPLETE_HANDLER: NO_TRANSFER,
  WM_TRANSFER_DATA_HANDLER: NO_TRANSFER,
  TDI_REGISTER_CALLBACK: TDI,
  TDI_PNP_HANDLER: TDI,
  NdisRegisterTdiCallBack: TDI,
  NdisDeregisterTdiCallBack: TDI,
  NDIS_INIT_FUNCTION: PRAGMA,
  NDIS_ARC_BUF:
    'what NDIS itself keeps for ARCnet behind a pointer of NDIS_MINIPORT_BLOCK; drivers never see inside',
  W_RECONFIGURE_HANDLER: 'NDIS has not called it since Windows 95; a driver leaves it NULL',
};

/** The groups that the first milestone (issue 2) completes. */
export const GROUPS_DUE: ReadonlySet<string> = new Set([
  'protocol',
  'miniport',
  'intermediate',
  'net-buffer',
  'oid-request',
  'status',
  'ports',
  'memory',
  'sync',
  'timer-workitem',
  'config-registry',
  'strings-misc',
  'task-offload',
  'network-interface',
  'rss-processor',
  'condis-client',
  'condis-call-manager',
  'condis-mcm',
  'condis-miniport',
  'hardware',
  'filter',
  'pnp-power',
  'legacy-5x',
]);

/** The issue that brings a group. */
export const PLANNED_GROUPS: Readonly<Record<string, number>> = {};

/** Exports without a page that real drivers import come with these drivers. */
export const ISSUE_OF_COMPILED_DRIVERS = 3;
