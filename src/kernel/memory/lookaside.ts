/**
 * Lookaside lists: freed blocks of one size kept at hand in the driver's own structure, laid out as drivers that
 * inline these functions expect it. Implements "Using Lookaside Lists" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import type { DriverCallback } from '../callback.ts';
import { declareCallback } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import { GENERAL_LOOKASIDE } from '../generated/structures/index.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { systemRoutineAddress } from '../objects/systemRoutine.ts';
import { allocateByType, freeBlock } from './poolFunctions.ts';

/** A driver's own way to get a block. */
export type ALLOCATE_FUNCTION_EX = (
  PoolType: number,
  NumberOfBytes: number,
  Tag: number,
  Lookaside: Address,
) => Address;
export const ALLOCATE_FUNCTION_EX = declareCallback<ALLOCATE_FUNCTION_EX>({
  prototype:
    'PVOID ALLOCATE_FUNCTION_EX(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, ULONG_PTR Lookaside)',
  role: 'LookasideListAllocateEx',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'Vista',
  page: 'wdm/nc-wdm-allocate_function_ex',
});

/** A driver's own way to free a block. */
export type FREE_FUNCTION_EX = (Buffer: Address, Lookaside: Address) => void;
export const FREE_FUNCTION_EX = declareCallback<FREE_FUNCTION_EX>({
  prototype: 'VOID FREE_FUNCTION_EX(ULONG_PTR Buffer, ULONG_PTR Lookaside)',
  role: 'LookasideListFreeEx',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'Vista',
  page: 'wdm/nc-wdm-free_function_ex',
});

const L = GENERAL_LOOKASIDE.offset;
/** Offset of the first entry in the header of the list, on x64. */
const NEXT_ENTRY = 8;
/** Bytes of the list's header that count: the structure is 128 bytes, LOOKASIDE_LIST_EX 96. */
const CLEARED = 96;
/** Entries that a list keeps: what the system determines. A checked pool sees every free instead. */
const DEPTH = 256;

interface Lookaside {
  readonly driver: Driver;
  readonly allocate: DriverCallback<ALLOCATE_FUNCTION_EX> | null;
  readonly free: DriverCallback<FREE_FUNCTION_EX> | null;
}

/** The lists in use, by address. */
const lookasidesOf = perKernel('lookaside lists', () => new Map<Address, Lookaside>());

/** What a driver gives to make a list. */
export interface LookasideOptions {
  readonly allocate: Address;
  readonly free: Address;
  readonly type: number;
  readonly size: number;
  readonly tag: number;
  readonly deletedBy: string;
}

export function initializeLookaside(
  kernel: Kernel,
  driver: Driver,
  list: Address,
  options: LookasideOptions,
): void {
  const { memory } = kernel;
  const { callables } = memory;
  memory.u8.fill(0, list, list + CLEARED);
  const depth = kernel.poolOptions.redZones === true ? 0 : DEPTH;
  memory.u16[(list + L.Depth) >> 1] = depth;
  memory.u16[(list + L.MaximumDepth) >> 1] = depth;
  memory.u32[(list + L.Type) >> 2] = options.type;
  memory.u32[(list + L.Tag) >> 2] = options.tag;
  memory.u32[(list + L.Size) >> 2] = options.size;
  // Drivers with these functions inlined call what stands here, so that the defaults are callable as well: what
  // Windows has there, and without a table of exports the same by another way.
  const allocate = (type: number, size: number, tag: number) =>
    allocateByType(kernel, driver, 'ExAllocatePoolWithTag', type, size, tag);
  const free = (block: Address) => freeBlock(kernel, driver, 'ExFreePool', block, undefined);
  const routine = (given: Address, name: string, otherwise: object): Address => {
    if (given !== 0) return given;
    const exported = systemRoutineAddress(kernel, driver, name);
    return exported === 0 ? callables.addressOf(otherwise, driver) : exported;
  };
  memory.writePointer(list + L.Allocate, routine(options.allocate, 'ExAllocatePoolWithTag', allocate));
  memory.writePointer(list + L.Free, routine(options.free, 'ExFreePool', free));
  lookasidesOf(kernel).set(list, {
    driver,
    allocate: driver.callback(options.allocate, ALLOCATE_FUNCTION_EX),
    free: driver.callback(options.free, FREE_FUNCTION_EX),
  });
  driver.own(`lookaside ${list}`, {
    kind: 'lookaside list',
    name: `0x${list.toString(16)}`,
    releasedBy: options.deletedBy,
    release: () => lookasidesOf(kernel).delete(list),
  });
}

function find(kernel: Kernel, driver: Driver, list: Address, name: string): Lookaside | null {
  const known = lookasidesOf(kernel).get(list);
  if (known !== undefined) return known;
  kernel.report(
    'NO_LOOKASIDE_LIST',
    driver,
    `${name} was called for 0x${list.toString(16)}, which is no lookaside list; initialize it first and do not use it after deleting it`,
    `wdm/nf-wdm-${name.toLowerCase()}`,
  );
  return null;
}

/** A block from the list, or a new one; 0 when memory is short. */
export function allocateFromLookaside(kernel: Kernel, driver: Driver, list: Address, name: string): Address {
  const { memory } = kernel;
  const lookaside = find(kernel, driver, list, name);
  if (lookaside === null) return 0;
  memory.u32[(list + L.TotalAllocates) >> 2]++;
  const entry = takeEntry(kernel, list);
  if (entry !== 0) return entry;
  memory.u32[(list + L.AllocateMisses) >> 2]++;
  const type = memory.u32[(list + L.Type) >> 2];
  const size = memory.u32[(list + L.Size) >> 2];
  const tag = memory.u32[(list + L.Tag) >> 2];
  if (lookaside.allocate !== null) return lookaside.allocate.invoke(type, size, tag, list);
  return allocateByType(kernel, driver, 'ExAllocatePoolWithTag', type, size, tag);
}

/** Puts a block into the list; frees it when the list is full. */
export function freeToLookaside(
  kernel: Kernel,
  driver: Driver,
  list: Address,
  entry: Address,
  name: string,
): void {
  const { memory } = kernel;
  const lookaside = find(kernel, driver, list, name);
  if (lookaside === null) return;
  memory.u32[(list + L.TotalFrees) >> 2]++;
  if (memory.u16[list >> 1] < memory.u16[(list + L.Depth) >> 1]) {
    memory.writePointer(entry, memory.readPointer(list + NEXT_ENTRY));
    memory.writePointer(list + NEXT_ENTRY, entry);
    countEntry(kernel, list, 1);
    return;
  }
  memory.u32[(list + L.FreeMisses) >> 2]++;
  releaseEntry(kernel, lookaside, list, entry);
}

/** Frees every block in the list. */
export function flushLookaside(kernel: Kernel, driver: Driver, list: Address, name: string): void {
  const lookaside = find(kernel, driver, list, name);
  if (lookaside === null) return;
  // No list holds more entries than its depth counts.
  for (let left = 0xffff; left > 0; left--) {
    const entry = takeEntry(kernel, list);
    if (entry === 0) return;
    releaseEntry(kernel, lookaside, list, entry);
  }
}

/** Frees every block in the list and ends its use. */
export function deleteLookaside(kernel: Kernel, driver: Driver, list: Address, name: string): void {
  flushLookaside(kernel, driver, list, name);
  const lookaside = lookasidesOf(kernel).get(list);
  lookasidesOf(kernel).delete(list);
  lookaside?.driver.disown(`lookaside ${list}`);
}

function takeEntry(kernel: Kernel, list: Address): Address {
  const { memory } = kernel;
  const entry = memory.readPointer(list + NEXT_ENTRY) & ~15;
  if (entry === 0) return 0;
  memory.writePointer(list + NEXT_ENTRY, memory.readPointer(entry));
  countEntry(kernel, list, -1);
  return entry;
}

/** The depth and the sequence number of an SLIST_HEADER lie in its first 8 bytes. */
function countEntry(kernel: Kernel, list: Address, change: number): void {
  kernel.memory.u16[list >> 1] += change;
  kernel.memory.u16[(list + 2) >> 1]++;
}

function releaseEntry(kernel: Kernel, lookaside: Lookaside, list: Address, entry: Address): void {
  if (lookaside.free !== null) lookaside.free.invoke(entry, list);
  else freeBlock(kernel, lookaside.driver, 'ExFreePool', entry, undefined);
}
