/** What the four parameters of the bug checks mean that this machine raises ("Bug Check Code Reference"). */

import * as codes from '../generated/constants/bugCheck.ts';

const meanings = new Map<number, readonly string[]>([
  [codes.MULTIPLE_IRP_COMPLETE_REQUESTS, ['address of the IRP', 'reserved', 'reserved', 'reserved']],
  [codes.NO_MORE_IRP_STACK_LOCATIONS, ['address of the IRP', 'reserved', 'reserved', 'reserved']],
  [codes.REFERENCE_BY_POINTER, ['object type', 'address of the object', 'reserved', 'reserved']],
  [
    codes.KMODE_EXCEPTION_NOT_HANDLED,
    ['exception code', 'address where it was raised', 'exception parameter 0', 'exception parameter 1'],
  ],
  [
    codes.SYSTEM_THREAD_EXCEPTION_NOT_HANDLED,
    [
      'exception code',
      'address where it was raised',
      'address of the exception record',
      'address of the context record',
    ],
  ],
  [
    codes.PAGE_FAULT_IN_NONPAGED_AREA,
    ['address referenced', '0 read, 2 write, 10 execute', 'address of the instruction', 'kind of page fault'],
  ],
  [
    codes.DRIVER_IRQL_NOT_LESS_OR_EQUAL,
    ['address referenced', 'IRQL', '0 read, 1 write, 8 execute', 'address of the instruction'],
  ],
  [
    codes.ATTEMPTED_WRITE_TO_READONLY_MEMORY,
    ['address written to', 'page table entry', 'reserved', 'reserved'],
  ],
  [
    codes.ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY,
    ['address executed', 'page table entry', 'reserved', 'reserved'],
  ],
  [codes.UNEXPECTED_KERNEL_MODE_TRAP, ['8: double fault', 'reserved', 'reserved', 'reserved']],
  [
    codes.IRQL_NOT_LESS_OR_EQUAL,
    ['address referenced', 'IRQL', 'kind of access', 'address of the instruction'],
  ],
  [
    codes.BAD_POOL_CALLER,
    ['kind of violation', 'depends on the kind', 'depends on the kind', 'depends on the kind'],
  ],
  [
    codes.SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
    ['address that was freed', 'address of the corrupt bytes', 'reserved', 'kind of violation'],
  ],
  [
    codes.DRIVER_CAUGHT_MODIFYING_FREED_POOL,
    ['address referenced', '0 read, 1 write', '0 kernel mode, 1 user mode', 'reserved'],
  ],
  [
    codes.KERNEL_SECURITY_CHECK_FAILURE,
    ['kind of corruption', 'address of the trap frame', 'address of the exception record', 'reserved'],
  ],
  [
    codes.THREAD_TERMINATE_HELD_MUTEX,
    ['address of the thread', 'address of the mutex', 'reserved', 'reserved'],
  ],
  [
    codes.BAD_POOL_HEADER,
    ['kind of violation', 'depends on the kind', 'depends on the kind', 'depends on the kind'],
  ],
]);

/** The meanings of a code's parameters; empty where this table does not know the code. */
export function parameterMeanings(code: number): readonly string[] {
  return meanings.get(code) ?? [];
}
