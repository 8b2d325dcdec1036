/**
 * The variables that ntoskrnl exports and drivers read: object types, the debugger's state, versions, and bounds of the
 * address space. An import gives the address of the variable. Implements what ObReferenceObjectByHandle (wdm.h),
 * "EPROCESS" and "Determining Whether the Operating System Is Running in Safe Mode" (kernel) say of them.
 */

import { KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import { declareData } from '../declaration.ts';
import { MACHINE_VERSION } from '../memory/versionFunctions.ts';
import { processesOf } from '../process/process.ts';
import { objectsOf } from './objectManager.ts';

/** Set in NtBuildNumber of a free build. */
const FREE_BUILD = 0xf000_0000;

/** A variable that holds the address of an object type. */
const objectType = (name: string, type: string) =>
  declareData('ntoskrnl', {
    name,
    type: 'POBJECT_TYPE',
    size: 8,
    initial: (kernel, address) => kernel.memory.writePointer(address, objectsOf(kernel).typeAddress(type)),
  });

const byte = (name: string, type: string, value: number) =>
  declareData('ntoskrnl', {
    name,
    type,
    size: 1,
    initial: ({ memory }, address) => {
      memory.u8[address] = value;
    },
  });

const number = (name: string, value: number) =>
  declareData('ntoskrnl', {
    name,
    type: 'ULONG',
    size: 4,
    initial: ({ memory }, address) => {
      memory.u32[address >> 2] = value;
    },
  });

/** A variable that holds an address where nothing lies. */
const bound = (name: string, low: number, high: number) =>
  declareData('ntoskrnl', {
    name,
    type: 'PVOID',
    size: 8,
    initial: ({ memory }, address) => {
      memory.u32[address >> 2] = low;
      memory.i32[(address + 4) >> 2] = high;
    },
  });

/** The type of event objects. wdm/nf-wdm-obreferenceobjectbyhandle */
export const ExEventObjectType = objectType('ExEventObjectType', 'Event');
/** The type of semaphores. wdm/nf-wdm-obreferenceobjectbyhandle */
export const ExSemaphoreObjectType = objectType('ExSemaphoreObjectType', 'Semaphore');
/** The type of file objects. wdm/nf-wdm-obreferenceobjectbyhandle */
export const IoFileObjectType = objectType('IoFileObjectType', 'File');
/** The type of device objects. ntifs/nf-ntifs-obopenobjectbypointer */
export const IoDeviceObjectType = objectType('IoDeviceObjectType', 'Device');
/** The type of driver objects. ntifs/nf-ntifs-obopenobjectbypointer */
export const IoDriverObjectType = objectType('IoDriverObjectType', 'Driver');
/** The type of processes. wdm/nf-wdm-obreferenceobjectbyhandle */
export const PsProcessType = objectType('PsProcessType', 'Process');
/** The type of threads. wdm/nf-wdm-obreferenceobjectbyhandle */
export const PsThreadType = objectType('PsThreadType', 'Thread');
/** The type of access tokens. wdm/nf-wdm-obreferenceobjectbyhandle */
export const SeTokenObjectType = objectType('SeTokenObjectType', 'Token');
/** The type of registry keys. ntifs/nf-ntifs-obopenobjectbypointer */
export const CmKeyObjectType = objectType('CmKeyObjectType', 'Key');

/** FALSE: no debugger is enabled. */
export const KdDebuggerEnabled = byte('KdDebuggerEnabled', 'BOOLEAN', 0);
/** TRUE: no debugger is attached. */
export const KdDebuggerNotPresent = byte('KdDebuggerNotPresent', 'BOOLEAN', 1);
/** FALSE: ANSI characters have one byte. */
export const NlsMbCodePageTag = byte('NlsMbCodePageTag', 'BOOLEAN', 0);

/** Build of the system; the upper bits say that it is a free build. */
export const NtBuildNumber = number('NtBuildNumber', FREE_BUILD + MACHINE_VERSION.build);
/** 0: the system did not start in safe mode. kernel/determining-whether-the-operating-system-is-running-in-safe-mode */
export const InitSafeBootMode = number('InitSafeBootMode', 0);

/** Processors of the machine. */
export const KeNumberProcessors = declareData('ntoskrnl', {
  name: 'KeNumberProcessors',
  type: 'CCHAR',
  size: 1,
  initial: ({ memory, scheduler }, address) => {
    memory.u8[address] = scheduler.processors.length;
  },
});

/** Last address of user space. */
export const MmHighestUserAddress = bound('MmHighestUserAddress', 0xfffe_ffff, 0x7fff);
/** First address that is no user address to ProbeForRead. */
export const MmUserProbeAddress = bound('MmUserProbeAddress', 0xffff_0000, 0x7fff);
/** First address of system space. */
export const MmSystemRangeStart = bound('MmSystemRangeStart', 0, KERNEL_WINDOW_HIGH);

/** The process of drivers. kernel/eprocess */
export const PsInitialSystemProcess = declareData('ntoskrnl', {
  name: 'PsInitialSystemProcess',
  type: 'PEPROCESS',
  size: 8,
  initial: (kernel, address) => kernel.memory.writePointer(address, processesOf(kernel).system.address),
});
