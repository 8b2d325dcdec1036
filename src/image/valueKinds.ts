/**
 * How the C types of declared prototypes travel in registers: which are pointers, how wide the integers are. Implements
 * "x64 ABI conventions" of Microsoft's C++ documentation (parameter passing, return values) and the Windows data types.
 */

import type { Prototype } from '../kernel/index.ts';

/** How one value is read from, and written to, an eight-byte slot. */
export type ValueKind =
  | 'none'
  | 'pointer'
  /** A handle of the object manager: 32 significant bits, sign-extended. */
  | 'handle'
  | 'boolean'
  | 'i8'
  | 'u8'
  | 'i16'
  | 'u16'
  | 'i32'
  | 'u32'
  /** 64 bits as a bigint. */
  | 'i64'
  | 'u64'
  /** SIZE_T and its kin: 64 bits that implementations take as a number. */
  | 'size'
  /** What stands for `...`: the raw slots, as many as the format asks for. */
  | 'variadic';

/** The integer types by name. What is not here and is no pointer is a 32-bit enumeration or unsigned integer. */
const INTEGERS: Readonly<Record<string, ValueKind>> = {
  VOID: 'none',
  void: 'none',
  BOOLEAN: 'boolean',
  LOGICAL: 'boolean',
  CCHAR: 'i8',
  CHAR: 'i8',
  KPROCESSOR_MODE: 'i8',
  UCHAR: 'u8',
  KIRQL: 'u8',
  SHORT: 'i16',
  USHORT: 'u16',
  WCHAR: 'u16',
  INT: 'i32',
  int: 'i32',
  LONG: 'i32',
  KPRIORITY: 'i32',
  NODE_REQUIREMENT: 'u32',
  LARGE_INTEGER: 'i64',
  LONGLONG: 'i64',
  ULONGLONG: 'u64',
  ULONG64: 'u64',
  PHYSICAL_ADDRESS: 'u64',
  NDIS_PHYSICAL_ADDRESS: 'u64',
  KAFFINITY: 'u64',
  NET_LUID: 'u64',
  NET_IFTYPE: 'u16',
  POOL_FLAGS: 'size',
  SIZE_T: 'size',
  ULONG_PTR: 'pointer',
  LONG_PTR: 'size',
  ERESOURCE_THREAD: 'pointer',
  HANDLE: 'handle',
  '...': 'variadic',
};

/** Types that begin with P and are no pointers. */
const NOT_POINTERS = new Set([
  'POOL_TYPE',
  'POWER_STATE',
  'POWER_STATE_TYPE',
  'POWER_ACTION',
  'PROCESSINFOCLASS',
]);

/** Parameters that are numbers where their type allows a pointer, `function.parameter`. */
const EXCEPTIONS: Readonly<Record<string, ValueKind>> = {
  'RtlNumberOfSetBitsUlongPtr.Target': 'u64',
  'KeBugCheckEx.BugCheckParameter1': 'size',
  'KeBugCheckEx.BugCheckParameter2': 'size',
  'KeBugCheckEx.BugCheckParameter3': 'size',
  'KeBugCheckEx.BugCheckParameter4': 'size',
};

/** How the parameters of a prototype travel. */
export function parameterKinds(prototype: Prototype): ValueKind[] {
  return prototype.parameters.map(
    ({ name, type }) => EXCEPTIONS[`${prototype.name}.${name}`] ?? valueKind(type),
  );
}

/** How values of a documented C type travel. */
export function valueKind(type: string): ValueKind {
  const known = INTEGERS[type];
  if (known !== undefined) return known;
  if (NOT_POINTERS.has(type)) return 'u32';
  if (type.endsWith('*') || /^(P|LP)[A-Z]/.test(type)) return 'pointer';
  if (/(^|_)HANDLE$/.test(type) || /(_ROUTINE|_HANDLER|_FUNCTION|_CALLBACK|_DISPATCH|_EX)$/.test(type))
    return 'pointer';
  return 'u32';
}
