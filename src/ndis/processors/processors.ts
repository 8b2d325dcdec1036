/**
 * Processors as NDIS counts them, and how long they were busy. All processors of a machine are in group 0.
 * Implements nf-ndis-ndisgroupactiveprocessorcount, nf-ndis-ndisgetcurrentprocessorcounts and their kin.
 */

import { type OutPointer, TIME_INCREMENT } from '../../kernel/index.ts';
import { macro, synchronous } from '../declareNdis.ts';
import type { NdisLibrary } from '../library.ts';

/** ALL_PROCESSOR_GROUPS. */
const ALL_GROUPS = 0xffff;
/** INVALID_PROCESSOR_INDEX. */
const INVALID_INDEX = 0xffff_ffff;
/** The macro lost its page of the reference; the guide still names it. */
const CURRENT_NUMBER_PAGE = 'network/obsolete-interfaces-in-ndis-6-20';
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

const allMask = (ndis: NdisLibrary): bigint => (1n << BigInt(countOf(ndis))) - 1n;
const isGroup = (group: number): boolean => group === 0 || group === ALL_GROUPS;

/** As NdisGroupActiveProcessorCount: no processor is added later. Any IRQL. ndis/nf-ndis-ndisgroupmaxprocessorcount */
export const NdisGroupMaxProcessorCount = synchronous(
  'ULONG NdisGroupMaxProcessorCount(USHORT Group)',
  'any',
  '6.20',
  'ndis/nf-ndis-ndisgroupmaxprocessorcount',
  (ndis) =>
    (Group: number): number =>
      isGroup(Group) ? countOf(ndis) : 0,
);

/** The active processors of a group, a bit each; 0 for a group that is not there. Any IRQL. ndis/nf-ndis-ndisgroupactiveprocessormask */
export const NdisGroupActiveProcessorMask = synchronous(
  'KAFFINITY NdisGroupActiveProcessorMask(USHORT Group)',
  'any',
  '6.20',
  'ndis/nf-ndis-ndisgroupactiveprocessormask',
  (ndis) =>
    (Group: number): bigint =>
      Group === 0 ? allMask(ndis) : 0n,
);

/** Processor groups in use: 1. Any IRQL. ndis/nf-ndis-ndisactivegroupcount */
export const NdisActiveGroupCount = synchronous(
  'USHORT NdisActiveGroupCount(VOID)',
  'any',
  '6.20',
  'ndis/nf-ndis-ndisactivegroupcount',
  () => (): number => 1,
);

/** Processor groups that there may ever be: 1. Any IRQL. ndis/nf-ndis-ndismaxgroupcount */
export const NdisMaxGroupCount = synchronous(
  'USHORT NdisMaxGroupCount(VOID)',
  'any',
  '6.20',
  'ndis/nf-ndis-ndismaxgroupcount',
  () => (): number => 1,
);

/** Active processors; their mask goes where ActiveProcessors points. Any IRQL. ndis/nf-ndis-ndissystemactiveprocessorcount */
export const NdisSystemActiveProcessorCount = synchronous(
  'ULONG NdisSystemActiveProcessorCount(PKAFFINITY ActiveProcessors)',
  'any',
  '6.1',
  'ndis/nf-ndis-ndissystemactiveprocessorcount',
  (ndis) =>
    (ActiveProcessors: OutPointer): number => {
      if (Number(ActiveProcessors) !== 0)
        ndis.memory.data.setBigUint64(ActiveProcessors, allMask(ndis), true);
      return countOf(ndis);
    },
);

/** Processors of the computer. IRQL PASSIVE_LEVEL. ndis/nf-ndis-ndissystemprocessorcount */
export const NdisSystemProcessorCount = synchronous(
  'CCHAR NdisSystemProcessorCount(VOID)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndissystemprocessorcount',
  (ndis) => (): number => countOf(ndis),
);

/** The number of the processor that runs, from 0. IRQL DISPATCH_LEVEL. ndis/nf-ndis-ndiscurrentprocessorindex */
export const NdisCurrentProcessorIndex = synchronous(
  'ULONG NdisCurrentProcessorIndex(VOID)',
  'DISPATCH_LEVEL',
  '6.20',
  'ndis/nf-ndis-ndiscurrentprocessorindex',
  (ndis) => (): number => ndis.kernel.scheduler.processor.number,
);

/**
 * The PROCESSOR_NUMBER of the processor that runs: the group in bits 0 to 15, which is 0, the number in bits 16 to 23.
 * IRQL >= DISPATCH_LEVEL. ndis/nf-ndis-ndiscurrentgroupandprocessor
 */
export const NdisCurrentGroupAndProcessor = synchronous(
  'PROCESSOR_NUMBER NdisCurrentGroupAndProcessor(VOID)',
  '>=DISPATCH_LEVEL',
  '6.20',
  'ndis/nf-ndis-ndiscurrentgroupandprocessor',
  (ndis) => (): number => ndis.kernel.scheduler.processor.number << 16,
);

/** The number of the processor that runs. IRQL >= DISPATCH_LEVEL. ndis/ndis_current_processor_number */
export const NDIS_CURRENT_PROCESSOR_NUMBER = macro(
  'ULONG NDIS_CURRENT_PROCESSOR_NUMBER(VOID)',
  '>=DISPATCH_LEVEL',
  '6.0',
  CURRENT_NUMBER_PAGE,
  (ndis) => (): number => ndis.kernel.scheduler.processor.number,
);

/**
 * How long the processor that runs was idle, and how long it is there at all, in ticks of KeQueryTimeIncrement; and its
 * number. The page's formula for the load takes the second count to include idle time. IRQL <= DISPATCH_LEVEL.
 * ndis/nf-ndis-ndisgetcurrentprocessorcounts
 */
export const NdisGetCurrentProcessorCounts = synchronous(
  'VOID NdisGetCurrentProcessorCounts(PULONG pIdleCount, PULONG pKernelAndUser, PULONG pIndex)',
  '<=DISPATCH_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisgetcurrentprocessorcounts',
  (ndis) =>
    (pIdleCount: OutPointer, pKernelAndUser: OutPointer, pIndex: OutPointer): void => {
      const { u32 } = ndis.memory;
      const { all, idle } = timesOf(ndis);
      u32[pIdleCount >> 2] = Math.floor(idle / TIME_INCREMENT);
      u32[pKernelAndUser >> 2] = Math.floor(all / TIME_INCREMENT);
      u32[pIndex >> 2] = ndis.kernel.scheduler.processor.number;
    },
);

/**
 * How busy the processor that runs was since the computer started, in percent. Any IRQL. Deprecated: the average since
 * the start says little. ndis/nf-ndis-ndisgetcurrentprocessorcpuusage
 */
export const NdisGetCurrentProcessorCpuUsage = synchronous(
  'VOID NdisGetCurrentProcessorCpuUsage(PULONG pCpuUsage)',
  'any',
  '5.1',
  'ndis/nf-ndis-ndisgetcurrentprocessorcpuusage',
  (ndis) =>
    (pCpuUsage: OutPointer): void => {
      const { all, idle } = timesOf(ndis);
      ndis.memory.u32[pCpuUsage >> 2] = all === 0 ? 0 : Math.round((100 * (all - idle)) / all);
    },
);

/** Time since the start, and how much of it the processor that runs was idle, in units of 100 ns. */
function timesOf({ kernel }: NdisLibrary): { readonly all: number; readonly idle: number } {
  const all = kernel.clock.read();
  const { dpcs } = kernel.scheduler;
  return { all, idle: all - dpcs.busyTime(dpcs.current) };
}
