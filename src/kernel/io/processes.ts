/**
 * The two processes of a machine: System, in which drivers run, and the program of the host that opens devices.
 * Implements PsGetCurrentProcess, IoGetRequestorProcess and their kin (wdm.h, ntddk.h, ntifs.h).
 */

import type { Address } from '../../memory/index.ts';
import type { OutPointer, Pointer } from '../edge.ts';
import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import type { IRP } from '../generated/structures/index.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { MACHINE_VERSION } from '../memory/versionFunctions.ts';
import { objectsOf } from '../objects/objectManager.ts';
import type { NTSTATUS } from '../status.ts';
import { inlined, synchronous } from '../sync/declare.ts';
import * as at from './irpLayout.ts';

/** The process id of System, as on Windows. */
const SYSTEM = 4;
/** The process id of the host's program. */
const PROGRAM = 8;
const USER_MODE = 1;

/** Ids of the threads that make requests for the host's program. */
export const programThreadsOf = perKernel('threads of the program', () => new Set<number>());

/** The process objects, by process id. */
const processesOf = perKernel('processes', (kernel) => {
  const create = (id: number, name: string): [number, Address] => [
    id,
    objectsOf(kernel).create('Process', name, id).address,
  ];
  return new Map([create(SYSTEM, 'System'), create(PROGRAM, 'the program of the host')]);
});

function currentId(kernel: Kernel): number {
  const { thread } = kernel.scheduler;
  return thread !== null && programThreadsOf(kernel).has(thread.id) ? PROGRAM : SYSTEM;
}

function requestorId(kernel: Kernel, irp: Address): number {
  return kernel.memory.u8[irp + at.IRP_REQUESTOR_MODE] === USER_MODE ? PROGRAM : SYSTEM;
}

const objectOf = (kernel: Kernel, id: number): Address => processesOf(kernel).get(id) ?? 0;

/** The process whose thread runs. Any IRQL. @source wdm/nf-wdm-iogetcurrentprocess */
export const IoGetCurrentProcess = synchronous(
  'PEPROCESS IoGetCurrentProcess(VOID)',
  'any',
  '2000',
  'wdm/nf-wdm-iogetcurrentprocess',
  (kernel) => (): Address => objectOf(kernel, currentId(kernel)),
);

/** The macro around IoGetCurrentProcess. @source wdm/nf-wdm-iogetcurrentprocess */
export const PsGetCurrentProcess = inlined(
  'PEPROCESS PsGetCurrentProcess(VOID)',
  'any',
  '2000',
  'wdm/nf-wdm-iogetcurrentprocess',
  (kernel) => (): Address => objectOf(kernel, currentId(kernel)),
);

/** The id of the process whose thread runs; 4 for System. @source ntddk/nf-ntddk-psgetcurrentprocessid */
export const PsGetCurrentProcessId = synchronous(
  'HANDLE PsGetCurrentProcessId(VOID)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntddk/nf-ntddk-psgetcurrentprocessid',
  (kernel) => (): number => currentId(kernel),
);

/** The process that made a request. @source ntifs/nf-ntifs-iogetrequestorprocess */
export const IoGetRequestorProcess = synchronous(
  'PEPROCESS IoGetRequestorProcess(PIRP Irp)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-iogetrequestorprocess',
  (kernel) =>
    (Irp: Pointer<IRP>): Address =>
      objectOf(kernel, requestorId(kernel, Irp)),
);

/** The id of the process that made a request. @source ntifs/nf-ntifs-iogetrequestorprocessid */
export const IoGetRequestorProcessId = synchronous(
  'ULONG IoGetRequestorProcessId(PIRP Irp)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-iogetrequestorprocessid',
  (kernel) =>
    (Irp: Pointer<IRP>): number =>
      requestorId(kernel, Irp),
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
      const object = objectsOf(kernel).at(objectOf(kernel, ProcessId));
      if (object === undefined) return STATUS_INVALID_PARAMETER;
      objectsOf(kernel).reference(object);
      kernel.memory.writePointer(Process, object.address);
      return STATUS_SUCCESS;
    },
);

/** Bytes of KAPC_STATE on 64-bit Windows. */
const APC_STATE_SIZE = 48;

/**
 * Attaches the thread to the address space of a process. All processes of the machine see the same memory, so only
 * the state is kept. IRQL <= DISPATCH_LEVEL. @source ntifs/nf-ntifs-kestackattachprocess
 */
export const KeStackAttachProcess = synchronous(
  'VOID KeStackAttachProcess(PRKPROCESS PROCESS, PRKAPC_STATE ApcState)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-kestackattachprocess',
  ({ memory }) =>
    (PROCESS: OutPointer, ApcState: OutPointer): void => {
      memory.u8.fill(0, ApcState, ApcState + APC_STATE_SIZE);
      memory.writePointer(ApcState + 32, PROCESS);
    },
);

/** Ends what KeStackAttachProcess began. @source ntifs/nf-ntifs-keunstackdetachprocess */
export const KeUnstackDetachProcess = synchronous(
  'VOID KeUnstackDetachProcess(PRKAPC_STATE ApcState)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-keunstackdetachprocess',
  ({ memory }) =>
    (ApcState: OutPointer): void => {
      memory.u8.fill(0, ApcState, ApcState + APC_STATE_SIZE);
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
