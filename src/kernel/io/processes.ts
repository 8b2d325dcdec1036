/**
 * Which process runs, which one made a request, and how a driver finds one: System, in which drivers run, or a program.
 * Implements PsGetCurrentProcess, IoGetRequestorProcess and their kin (wdm.h, ntddk.h, ntifs.h).
 */

import type { Address } from '../../memory/index.ts';
import type { OutPointer, Pointer } from '../edge.ts';
import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import type { IRP } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { MACHINE_VERSION } from '../memory/versionFunctions.ts';
import { objectsOf } from '../objects/objectManager.ts';
import { type Process, processesOf } from '../process/process.ts';
import type { NTSTATUS } from '../status.ts';
import { inlined, synchronous } from '../sync/declare.ts';
import * as at from './irpLayout.ts';

const USER_MODE = 1;

/** The process whose program made a request; requests of drivers come from System. */
function requestor(kernel: Kernel, irp: Address): Process {
  const { memory, scheduler } = kernel;
  const processes = processesOf(kernel);
  if (memory.u8[irp + at.IRP_REQUESTOR_MODE] !== USER_MODE) return processes.system;
  const address = memory.readPointer(irp + at.IRP_THREAD);
  for (const thread of scheduler.threads) {
    if (thread.address === address) return processes.withId(thread.process) ?? processes.program;
  }
  return processes.program;
}

/** The process whose thread runs. Any IRQL. @source wdm/nf-wdm-iogetcurrentprocess */
export const IoGetCurrentProcess = synchronous(
  'PEPROCESS IoGetCurrentProcess(VOID)',
  'any',
  '2000',
  'wdm/nf-wdm-iogetcurrentprocess',
  (kernel) => (): Address => processesOf(kernel).current.address,
);

/** The macro around IoGetCurrentProcess. @source wdm/nf-wdm-iogetcurrentprocess */
export const PsGetCurrentProcess = inlined(
  'PEPROCESS PsGetCurrentProcess(VOID)',
  'any',
  '2000',
  'wdm/nf-wdm-iogetcurrentprocess',
  (kernel) => (): Address => processesOf(kernel).current.address,
);

/** The id of the process whose thread runs; 4 for System. @source ntddk/nf-ntddk-psgetcurrentprocessid */
export const PsGetCurrentProcessId = synchronous(
  'HANDLE PsGetCurrentProcessId(VOID)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntddk/nf-ntddk-psgetcurrentprocessid',
  (kernel) => (): number => processesOf(kernel).owner.id,
);

/** The process that made a request. @source ntifs/nf-ntifs-iogetrequestorprocess */
export const IoGetRequestorProcess = synchronous(
  'PEPROCESS IoGetRequestorProcess(PIRP Irp)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-iogetrequestorprocess',
  (kernel) =>
    (Irp: Pointer<IRP>): Address =>
      requestor(kernel, Irp).address,
);

/** The id of the process that made a request. @source ntifs/nf-ntifs-iogetrequestorprocessid */
export const IoGetRequestorProcessId = synchronous(
  'ULONG IoGetRequestorProcessId(PIRP Irp)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-iogetrequestorprocessid',
  (kernel) =>
    (Irp: Pointer<IRP>): number =>
      requestor(kernel, Irp).id,
);

/** Whether a request comes from a 32-bit program: never. @source wdm/nf-wdm-iois32bitprocess */
export const IoIs32bitProcess = synchronous(
  'BOOLEAN IoIs32bitProcess(PIRP Irp)',
  '<=DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-iois32bitprocess',
  () =>
    (_Irp: Pointer<IRP>): number =>
      0,
);

/**
 * References the process with an id. @returns STATUS_SUCCESS, STATUS_INVALID_PARAMETER where there is none.
 * IRQL <= APC_LEVEL. @source ntifs/nf-ntifs-pslookupprocessbyprocessid
 */
export const PsLookupProcessByProcessId = synchronous(
  'NTSTATUS PsLookupProcessByProcessId(HANDLE ProcessId, PEPROCESS* Process)',
  '<=APC_LEVEL',
  '2000',
  'ntifs/nf-ntifs-pslookupprocessbyprocessid',
  (kernel) =>
    (ProcessId: number, Process: OutPointer): NTSTATUS => {
      const object = objectsOf(kernel).at(processesOf(kernel).withId(ProcessId)?.address ?? 0);
      if (object === undefined) return STATUS_INVALID_PARAMETER;
      objectsOf(kernel).reference(object);
      kernel.memory.writePointer(Process, object.address);
      return STATUS_SUCCESS;
    },
);

/**
 * The version of the system; each pointer may be NULL. @returns FALSE: this is no checked build. IRQL: PASSIVE_LEVEL.
 * @source wdm/nf-wdm-psgetversion
 */
export const PsGetVersion = synchronous(
  'BOOLEAN PsGetVersion(PULONG MajorVersion, PULONG MinorVersion, PULONG BuildNumber, PVOID CSDVersion)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-psgetversion',
  ({ memory }) =>
    (MajorVersion: OutPointer, MinorVersion: OutPointer, BuildNumber: OutPointer, CSDVersion: OutPointer) => {
      if (MajorVersion !== 0) memory.u32[MajorVersion >> 2] = MACHINE_VERSION.major;
      if (MinorVersion !== 0) memory.u32[MinorVersion >> 2] = MACHINE_VERSION.minor;
      if (BuildNumber !== 0) memory.u32[BuildNumber >> 2] = MACHINE_VERSION.build;
      // No service pack: an empty UNICODE_STRING.
      if (CSDVersion !== 0) memory.u16[CSDVersion >> 1] = 0;
      return 0;
    },
);
