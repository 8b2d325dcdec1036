/**
 * Drivers that are told of processes: PsSetCreateProcessNotifyRoutine (ntddk.h). The host's processes are made by its
 * own threads; routines run on a system thread, one after the other, in the order in which they were registered.
 */

import type { Address } from '../../memory/index.ts';
import type { DriverCallback } from '../callback.ts';
import { declareCallback } from '../declaration.ts';
import type { CallbackPointer } from '../edge.ts';
import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { procedure } from '../procedure.ts';
import type { NTSTATUS } from '../status.ts';
import { synchronous } from '../sync/declare.ts';
import { processesOf } from './process.ts';

/** Routines that may be registered at once. */
export const NOTIFY_LIMIT = 64;

/** A routine that is told. ntddk/nc-ntddk-pcreate_process_notify_routine */
export type CREATE_PROCESS_NOTIFY_ROUTINE = (
  ParentId: Address,
  ProcessId: Address,
  Create: number | boolean,
) => void | Promise<void>;
export const CREATE_PROCESS_NOTIFY_ROUTINE = declareCallback<CREATE_PROCESS_NOTIFY_ROUTINE>({
  prototype: 'VOID CREATE_PROCESS_NOTIFY_ROUTINE(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)',
  role: 'CreateProcessNotifyRoutine',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'ntddk/nc-ntddk-pcreate_process_notify_routine',
});

const routinesOf = perKernel('process notify routines', (kernel) => {
  const routines = new Map<Address, DriverCallback<CREATE_PROCESS_NOTIFY_ROUTINE>>();
  processesOf(kernel).changed = (process, created) => {
    if (routines.size === 0) return;
    const locals = { process: process.id, created: created ? 1 : 0, next: 0 };
    kernel.scheduler.createThread('process notification', notify, kernel, locals);
  };
  return routines;
});

/** Tells every routine of a process. */
const notify = procedure<Kernel, { readonly process: number; readonly created: number; next: number }>(
  'NotifyProcess',
  {
    start: (kernel, locals, step) => {
      const routine = [...routinesOf(kernel).values()].at(locals.next++);
      if (routine === undefined) return step.done(STATUS_SUCCESS);
      const parent = processesOf(kernel).system.id;
      return step.call('start', routine, parent, locals.process, locals.created);
    },
  },
);

/**
 * Registers a routine that is told when a process begins and ends, or takes it away (`Remove`). PASSIVE_LEVEL.
 * STATUS_INVALID_PARAMETER for a routine that is registered already, for a 65th, and for removing one that is not there.
 * A routine that is left behind at unload is taken away. ntddk/nf-ntddk-pssetcreateprocessnotifyroutine
 */
export const PsSetCreateProcessNotifyRoutine = synchronous(
  'NTSTATUS PsSetCreateProcessNotifyRoutine(PCREATE_PROCESS_NOTIFY_ROUTINE NotifyRoutine, BOOLEAN Remove)',
  'PASSIVE_LEVEL',
  '2000',
  'ntddk/nf-ntddk-pssetcreateprocessnotifyroutine',
  (kernel, driver) =>
    (NotifyRoutine: CallbackPointer<CREATE_PROCESS_NOTIFY_ROUTINE>, Remove: number | boolean): NTSTATUS => {
      const routines = routinesOf(kernel);
      const key = `process notify routine ${NotifyRoutine}`;
      if (Remove !== 0 && Remove !== false) {
        if (!routines.delete(NotifyRoutine)) return STATUS_INVALID_PARAMETER;
        driver.disown(key);
        return STATUS_SUCCESS;
      }
      const routine = driver.callback(NotifyRoutine, CREATE_PROCESS_NOTIFY_ROUTINE);
      if (routine === null || routines.has(NotifyRoutine) || routines.size >= NOTIFY_LIMIT)
        return STATUS_INVALID_PARAMETER;
      routines.set(NotifyRoutine, routine);
      driver.own(key, {
        kind: 'process notify routine',
        name: `at 0x${NotifyRoutine.toString(16)}`,
        releasedBy: 'PsSetCreateProcessNotifyRoutine with Remove',
        release: () => routines.delete(NotifyRoutine),
      });
      return STATUS_SUCCESS;
    },
);

/** The id of a process; 0 for what is none. Any IRQL. ntddk/nf-ntddk-psgetprocessid */
export const PsGetProcessId = synchronous(
  'HANDLE PsGetProcessId(PEPROCESS Process)',
  'any',
  '2000',
  'ntddk/nf-ntddk-psgetprocessid',
  (kernel) =>
    (Process: Address): number =>
      processesOf(kernel).at(Process)?.id ?? 0,
);
