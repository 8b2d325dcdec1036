/**
 * Processors as NDIS counts them: NdisGroupActiveProcessorCount, NdisProcessorNumberToIndex and
 * NdisGetRssProcessorInformation. All processors of a machine are in group 0, on one NUMA node, and may receive.
 */

import type { Handle, OutPointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_OBJECT_TYPE_RSS_PROCESSOR_INFO,
  NDIS_RSS_PROCESSOR_INFO_REVISION_2,
  NDIS_SIZEOF_RSS_PROCESSOR_INFO_REVISION_2,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_SUCCESS,
  NdisRssProfileClosest,
} from '../generated/constants/index.ts';
import { NDIS_RSS_PROCESSOR, NDIS_RSS_PROCESSOR_INFO } from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject } from '../library.ts';

/** ALL_PROCESSOR_GROUPS. */
const ALL_GROUPS = 0xffff;
/** INVALID_PROCESSOR_INDEX. */
const INVALID_INDEX = 0xffff_ffff;
/** Offset of the number in PROCESSOR_NUMBER. */
const NUMBER = 2;

const countOf = ({ kernel }: NdisLibrary): number => kernel.scheduler.processors.length;

/** Active processors of a group, or of all groups; 0 for a group that is not there. Any IRQL. ndis/nf-ndis-ndisgroupactiveprocessorcount */
export const NdisGroupActiveProcessorCount = synchronous(
  'ULONG NdisGroupActiveProcessorCount(USHORT Group)',
  'any',
  '6.20',
  'ndis/nf-ndis-ndisgroupactiveprocessorcount',
  (ndis) =>
    (Group: number): number =>
      Group === 0 || Group === ALL_GROUPS ? countOf(ndis) : 0,
);

/**
 * The index of a processor, as KeGetProcessorIndexFromNumber gives it; INVALID_PROCESSOR_INDEX for one that is not
 * there. Any IRQL. wdm/nf-wdm-kegetprocessorindexfromnumber
 */
export const NdisProcessorNumberToIndex = synchronous(
  'ULONG NdisProcessorNumberToIndex(PPROCESSOR_NUMBER ProcNum)',
  'any',
  '6.20',
  'wdm/nf-wdm-kegetprocessorindexfromnumber',
  (ndis) =>
    (ProcNum: OutPointer): number => {
      const { memory } = ndis;
      const number = memory.u8[ProcNum + NUMBER];
      return memory.u16[ProcNum >> 1] === 0 && number < countOf(ndis) ? number : INVALID_INDEX;
    },
);

function writeInformation(ndis: NdisLibrary, address: Address, count: number): void {
  const { memory } = ndis;
  memory.u8.fill(0, address, address + NDIS_RSS_PROCESSOR_INFO.size + count * NDIS_RSS_PROCESSOR.size);
  const information = NDIS_RSS_PROCESSOR_INFO.at(memory, address);
  information.Header.Type = NDIS_OBJECT_TYPE_RSS_PROCESSOR_INFO;
  information.Header.Revision = NDIS_RSS_PROCESSOR_INFO_REVISION_2;
  information.Header.Size = NDIS_SIZEOF_RSS_PROCESSOR_INFO_REVISION_2;
  information.MaxNumRssProcessors = count;
  information.RssProcessorArrayOffset = NDIS_RSS_PROCESSOR_INFO.size;
  information.RssProcessorCount = count;
  information.RssProcessorEntrySize = NDIS_RSS_PROCESSOR.size;
  information.RssMaxProcessor.Number = count - 1;
  information.RssProfile = NdisRssProfileClosest;
  for (let index = 0; index < count; index++) {
    const at = address + NDIS_RSS_PROCESSOR_INFO.size + index * NDIS_RSS_PROCESSOR.size;
    NDIS_RSS_PROCESSOR.at(memory, at).ProcNum.Number = index;
  }
}

/**
 * Writes which processors receive side scaling may use. IRQL <= DISPATCH_LEVEL. NDIS_STATUS_BUFFER_TOO_SHORT with the
 * size that is needed. A wrong handle is a finding. ndis/nf-ndis-ndisgetrssprocessorinformation
 */
export const NdisGetRssProcessorInformation = synchronous(
  'NDIS_STATUS NdisGetRssProcessorInformation(NDIS_HANDLE NdisHandle, PNDIS_RSS_PROCESSOR_INFO RssProcessorInfo, PSIZE_T Size)',
  '<=DISPATCH_LEVEL',
  '6.20',
  'ndis/nf-ndis-ndisgetrssprocessorinformation',
  (ndis, driver) =>
    (NdisHandle: Handle, RssProcessorInfo: OutPointer, Size: OutPointer): number => {
      const { memory } = ndis;
      const call = 'NdisGetRssProcessorInformation';
      ndis.expect(NdisHandle, NdisObject, driver, call, `ndis/nf-ndis-${call.toLowerCase()}`);
      const count = countOf(ndis);
      const needed = BigInt(NDIS_RSS_PROCESSOR_INFO.size + count * NDIS_RSS_PROCESSOR.size);
      const given = memory.u64[Size >> 3];
      memory.u64[Size >> 3] = needed;
      if (RssProcessorInfo === 0 || given < needed) return NDIS_STATUS_BUFFER_TOO_SHORT;
      writeInformation(ndis, RssProcessorInfo, count);
      return NDIS_STATUS_SUCCESS;
    },
);
