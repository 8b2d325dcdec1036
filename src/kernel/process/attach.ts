/**
 * Attaching a thread to the address space of another process. Implements KeStackAttachProcess and its kin (ntifs.h).
 */

import { type Address, pointerText } from '../../memory/index.ts';
import type { OutPointer } from '../edge.ts';
import {
  INVALID_PROCESS_ATTACH_ATTEMPT,
  INVALID_PROCESS_DETACH_ATTEMPT,
} from '../generated/constants/bugCheck.ts';
import { KAPC_STATE } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { synchronous } from '../sync/declare.ts';
import type { Thread } from '../thread.ts';
import { type Process, processesOf } from './process.ts';

const PROCESS_MEMBER = KAPC_STATE.offset.Process;

/** What has to be given to attach: a process, from a thread. */
function attachTarget(kernel: Kernel, name: string, object: Address): readonly [Thread, Process] {
  const process = processesOf(kernel).at(object);
  const { thread } = kernel.scheduler;
  if (process !== null && thread !== null) return [thread, process];
  return kernel.bugCheck(
    INVALID_PROCESS_ATTACH_ATTEMPT,
    [object, thread?.address ?? 0, 0, 0],
    process === null
      ? `${name} was given ${pointerText(kernel.memory, object)}, which is no process; give what PsLookupProcessByProcessId or IoGetCurrentProcess returned`
      : `${name} was called where no thread runs, in a DPC; attach from a thread`,
  );
}

function detachable(kernel: Kernel, name: string, process: Process | null): readonly [Thread, Process] {
  const { thread } = kernel.scheduler;
  if (thread !== null && process !== null) return [thread, process];
  return kernel.bugCheck(
    INVALID_PROCESS_DETACH_ATTEMPT,
    [0, thread?.address ?? 0, 0, 0],
    `${name} was called by a thread that is not attached so; pair it with the call that attached`,
  );
}

/**
 * Attaches the thread to the address space of a process until KeUnstackDetachProcess; attachments nest. IRQL <=
 * DISPATCH_LEVEL. Bug check 0x5 for what is no process. @source ntifs/nf-ntifs-kestackattachprocess
 */
export const KeStackAttachProcess = synchronous(
  'VOID KeStackAttachProcess(PRKPROCESS PROCESS, PRKAPC_STATE ApcState)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-kestackattachprocess',
  (kernel) =>
    (PROCESS: OutPointer, ApcState: OutPointer): void => {
      const { memory } = kernel;
      const [thread, process] = attachTarget(kernel, 'KeStackAttachProcess', PROCESS);
      memory.u8.fill(0, ApcState, ApcState + KAPC_STATE.size);
      memory.writePointer(ApcState + PROCESS_MEMBER, processesOf(kernel).current.address);
      thread.addressSpace = process.id;
    },
);

/**
 * Ends what KeStackAttachProcess began. IRQL <= DISPATCH_LEVEL. Bug check 0x6 without it.
 * @source ntifs/nf-ntifs-keunstackdetachprocess
 */
export const KeUnstackDetachProcess = synchronous(
  'VOID KeUnstackDetachProcess(PRKAPC_STATE ApcState)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-keunstackdetachprocess',
  (kernel) =>
    (ApcState: OutPointer): void => {
      const { memory } = kernel;
      const before = processesOf(kernel).at(memory.readPointer(ApcState + PROCESS_MEMBER));
      const [thread, process] = detachable(kernel, 'KeUnstackDetachProcess', before);
      memory.u8.fill(0, ApcState, ApcState + KAPC_STATE.size);
      thread.addressSpace = process.id;
    },
);

/**
 * The older form of KeStackAttachProcess, which does not nest. IRQL <= DISPATCH_LEVEL. Bug check 0x5 when the thread is
 * attached to another process already. @source ntifs/nf-ntifs-keattachprocess
 */
export const KeAttachProcess = synchronous(
  'VOID KeAttachProcess(PRKPROCESS Process)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-keattachprocess',
  (kernel) =>
    (Process: OutPointer): void => {
      const [thread, process] = attachTarget(kernel, 'KeAttachProcess', Process);
      if (thread.addressSpace !== thread.process && thread.addressSpace !== process.id) {
        kernel.bugCheck(
          INVALID_PROCESS_ATTACH_ATTEMPT,
          [Process, processesOf(kernel).current.address, 0, 0],
          'KeAttachProcess was called by a thread that is attached to another process; use KeStackAttachProcess, which nests',
        );
      }
      thread.addressSpace = process.id;
    },
);

/**
 * Ends what KeAttachProcess began: the thread is in its own process again. IRQL <= DISPATCH_LEVEL.
 * @source ntifs/nf-ntifs-kedetachprocess
 */
export const KeDetachProcess = synchronous(
  'VOID KeDetachProcess(VOID)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-kedetachprocess',
  (kernel) => (): void => {
    const { thread } = kernel.scheduler;
    if (thread !== null) thread.addressSpace = thread.process;
  },
);
