/** Threads as drivers make and know them. Implements PsCreateSystemThread, KeSetPriorityThread and their kin (wdm, ntddk). */

import type { Address } from '../../memory/index.ts';
import { declareCallback, declareFunction } from '../declaration.ts';
import type { CallbackPointer, Context, Handle, OutPointer } from '../edge.ts';
import { NdisboxError } from '../errors.ts';
import { PASSIVE_LEVEL } from '../generated/constants/basic.ts';
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { handlesOf, writeHandle } from '../objects/handleTable.ts';
import { objectsOf } from '../objects/objectManager.ts';
import { procedure } from '../procedure.ts';
import { SYSTEM_PROCESS, type Thread } from '../thread.ts';
import { synchronous } from './declare.ts';
import { dereferenceThread, referenceThread, threadObjectAt } from './threadObject.ts';

/** ThreadStart. wdm/nc-wdm-kstart_routine */
export type KSTART_ROUTINE = (StartContext: unknown) => void | Promise<void>;
export const KSTART_ROUTINE = declareCallback<KSTART_ROUTINE>({
  prototype: 'VOID KSTART_ROUTINE(PVOID StartContext)',
  role: 'ThreadStart',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nc-wdm-kstart_routine',
});

/** Thread ids are multiples of 4, as handles are. */
const ID_FACTOR = 4;

/** The thread that runs where no other does. */
export const idleThreadOf = perKernel('idleThread', (kernel) => kernel.createThreadObject(0));

/** The PKTHREAD of what runs; a processor without a thread runs its idle thread. */
export function currentThreadAddress(kernel: Kernel): Address {
  return kernel.scheduler.thread?.address ?? idleThreadOf(kernel);
}

const systemThread = procedure<
  Kernel,
  { readonly driver: number; readonly routine: Address; readonly context: number }
>('SystemThread', {
  start: (kernel, locals, step) => {
    const { thread } = kernel.scheduler;
    // Documented: a new system thread runs inside a critical region.
    if (thread !== null) thread.criticalRegionDepth++;
    const callback = kernel.drivers[locals.driver].callback(locals.routine, KSTART_ROUTINE);
    return callback === null ? step.done(0) : step.call('over', callback, locals.context);
  },
  over: (kernel, locals, step) => {
    const { processor } = kernel.scheduler;
    if (processor.irql !== PASSIVE_LEVEL || processor.spinLocksHeld > 0) {
      kernel.report(
        'THREAD_ENDED_AT_RAISED_IRQL',
        kernel.drivers[locals.driver],
        `a system thread returned at IRQL ${processor.irql} with ${processor.spinLocksHeld} spin lock(s) held`,
        'wdm/nc-wdm-kstart_routine',
      );
      processor.irql = PASSIVE_LEVEL;
    }
    return step.done(STATUS_SUCCESS);
  },
});

/**
 * Makes a thread that runs `StartRoutine` at PASSIVE_LEVEL and stores a handle, to be closed with ZwClose; the thread
 * ends when the routine returns or calls PsTerminateSystemThread. STATUS_INSUFFICIENT_RESOURCES when no handle is
 * left. PASSIVE_LEVEL. wdm/nf-wdm-pscreatesystemthread
 */
export const PsCreateSystemThread = synchronous(
  'NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine, PVOID StartContext)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-pscreatesystemthread',
  (kernel, driver) =>
    (
      ThreadHandle: OutPointer,
      DesiredAccess: number,
      _ObjectAttributes: Address,
      _ProcessHandle: Handle,
      ClientId: OutPointer,
      StartRoutine: CallbackPointer<KSTART_ROUTINE>,
      StartContext: Context,
    ): number => {
      if (Number(StartRoutine) === 0) return STATUS_INVALID_PARAMETER;
      const objects = objectsOf(kernel);
      const address = kernel.createThreadObject(kernel.scheduler.nextThreadId);
      const object = objects.create('Thread', `system thread of ${driver.name}`, null, address);
      const handle = handlesOf(kernel).open(object, DesiredAccess, { driver, kernelHandle: true });
      if (handle === null) {
        objects.dereference(object);
        return STATUS_INSUFFICIENT_RESOURCES;
      }
      const thread = kernel.scheduler.createThread(
        `system thread of ${driver.name}`,
        systemThread,
        kernel,
        { driver: driver.id - 1, routine: StartRoutine, context: StartContext },
        { address },
      );
      const threadObject = threadObjectAt(kernel, address);
      if (threadObject !== null) {
        threadObject.thread = thread;
        // The object manager's references keep it; `removed` of the type Thread gives this one back.
        referenceThread(threadObject);
      }
      writeHandle(kernel.memory, ThreadHandle, handle);
      if (Number(ClientId) !== 0) {
        writeHandle(kernel.memory, ClientId, SYSTEM_PROCESS);
        writeHandle(kernel.memory, ClientId + 8, thread.id * ID_FACTOR);
      }
      return STATUS_SUCCESS;
    },
);

/** Called when a thread ends: its own reference to its object goes. */
export function releaseSystemThread(kernel: Kernel, thread: Thread): void {
  const object = objectsOf(kernel).at(thread.address);
  if (object !== undefined) objectsOf(kernel).dereference(object);
}

/** Tells the object manager how thread objects end. */
export function attachThreadObjects(kernel: Kernel): void {
  objectsOf(kernel).defineType('Thread', {
    removed: (_kernel, object) => {
      const threadObject = threadObjectAt(kernel, object.address);
      if (threadObject !== null) dereferenceThread(kernel, threadObject);
    },
  });
}

/**
 * Ends the calling system thread with a status; never returns, and to TypeScript gives a promise that never settles.
 * STATUS_INVALID_PARAMETER from a thread that PsCreateSystemThread did not make. PASSIVE_LEVEL.
 * wdm/nf-wdm-psterminatesystemthread
 */
export const PsTerminateSystemThread = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nf-wdm-psterminatesystemthread',
  implement:
    (kernel: Kernel) =>
    (ExitStatus: number): number | Promise<number> => {
      const { thread } = kernel.scheduler;
      const object = thread === null ? null : threadObjectAt(kernel, thread.address);
      if (thread === null || object === null || object.thread !== thread) return STATUS_INVALID_PARAMETER;
      kernel.scheduler.terminate(thread, ExitStatus);
      return new Promise(() => {});
    },
});

/** The PKTHREAD of the running thread. Any IRQL. wdm/nf-wdm-kegetcurrentthread */
export const KeGetCurrentThread = synchronous(
  'PKTHREAD KeGetCurrentThread(VOID)',
  'any',
  '2000',
  'wdm/nf-wdm-kegetcurrentthread',
  (kernel) => () => currentThreadAddress(kernel),
);
/** Another name of KeGetCurrentThread. wdm/nf-wdm-psgetcurrentthread */
export const PsGetCurrentThread = synchronous(
  'PETHREAD PsGetCurrentThread(VOID)',
  'any',
  '2000',
  'wdm/nf-wdm-psgetcurrentthread',
  (kernel) => () => currentThreadAddress(kernel),
);
/** The id of the running thread. Any IRQL. ntddk/nf-ntddk-psgetcurrentthreadid */
export const PsGetCurrentThreadId = synchronous(
  'HANDLE PsGetCurrentThreadId(VOID)',
  'any',
  '2000',
  'ntddk/nf-ntddk-psgetcurrentthreadid',
  (kernel) => () => (kernel.scheduler.thread?.id ?? 0) * ID_FACTOR,
);
/** The id of a thread. IRQL <= DISPATCH_LEVEL. ntddk/nf-ntddk-psgetthreadid */
export const PsGetThreadId = synchronous(
  'HANDLE PsGetThreadId(PETHREAD Thread)',
  '<=DISPATCH_LEVEL',
  'XP',
  'ntddk/nf-ntddk-psgetthreadid',
  (kernel) => (Thread: Address) => (threadObjectAt(kernel, Thread)?.id ?? 0) * ID_FACTOR,
);

function threadAt(kernel: Kernel, address: Address, what: string): Thread {
  for (const thread of kernel.scheduler.threads) if (thread.address === address) return thread;
  const ended = threadObjectAt(kernel, address)?.thread;
  if (ended !== null && ended !== undefined) return ended;
  throw new NdisboxError(
    'NOT_A_THREAD',
    `${what} was given 0x${address.toString(16)}, which is no thread (any more); reference a thread to keep its object`,
  );
}

/** Sets the priority (1 to 31) of a thread and returns the one before. PASSIVE_LEVEL. wdm/nf-wdm-kesetprioritythread */
export const KeSetPriorityThread = synchronous(
  'KPRIORITY KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-kesetprioritythread',
  (kernel, driver) => (Thread: Address, Priority: number) => {
    const thread = threadAt(kernel, Thread, 'KeSetPriorityThread');
    const before = thread.priority;
    if (Priority >= 1 && Priority <= 31) thread.priority = Priority;
    else {
      kernel.report(
        'BAD_PRIORITY',
        driver,
        `KeSetPriorityThread was given the priority ${Priority}; give 1 to 31`,
        'wdm/nf-wdm-kesetprioritythread',
      );
    }
    return before;
  },
);
/** The priority of a thread. PASSIVE_LEVEL. wdm/nf-wdm-kequeryprioritythread */
export const KeQueryPriorityThread = synchronous(
  'KPRIORITY KeQueryPriorityThread(PKTHREAD Thread)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-kequeryprioritythread',
  (kernel) => (Thread: Address) => threadAt(kernel, Thread, 'KeQueryPriorityThread').priority,
);
