/** What the four parameters of the bug checks mean that this machine raises ("Bug Check Code Reference"). */

import * as codes from '../generated/constants/bugCheck.ts';

const meanings = new Map<number, readonly string[]>([
  [codes.MULTIPLE_IRP_COMPLETE_REQUESTS, ['address of the IRP', 'reserved', 'reserved', 'reserved']],
  [codes.NO_MORE_IRP_STACK_LOCATIONS, ['address of the IRP', 'reserved', 'reserved', 'reserved']],
  [codes.REFERENCE_BY_POINTER, ['object type', 'address of the object', 'reason', 'reference count']],
  [
    codes.KMODE_EXCEPTION_NOT_HANDLED,
    ['exception code', 'address where it was raised', 'exception parameter 0', 'exception parameter 1'],
  ],
  [
    codes.IRQL_NOT_LESS_OR_EQUAL,
    ['address referenced', 'IRQL', 'kind of access', 'address of the instruction'],
  ],
  [
    codes.BAD_POOL_CALLER,
    ['kind of violation', 'depends on the kind', 'depends on the kind', 'depends on the kind'],
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
