/**
 * Logical processors, all in group 0, and the affinity of threads to them.
 * Implements KeGetCurrentProcessorNumberEx, KeSetSystemAffinityThreadEx and their kin (wdm, ntddk).
 */

import type { Address } from '../../memory/index.ts';
import { declareCallback } from '../declaration.ts';
import type { CallbackPointer, Context, OutPointer, Pointer } from '../edge.ts';
import { IPI_LEVEL } from '../generated/constants/basic.ts';
import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import type { GROUP_AFFINITY, PROCESSOR_NUMBER } from '../generated/structures/common.ts';
import type { Kernel } from '../kernel.ts';
import { synchronous } from './declare.ts';

/** ALL_PROCESSOR_GROUPS as a USHORT. */
const ALL_GROUPS = 0xffff;
/** INVALID_PROCESSOR_INDEX. */
const INVALID_INDEX = 0xffff_ffff;

/** IpiGenericCall. wdm/nc-wdm-kipi_broadcast_worker */
export type KIPI_BROADCAST_WORKER = (Argument: number) => number;
export const KIPI_BROADCAST_WORKER = declareCallback<KIPI_BROADCAST_WORKER>({
  prototype: 'ULONG_PTR KIPI_BROADCAST_WORKER(ULONG_PTR Argument)',
  role: 'IpiGenericCall',
  irql: 'any',
  waits: 'never',
  since: 'Server 2003',
  page: 'wdm/nc-wdm-kipi_broadcast_worker',
});

const count = (kernel: Kernel): number => kernel.scheduler.processors.length;
const allMask = (kernel: Kernel): bigint => (1n << BigInt(count(kernel))) - 1n;

function writeNumber(kernel: Kernel, at: Address, number: number): void {
  kernel.memory.u16[at >> 1] = 0;
  kernel.memory.u8[at + 2] = number;
  kernel.memory.u8[at + 3] = 0;
}

/** The number of the processor that runs. Any IRQL. ntddk/nf-ntddk-kegetcurrentprocessornumber */
export const KeGetCurrentProcessorNumber = synchronous(
  'ULONG KeGetCurrentProcessorNumber(VOID)',
  'any',
  '2000',
  'ntddk/nf-ntddk-kegetcurrentprocessornumber',
  ({ scheduler }) =>
    () =>
      scheduler.processor.number,
);
/** As KeGetCurrentProcessorNumber; also stores group and number where asked. Any IRQL. wdm/nf-wdm-kegetcurrentprocessornumberex */
export const KeGetCurrentProcessorNumberEx = synchronous(
  'ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)',
  'any',
  '7',
  'wdm/nf-wdm-kegetcurrentprocessornumberex',
  (kernel) => (ProcNumber: Pointer<PROCESSOR_NUMBER>) => {
    const { number } = kernel.scheduler.processor;
    if (Number(ProcNumber) !== 0) writeNumber(kernel, ProcNumber, number);
    return number;
  },
);
/** Processors of the machine; stores their mask where asked. Any IRQL. wdm/nf-wdm-kequeryactiveprocessorcount */
export const KeQueryActiveProcessorCount = synchronous(
  'ULONG KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors)',
  'any',
  'Vista',
  'wdm/nf-wdm-kequeryactiveprocessorcount',
  (kernel) => (ActiveProcessors: OutPointer) => {
    if (Number(ActiveProcessors) !== 0)
      kernel.memory.data.setBigUint64(ActiveProcessors, allMask(kernel), true);
    return count(kernel);
  },
);
/** Processors of a group or, with ALL_PROCESSOR_GROUPS, of all; 0 for a group that is not there. wdm/nf-wdm-kequeryactiveprocessorcountex */
export const KeQueryActiveProcessorCountEx = synchronous(
  'ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber)',
  'any',
  '7',
  'wdm/nf-wdm-kequeryactiveprocessorcountex',
  (kernel) => (GroupNumber: number) => (GroupNumber === 0 || GroupNumber === ALL_GROUPS ? count(kernel) : 0),
);
/** Processors that the machine may ever have. Any IRQL. wdm/nf-wdm-kequerymaximumprocessorcount */
export const KeQueryMaximumProcessorCount = synchronous(
  'ULONG KeQueryMaximumProcessorCount(VOID)',
  'any',
  'Vista',
  'wdm/nf-wdm-kequerymaximumprocessorcount',
  (kernel) => () => count(kernel),
);
/** As KeQueryActiveProcessorCountEx: no processor is added later. wdm/nf-wdm-kequerymaximumprocessorcountex */
export const KeQueryMaximumProcessorCountEx = synchronous(
  'ULONG KeQueryMaximumProcessorCountEx(USHORT GroupNumber)',
  'any',
  '7',
  'wdm/nf-wdm-kequerymaximumprocessorcountex',
  (kernel) => (GroupNumber: number) => (GroupNumber === 0 || GroupNumber === ALL_GROUPS ? count(kernel) : 0),
);
/** The mask of the processors. Any IRQL. wdm/nf-wdm-kequeryactiveprocessors */
export const KeQueryActiveProcessors = synchronous(
  'KAFFINITY KeQueryActiveProcessors(VOID)',
  'any',
  '2000',
  'wdm/nf-wdm-kequeryactiveprocessors',
  (kernel) => () => allMask(kernel),
);
/** Processor groups: 1. Any IRQL. wdm/nf-wdm-kequeryactivegroupcount */
export const KeQueryActiveGroupCount = synchronous(
  'USHORT KeQueryActiveGroupCount(VOID)',
  'any',
  '7',
  'wdm/nf-wdm-kequeryactivegroupcount',
  () => () => 1,
);
/** Processor groups that there may ever be: 1. Any IRQL. wdm/nf-wdm-kequerymaximumgroupcount */
export const KeQueryMaximumGroupCount = synchronous(
  'USHORT KeQueryMaximumGroupCount(VOID)',
  'any',
  '7',
  'wdm/nf-wdm-kequerymaximumgroupcount',
  () => () => 1,
);
/** The mask of the processors of a group, 0 for one that is not there. Any IRQL. wdm/nf-wdm-kequerygroupaffinity */
export const KeQueryGroupAffinity = synchronous(
  'KAFFINITY KeQueryGroupAffinity(USHORT GroupNumber)',
  'any',
  '7',
  'wdm/nf-wdm-kequerygroupaffinity',
  (kernel) => (GroupNumber: number) => (GroupNumber === 0 ? allMask(kernel) : 0n),
);
/** The index of a processor; INVALID_PROCESSOR_INDEX for one that is not there. Any IRQL. wdm/nf-wdm-kegetprocessorindexfromnumber */
export const KeGetProcessorIndexFromNumber = synchronous(
  'ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber)',
  'any',
  '7',
  'wdm/nf-wdm-kegetprocessorindexfromnumber',
  (kernel) => (ProcNumber: Pointer<PROCESSOR_NUMBER>) => {
    const { memory } = kernel;
    const number = memory.u8[ProcNumber + 2];
    const valid = memory.u16[ProcNumber >> 1] === 0 && memory.u8[ProcNumber + 3] === 0;
    return valid && number < count(kernel) ? number : INVALID_INDEX;
  },
);
/** Stores group and number of a processor index; STATUS_INVALID_PARAMETER for one that is not there. wdm/nf-wdm-kegetprocessornumberfromindex */
export const KeGetProcessorNumberFromIndex = synchronous(
  'NTSTATUS KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)',
  'any',
  '7',
  'wdm/nf-wdm-kegetprocessornumberfromindex',
  (kernel) => (ProcIndex: number, ProcNumber: Pointer<PROCESSOR_NUMBER>) => {
    if (ProcIndex >= count(kernel)) return STATUS_INVALID_PARAMETER;
    writeNumber(kernel, ProcNumber, ProcIndex);
    return STATUS_SUCCESS;
  },
);

/** Sets the system affinity of the running thread; returns the one before, 0 for none. 0 takes it away. */
function setAffinity(kernel: Kernel, mask: bigint, revert: boolean): bigint {
  const { thread } = kernel.scheduler;
  if (thread === null) return 0n;
  const before = thread.affinity ?? 0n;
  if (revert && mask === 0n) thread.affinity = null;
  // A mask with processors that are not there changes nothing, as documented.
  else if (mask !== 0n && (mask & ~allMask(kernel)) === 0n) thread.affinity = mask;
  kernel.scheduler.applyAffinity();
  return before;
}

/** Binds the running thread to some processors; it goes on there. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kesetsystemaffinitythread */
export const KeSetSystemAffinityThread = synchronous(
  'VOID KeSetSystemAffinityThread(KAFFINITY Affinity)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-kesetsystemaffinitythread',
  (kernel) => (Affinity: bigint) => {
    setAffinity(kernel, Affinity, false);
  },
);
/** Takes the system affinity of the running thread away. wdm/nf-wdm-kereverttouseraffinitythread */
export const KeRevertToUserAffinityThread = synchronous(
  'VOID KeRevertToUserAffinityThread(VOID)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-kereverttouseraffinitythreadex',
  (kernel) => () => {
    setAffinity(kernel, 0n, true);
  },
);
/** As KeSetSystemAffinityThread; returns the system affinity before, 0 for none. wdm/nf-wdm-kesetsystemaffinitythreadex */
export const KeSetSystemAffinityThreadEx = synchronous(
  'KAFFINITY KeSetSystemAffinityThreadEx(KAFFINITY Affinity)',
  '<=DISPATCH_LEVEL',
  'Vista',
  'wdm/nf-wdm-kesetsystemaffinitythreadex',
  (kernel) => (Affinity: bigint) => setAffinity(kernel, Affinity, false),
);
/** Restores what KeSetSystemAffinityThreadEx returned. wdm/nf-wdm-kereverttouseraffinitythreadex */
export const KeRevertToUserAffinityThreadEx = synchronous(
  'VOID KeRevertToUserAffinityThreadEx(KAFFINITY Affinity)',
  '<=DISPATCH_LEVEL',
  'Vista',
  'wdm/nf-wdm-kereverttouseraffinitythreadex',
  (kernel) => (Affinity: bigint) => {
    setAffinity(kernel, Affinity, true);
  },
);
/** As KeSetSystemAffinityThreadEx with a group; stores the affinity before where asked. wdm/nf-wdm-kesetsystemgroupaffinitythread */
export const KeSetSystemGroupAffinityThread = synchronous(
  'VOID KeSetSystemGroupAffinityThread(PGROUP_AFFINITY Affinity, PGROUP_AFFINITY PreviousAffinity)',
  '<=DISPATCH_LEVEL',
  '7',
  'wdm/nf-wdm-kesetsystemgroupaffinitythread',
  (kernel) => (Affinity: Pointer<GROUP_AFFINITY>, PreviousAffinity: Pointer<GROUP_AFFINITY>) => {
    const { memory } = kernel;
    const mask = memory.u16[(Affinity + 8) >> 1] === 0 ? memory.data.getBigUint64(Affinity, true) : 0n;
    const before = setAffinity(kernel, mask, false);
    if (Number(PreviousAffinity) === 0) return;
    memory.u8.fill(0, PreviousAffinity, PreviousAffinity + 16);
    memory.data.setBigUint64(PreviousAffinity, before, true);
  },
);
/** Restores what KeSetSystemGroupAffinityThread stored. wdm/nf-wdm-kereverttousergroupaffinitythread */
export const KeRevertToUserGroupAffinityThread = synchronous(
  'VOID KeRevertToUserGroupAffinityThread(PGROUP_AFFINITY PreviousAffinity)',
  '<=DISPATCH_LEVEL',
  '7',
  'wdm/nf-wdm-kereverttousergroupaffinitythread',
  (kernel) => (PreviousAffinity: Pointer<GROUP_AFFINITY>) => {
    setAffinity(kernel, kernel.memory.data.getBigUint64(PreviousAffinity, true), true);
  },
);

/**
 * Runs a function on every processor at IPI_LEVEL, on the caller's last, and returns what that gave. IRQL below
 * IPI_LEVEL. wdm/nf-wdm-keipigenericcall
 */
export const KeIpiGenericCall = synchronous(
  'ULONG_PTR KeIpiGenericCall(PKIPI_BROADCAST_WORKER BroadcastFunction, ULONG_PTR Context)',
  'any',
  'Server 2003',
  'wdm/nf-wdm-keipigenericcall',
  (kernel, driver) =>
    (BroadcastFunction: CallbackPointer<KIPI_BROADCAST_WORKER>, Context: Context): number => {
      const callback = driver.callback(BroadcastFunction, KIPI_BROADCAST_WORKER);
      if (callback === null) return 0;
      const { scheduler } = kernel;
      const own = scheduler.processor;
      for (const processor of scheduler.processors)
        if (processor !== own) scheduler.runOn(processor, IPI_LEVEL, () => callback.invoke(Context));
      return scheduler.runOn(own, IPI_LEVEL, () => callback.invoke(Context));
    },
);
