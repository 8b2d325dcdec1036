/**
 * What the system says of itself: ZwQuerySystemInformation, the classes that "NtQuerySystemInformation" (winternl.h)
 * documents as far as a machine has something to say; every other class is STATUS_INVALID_INFO_CLASS.
 */

import { type Address, PAGE_SIZE } from '../../memory/index.ts';
import { SYSTEM_TIME_AT_START } from '../clock.ts';
import type { OutPointer } from '../edge.ts';
import {
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import type { NTSTATUS } from '../status.ts';
import { synchronous } from '../sync/declare.ts';
import { TIME_INCREMENT } from '../sync/time.ts';

const PAGE = 'winternl/nf-winternl-ntquerysysteminformation';
/** Bytes of SYSTEM_BASIC_INFORMATION, SYSTEM_TIMEOFDAY_INFORMATION and of one SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION. */
const BASIC_SIZE = 64;
const TIME_OF_DAY_SIZE = 48;
const PERFORMANCE_SIZE = 48;
const CODE_INTEGRITY_SIZE = 8;

/** The bytes of a class; null for a class that the machine does not have. */
function informationOf(kernel: Kernel, informationClass: number): DataView | null {
  const made = (size: number): DataView => new DataView(new ArrayBuffer(size));
  const processors = kernel.scheduler.processors.length;
  switch (informationClass) {
    // SystemBasicInformation
    case 0: {
      const view = made(BASIC_SIZE);
      view.setUint32(4, TIME_INCREMENT, true);
      view.setUint32(8, PAGE_SIZE, true);
      view.setUint32(12, pagesOf(kernel).count, true);
      view.setUint32(20, pagesOf(kernel).count - 1, true);
      view.setUint32(24, 0x1_0000, true);
      view.setBigUint64(32, 0x1_0000n, true);
      view.setBigUint64(40, 0x7fff_fffe_ffffn, true);
      view.setBigUint64(48, (1n << BigInt(processors)) - 1n, true);
      view.setUint8(56, processors);
      return view;
    }
    // SystemTimeOfDayInformation: when the system started, and the time now.
    case 3: {
      const view = made(TIME_OF_DAY_SIZE);
      view.setBigUint64(0, SYSTEM_TIME_AT_START, true);
      view.setBigUint64(8, kernel.clock.readSystemTime(), true);
      return view;
    }
    // SystemProcessorPerformanceInformation: one for each processor; all time counts as kernel time.
    case 8: {
      const view = made(PERFORMANCE_SIZE * processors);
      for (let index = 0; index < processors; index++)
        view.setBigUint64(index * PERFORMANCE_SIZE + 8, BigInt(kernel.clock.now), true);
      return view;
    }
    // SystemCodeIntegrityInformation: its own length, and no option set, as images are not signed here.
    case 103: {
      const view = made(CODE_INTEGRITY_SIZE);
      view.setUint32(0, CODE_INTEGRITY_SIZE, true);
      return view;
    }
    default:
      return null;
  }
}

/**
 * Writes information about the system. PASSIVE_LEVEL. STATUS_INFO_LENGTH_MISMATCH with the length that is needed where
 * the buffer is too short, STATUS_INVALID_INFO_CLASS for a class that the machine does not have.
 */
export const ZwQuerySystemInformation = synchronous(
  'NTSTATUS ZwQuerySystemInformation(ULONG SystemInformationClass, PVOID SystemInformation, ULONG SystemInformationLength, PULONG ReturnLength)',
  'PASSIVE_LEVEL',
  '2000',
  PAGE,
  (kernel) =>
    (
      SystemInformationClass: number,
      SystemInformation: Address,
      SystemInformationLength: number,
      ReturnLength: OutPointer,
    ): NTSTATUS => {
      const { memory } = kernel;
      const view = informationOf(kernel, SystemInformationClass);
      if (view === null) return STATUS_INVALID_INFO_CLASS;
      if (ReturnLength !== 0) memory.u32[ReturnLength >> 2] = view.byteLength;
      if (SystemInformation === 0 || SystemInformationLength < view.byteLength)
        return STATUS_INFO_LENGTH_MISMATCH;
      memory.u8.set(new Uint8Array(view.buffer), SystemInformation);
      return STATUS_SUCCESS;
    },
);
