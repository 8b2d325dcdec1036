/**
 * What drivers are told of the processors: their topology, those for receive side scaling, and the hypervisor. A machine
 * is one socket without hyper-threading, one core a processor, on one NUMA node and under no hypervisor.
 * Implements nf-ndis-ndisgetprocessorinformation, nf-ndis-ndisgetprocessorinformationex,
 * nf-ndis-ndisgetrssprocessorinformation and nf-ndis-ndisgethypervisorinfo.
 */

import type { Driver, Handle, OutPointer, Pointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_RSS_PROCESSOR_INFO,
  NDIS_RSS_PROCESSOR_INFO_REVISION_2,
  NDIS_SIZEOF_HYPERVISOR_INFO_REVISION_1,
  NDIS_SIZEOF_RSS_PROCESSOR_INFO_REVISION_2,
  NDIS_SIZEOF_SYSTEM_PROCESSOR_INFO_EX_REVISION_1,
  NDIS_SIZEOF_SYSTEM_PROCESSOR_INFO_REVISION_1,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_SUCCESS,
  NDIS_SYSTEM_PROCESSOR_INFO_EX_REVISION_1,
  NdisHypervisorPartitionTypeUnknown,
  NdisProcessorVendorGenuineIntel,
} from '../generated/constants/index.ts';
import {
  NDIS_HYPERVISOR_INFO,
  NDIS_PROCESSOR_INFO,
  NDIS_PROCESSOR_INFO_EX,
  NDIS_RSS_PROCESSOR,
  NDIS_RSS_PROCESSOR_INFO,
  NDIS_SYSTEM_PROCESSOR_INFO,
  NDIS_SYSTEM_PROCESSOR_INFO_EX,
} from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { type RssProcessorSet, rssProcessorSet } from '../receiveScaling/processorSet.ts';

/** Processors that NDIS_SYSTEM_PROCESSOR_INFO has room for. */
const MAXIMUM_PROCESSORS = 64;
/** The offset of the number in PROCESSOR_NUMBER. */
const NUMBER = 2;

const countOf = ({ kernel }: NdisLibrary): number => kernel.scheduler.processors.length;

/**
 * The topology of the processors and those for receive side scaling, for drivers before 6.20. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_BUFFER_TOO_SHORT where Header.Size is too small.
 * ndis/nf-ndis-ndisgetprocessorinformation
 */
export const NdisGetProcessorInformation = synchronous(
  'NDIS_STATUS NdisGetProcessorInformation(PNDIS_SYSTEM_PROCESSOR_INFO SystemProcessorInfo)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisgetprocessorinformation',
  (ndis) =>
    (SystemProcessorInfo: Pointer<NDIS_SYSTEM_PROCESSOR_INFO>): number => {
      const view = NDIS_SYSTEM_PROCESSOR_INFO.at(ndis.memory, SystemProcessorInfo);
      if (view.Header.Size < NDIS_SIZEOF_SYSTEM_PROCESSOR_INFO_REVISION_1)
        return NDIS_STATUS_BUFFER_TOO_SHORT;
      const count = Math.min(countOf(ndis), MAXIMUM_PROCESSORS);
      const { processors, base, maximum } = rssProcessorSet(ndis, null);
      view.Flags = 0;
      view.ProcessorVendor = NdisProcessorVendorGenuineIntel;
      view.NumPhysicalPackages = 1;
      view.NumCores = count;
      view.NumCoresPerPhysicalPackage = count;
      view.MaxHyperThreadingCpusPerCore = 1;
      view.RssBaseCpu = base;
      view.RssCpuCount = maximum;
      if (view.RssProcessors !== 0) ndis.memory.u8.set(processors.slice(0, maximum), view.RssProcessors);
      for (let index = 0; index < count; index++) {
        const at =
          SystemProcessorInfo + NDIS_SYSTEM_PROCESSOR_INFO.offset.CpuInfo + index * NDIS_PROCESSOR_INFO.size;
        NDIS_PROCESSOR_INFO.fill(ndis.memory, at, {
          CpuNumber: index,
          PhysicalPackageId: 0,
          CoreId: index,
          HyperThreadID: 0,
        });
      }
      return NDIS_STATUS_SUCCESS;
    },
);

/** Writes the needed size; whether a buffer of the size that stood there is large enough. */
function fits(ndis: NdisLibrary, buffer: Address, sizeAt: Address, needed: number): boolean {
  const { data } = ndis.memory;
  const given = data.getBigUint64(sizeAt, true);
  data.setBigUint64(sizeAt, BigInt(needed), true);
  return buffer !== 0 && given >= BigInt(needed);
}

/**
 * The topology of the processors. The handle may be NULL; a wrong one is a finding. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_BUFFER_TOO_SHORT with the size that is needed, in bytes.
 * ndis/nf-ndis-ndisgetprocessorinformationex
 */
export const NdisGetProcessorInformationEx = synchronous(
  'NDIS_STATUS NdisGetProcessorInformationEx(NDIS_HANDLE NdisHandle, PNDIS_SYSTEM_PROCESSOR_INFO_EX SystemProcessorInfo, PSIZE_T Size)',
  '<=DISPATCH_LEVEL',
  '6.20',
  'ndis/nf-ndis-ndisgetprocessorinformationex',
  (ndis, driver) =>
    (NdisHandle: Handle, SystemProcessorInfo: OutPointer, Size: OutPointer): number => {
      if (NdisHandle !== 0) expectHandle(ndis, driver, NdisHandle, 'NdisGetProcessorInformationEx');
      const count = countOf(ndis);
      const { size } = NDIS_SYSTEM_PROCESSOR_INFO_EX;
      const needed = size + count * NDIS_PROCESSOR_INFO_EX.size;
      if (!fits(ndis, SystemProcessorInfo, Size, needed)) return NDIS_STATUS_BUFFER_TOO_SHORT;
      ndis.memory.u8.fill(0, SystemProcessorInfo, SystemProcessorInfo + needed);
      NDIS_SYSTEM_PROCESSOR_INFO_EX.fill(ndis.memory, SystemProcessorInfo, {
        Header: {
          Type: NDIS_OBJECT_TYPE_DEFAULT,
          Revision: NDIS_SYSTEM_PROCESSOR_INFO_EX_REVISION_1,
          Size: NDIS_SIZEOF_SYSTEM_PROCESSOR_INFO_EX_REVISION_1,
        },
        ProcessorVendor: NdisProcessorVendorGenuineIntel,
        NumSockets: 1,
        NumCores: count,
        NumCoresPerSocket: count,
        MaxHyperThreadingProcsPerCore: 1,
        ProcessorInfoOffset: size,
        NumberOfProcessors: count,
        ProcessorInfoEntrySize: NDIS_PROCESSOR_INFO_EX.size,
      });
      for (let index = 0; index < count; index++) {
        const at = SystemProcessorInfo + size + index * NDIS_PROCESSOR_INFO_EX.size;
        ndis.memory.u8[at + NUMBER] = index;
        NDIS_PROCESSOR_INFO_EX.at(ndis.memory, at).CoreId = index;
      }
      return NDIS_STATUS_SUCCESS;
    },
);

function expectHandle(ndis: NdisLibrary, driver: Driver, handle: Handle, call: string): NdisObject | null {
  return ndis.expect(handle, NdisObject, driver, call, `ndis/nf-ndis-${call.toLowerCase()}`);
}

/** The adapter that an instance handle stands for. */
function adapterOf(object: NdisObject | null): MiniportAdapter | null {
  if (object instanceof Binding) return object.adapter;
  return object instanceof MiniportAdapter ? object : null;
}

function writeRssInformation(ndis: NdisLibrary, address: Address, set: RssProcessorSet): void {
  const { memory } = ndis;
  const { size } = NDIS_RSS_PROCESSOR_INFO;
  NDIS_RSS_PROCESSOR_INFO.fill(memory, address, {
    Header: {
      Type: NDIS_OBJECT_TYPE_RSS_PROCESSOR_INFO,
      Revision: NDIS_RSS_PROCESSOR_INFO_REVISION_2,
      Size: NDIS_SIZEOF_RSS_PROCESSOR_INFO_REVISION_2,
    },
    MaxNumRssProcessors: set.maximum,
    PreferredNumaNode: set.numaNode,
    RssProcessorArrayOffset: size,
    RssProcessorCount: set.processors.length,
    RssProcessorEntrySize: NDIS_RSS_PROCESSOR.size,
    RssProfile: set.profile,
  });
  const view = NDIS_RSS_PROCESSOR_INFO.at(memory, address);
  view.RssBaseProcessor.Number = set.base;
  view.RssMaxProcessor.Number = set.highest;
  for (const [index, number] of set.processors.entries()) {
    const at = address + size + index * NDIS_RSS_PROCESSOR.size;
    NDIS_RSS_PROCESSOR.at(memory, at).ProcNum.Number = number;
  }
}

/**
 * Which processors an adapter may use for receive side scaling, by its keywords. IRQL <= DISPATCH_LEVEL. A wrong handle is
 * a finding.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_BUFFER_TOO_SHORT with the size that is needed, in bytes.
 * ndis/nf-ndis-ndisgetrssprocessorinformation
 */
export const NdisGetRssProcessorInformation = synchronous(
  'NDIS_STATUS NdisGetRssProcessorInformation(NDIS_HANDLE NdisHandle, PNDIS_RSS_PROCESSOR_INFO RssProcessorInfo, PSIZE_T Size)',
  '<=DISPATCH_LEVEL',
  '6.20',
  'ndis/nf-ndis-ndisgetrssprocessorinformation',
  (ndis, driver) =>
    (NdisHandle: Handle, RssProcessorInfo: OutPointer, Size: OutPointer): number => {
      const object = expectHandle(ndis, driver, NdisHandle, 'NdisGetRssProcessorInformation');
      const set = rssProcessorSet(ndis, adapterOf(object));
      const needed = NDIS_RSS_PROCESSOR_INFO.size + set.processors.length * NDIS_RSS_PROCESSOR.size;
      if (!fits(ndis, RssProcessorInfo, Size, needed)) return NDIS_STATUS_BUFFER_TOO_SHORT;
      ndis.memory.u8.fill(0, RssProcessorInfo, RssProcessorInfo + needed);
      writeRssInformation(ndis, RssProcessorInfo, set);
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * Whether a hypervisor is there: none is. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_BUFFER_TOO_SHORT where Header.Size is too small.
 * ndis/nf-ndis-ndisgethypervisorinfo
 */
export const NdisGetHypervisorInfo = synchronous(
  'NDIS_STATUS NdisGetHypervisorInfo(PNDIS_HYPERVISOR_INFO HypervisorInfo)',
  '<=DISPATCH_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisgethypervisorinfo',
  (ndis) =>
    (HypervisorInfo: Pointer<NDIS_HYPERVISOR_INFO>): number => {
      const view = NDIS_HYPERVISOR_INFO.at(ndis.memory, HypervisorInfo);
      if (view.Header.Size < NDIS_SIZEOF_HYPERVISOR_INFO_REVISION_1) return NDIS_STATUS_BUFFER_TOO_SHORT;
      view.Flags = 0;
      view.PartitionType = NdisHypervisorPartitionTypeUnknown;
      return NDIS_STATUS_SUCCESS;
    },
);
