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

/** Single entries of groups that are otherwise done. */
export const OUT_OF_SCOPE: Readonly<Record<string, string>> = {
  NdisMRegisterWdiMiniportDriver:
    'registers with the Wi-Fi framework of Windows, a driver of its own above NDIS',
  NdisMDeregisterWdiMiniportDriver:
    'belongs to the Wi-Fi framework of Windows, a driver of its own above NDIS',
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
]);

/** The issue that brings a group. */
export const PLANNED_GROUPS: Readonly<Record<string, number>> = {
  'legacy-5x': 4,
};

/** Exports without a page that real drivers import come with these drivers. */
export const ISSUE_OF_COMPILED_DRIVERS = 3;
