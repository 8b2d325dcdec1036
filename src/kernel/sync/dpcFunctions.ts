/** DPCs as drivers import them. Implements KeInitializeDpc, KeInsertQueueDpc and their kin (wdm, ntddk). */

import { declareFunction } from '../declaration.ts';
import type { CallbackPointer, Context, Pointer } from '../edge.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../generated/constants/ntstatus.ts';
import type { KDPC, PROCESSOR_NUMBER } from '../generated/structures/common.ts';
import type { Kernel } from '../kernel.ts';
import {
  bindDpcRoutine,
  initializeDpc,
  insertQueueDpc,
  type KDEFERRED_ROUTINE,
  removeQueueDpc,
  setImportanceDpc,
  setTargetProcessorDpc,
  THREADED_DPC_OBJECT,
} from './dpc.ts';

/** Makes a DPC object; its routine runs at DISPATCH_LEVEL. Any IRQL. wdm/nf-wdm-keinitializedpc */
export const KeInitializeDpc = declareFunction('ntoskrnl', {
  prototype: 'VOID KeInitializeDpc(PKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keinitializedpc',
  implement:
    (kernel: Kernel, driver) =>
    (Dpc: Pointer<KDPC>, DeferredRoutine: CallbackPointer<KDEFERRED_ROUTINE>, DeferredContext: Context) =>
      initializeDpc(kernel, Dpc, bindDpcRoutine(kernel, driver, DeferredRoutine), DeferredContext),
});

/**
 * Makes a threaded DPC object. Its routine must be able to run at DISPATCH_LEVEL, and here it always does, as on a
 * system that has threaded DPCs switched off. Any IRQL. wdm/nf-wdm-keinitializethreadeddpc
 */
export const KeInitializeThreadedDpc = declareFunction('ntoskrnl', {
  prototype:
    'VOID KeInitializeThreadedDpc(PKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)',
  irql: 'any',
  waits: 'never',
  since: 'Vista',
  page: 'wdm/nf-wdm-keinitializethreadeddpc',
  implement:
    (kernel: Kernel, driver) =>
    (Dpc: Pointer<KDPC>, DeferredRoutine: CallbackPointer<KDEFERRED_ROUTINE>, DeferredContext: Context) =>
      initializeDpc(
        kernel,
        Dpc,
        bindDpcRoutine(kernel, driver, DeferredRoutine),
        DeferredContext,
        THREADED_DPC_OBJECT,
      ),
});

/**
 * Queues a DPC and returns TRUE; FALSE when it is queued already. A DPC for this processor runs before the return
 * when the IRQL is below DISPATCH_LEVEL. Any IRQL. wdm/nf-wdm-keinsertqueuedpc
 */
export const KeInsertQueueDpc = declareFunction('ntoskrnl', {
  prototype: 'BOOLEAN KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keinsertqueuedpc',
  implement: (kernel: Kernel) => (Dpc: Pointer<KDPC>, SystemArgument1: Context, SystemArgument2: Context) =>
    insertQueueDpc(kernel, Dpc, SystemArgument1, SystemArgument2) ? 1 : 0,
});

/** Takes a DPC out of its queue; FALSE when it is not queued. Any IRQL. wdm/nf-wdm-keremovequeuedpc */
export const KeRemoveQueueDpc = declareFunction('ntoskrnl', {
  prototype: 'BOOLEAN KeRemoveQueueDpc(PKDPC Dpc)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keremovequeuedpc',
  implement: (kernel: Kernel) => (Dpc: Pointer<KDPC>) => (removeQueueDpc(kernel, Dpc) ? 1 : 0),
});

/** Returns when all DPCs that were queued at the call have run, on all processors. PASSIVE_LEVEL. wdm/nf-wdm-keflushqueueddpcs */
export const KeFlushQueuedDpcs = declareFunction('ntoskrnl', {
  prototype: 'VOID KeFlushQueuedDpcs(VOID)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: 'XP SP2',
  page: 'wdm/nf-wdm-keflushqueueddpcs',
  implement: (kernel: Kernel) => () => kernel.scheduler.dpcs.flush(),
});

/** Sets the place in the queue and whether processing begins at once. Any IRQL. wdm/nf-wdm-kesetimportancedpc */
export const KeSetImportanceDpc = declareFunction('ntoskrnl', {
  prototype: 'VOID KeSetImportanceDpc(PKDPC Dpc, KDPC_IMPORTANCE Importance)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kesetimportancedpc',
  implement: (kernel: Kernel) => (Dpc: Pointer<KDPC>, Importance: number) =>
    setImportanceDpc(kernel, Dpc, Importance),
});

/**
 * Sets the processor of group 0 that the DPC runs on. `Number` is a CCHAR; one without a processor leaves the DPC
 * as it is and is a finding. Any IRQL. wdm/nf-wdm-kesettargetprocessordpc
 */
export const KeSetTargetProcessorDpc = declareFunction('ntoskrnl', {
  prototype: 'VOID KeSetTargetProcessorDpc(PKDPC Dpc, CCHAR Number)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kesettargetprocessordpc',
  implement: (kernel: Kernel, driver) => (Dpc: Pointer<KDPC>, Number: number) => {
    if (Number >= 0 && setTargetProcessorDpc(kernel, Dpc, Number)) return;
    kernel.report(
      'NO_SUCH_PROCESSOR',
      driver,
      `KeSetTargetProcessorDpc names processor ${Number} of ${kernel.scheduler.processors.length}`,
      'wdm/nf-wdm-kesettargetprocessordpc',
    );
  },
});

/** Sets the processor that the DPC runs on; STATUS_INVALID_PARAMETER when there is none. Any IRQL. wdm/nf-wdm-kesettargetprocessordpcex */
export const KeSetTargetProcessorDpcEx = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber)',
  irql: 'any',
  waits: 'never',
  since: '7',
  page: 'wdm/nf-wdm-kesettargetprocessordpcex',
  implement: (kernel: Kernel) => (Dpc: Pointer<KDPC>, ProcNumber: Pointer<PROCESSOR_NUMBER>) => {
    const group = kernel.memory.u16[ProcNumber >> 1];
    const number = kernel.memory.u8[ProcNumber + 2];
    const reserved = kernel.memory.u8[ProcNumber + 3];
    if (group !== 0 || reserved !== 0) return STATUS_INVALID_PARAMETER;
    return setTargetProcessorDpc(kernel, Dpc, number) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
  },
});

/** Clock ticks after which a single DPC, and DPCs in a row, count as hung: 20 s and 120 s of 15.625 ms. */
const DPC_TIME_LIMIT = 1280;
const DPC_WATCHDOG_LIMIT = 7680;

/**
 * Stores the limits and what is left of them (KDPC_WATCHDOG_INFORMATION, five ULONGs) in clock ticks;
 * STATUS_UNSUCCESSFUL below DISPATCH_LEVEL. Time in a DPC is virtual, so nothing of them is used up.
 * wdm/nf-wdm-kequerydpcwatchdoginformation
 */
export const KeQueryDpcWatchdogInformation = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS KeQueryDpcWatchdogInformation(PKDPC_WATCHDOG_INFORMATION WatchdogInformation)',
  irql: 'any',
  waits: 'never',
  since: 'Vista',
  page: 'wdm/nf-wdm-kequerydpcwatchdoginformation',
  implement: (kernel: Kernel) => (WatchdogInformation: number) => {
    if (kernel.irql < DISPATCH_LEVEL) return STATUS_UNSUCCESSFUL;
    const values = [DPC_TIME_LIMIT, DPC_TIME_LIMIT, DPC_WATCHDOG_LIMIT, DPC_WATCHDOG_LIMIT, 0];
    for (const [i, value] of values.entries()) kernel.memory.u32[(WatchdogInformation >> 2) + i] = value;
    return STATUS_SUCCESS;
  },
});
