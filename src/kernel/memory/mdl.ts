/**
 * Memory descriptor lists: what they hold, and how pages are locked and mapped through them. A page's physical
 * address is the low half of its kernel address, so that every mapping of it lies where the page lies.
 * Implements "Using MDLs" (windows-driver-docs-pr/kernel) and the Mm* and Io*Mdl pages of wdm.h.
 */

import {
  type Address,
  isOpaque,
  PAGE_READ,
  PAGE_SIZE,
  PAGE_WRITE,
  pointerText,
  poolType,
} from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import {
  MDL_MAPPED_TO_SYSTEM_VA,
  MDL_PAGES_LOCKED,
  MDL_PARENT_MAPPED_SYSTEM_VA,
  MDL_PARTIAL,
  MDL_PARTIAL_HAS_BEEN_MAPPED,
  MDL_SOURCE_IS_NONPAGED_POOL,
  MDL_WRITE_OPERATION,
} from '../generated/constants/common.ts';
import { STATUS_ACCESS_VIOLATION, STATUS_INVALID_PARAMETER } from '../generated/constants/ntstatus.ts';
import { MDL } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { processesOf } from '../process/process.ts';
import { RaisedStatusError } from '../raisedStatus.ts';
import { pagesOf, poolOf } from './kernelPool.ts';

const { Next, Size, MdlFlags, MappedSystemVa, StartVa, ByteCount, ByteOffset } = MDL.offset;
/** Bytes of an MDL before its page numbers. */
export const MDL_SIZE = MDL.size;
const PFN_SIZE = 8;
/** `Mdl ` */
const MDL_TAG = 0x206c644d;
/** Largest buffer that an MDL's Size of 16 bits can describe in a machine. */
const PAGE_LIMIT = (0x7fff - MDL_SIZE) / PFN_SIZE;
export const USER_MODE = 1;
/** IoReadAccess only reads the pages; the other operations write them. */
const IO_READ_ACCESS = 0;

/** Pages that a range touches. */
export function spanPages(address: Address, size: number): number {
  return Math.ceil(((address & (PAGE_SIZE - 1)) + size) / PAGE_SIZE);
}

export const mdlFlags = (kernel: Kernel, mdl: Address): number => kernel.memory.u16[(mdl + MdlFlags) >> 1];
export function setMdlFlags(kernel: Kernel, mdl: Address, flags: number): void {
  kernel.memory.u16[(mdl + MdlFlags) >> 1] = flags;
}
export const mdlByteCount = (kernel: Kernel, mdl: Address): number =>
  kernel.memory.u32[(mdl + ByteCount) >> 2];
export const mdlByteOffset = (kernel: Kernel, mdl: Address): number =>
  kernel.memory.u32[(mdl + ByteOffset) >> 2];
/** StartVa + ByteOffset. */
export function mdlAddress(kernel: Kernel, mdl: Address): Address {
  return kernel.memory.readPointer(mdl + StartVa) + mdlByteOffset(kernel, mdl);
}
export const mdlNext = (kernel: Kernel, mdl: Address): Address => kernel.memory.readPointer(mdl + Next);
export const mappedAddress = (kernel: Kernel, mdl: Address): Address =>
  kernel.memory.readPointer(mdl + MappedSystemVa);

/** Writes where the first page of the range starts: a user address where the page belongs to a process. */
function writeStart(kernel: Kernel, mdl: Address, address: Address): void {
  const { memory } = kernel;
  if (isOpaque(address)) {
    // Nothing lies there; the driver finds what it gave when it looks, and locking it fails.
    memory.writePointer(mdl + StartVa, address);
    memory.u32[(mdl + StartVa) >> 2] &= -PAGE_SIZE;
  } else if (pagesOf(kernel).processAt(address) === 0)
    memory.writePointer(mdl + StartVa, address & -PAGE_SIZE);
  else memory.writeUserPointer(mdl + StartVa, address & -PAGE_SIZE);
}

/** Writes an MDL that describes a range and no pages yet. */
export function initializeMdl(kernel: Kernel, mdl: Address, address: Address, size: number): void {
  const { memory } = kernel;
  memory.u8.fill(0, mdl, mdl + MDL_SIZE);
  memory.u16[(mdl + Size) >> 1] = MDL_SIZE + spanPages(address, size) * PFN_SIZE;
  writeStart(kernel, mdl, address);
  memory.u32[(mdl + ByteOffset) >> 2] = address & (PAGE_SIZE - 1);
  memory.u32[(mdl + ByteCount) >> 2] = size;
}

/** An MDL for a range from non-paged pool, charged to `owner`; 0 when memory is short. */
export function allocateMdl(kernel: Kernel, owner: number, address: Address, size: number): Address {
  const pages = spanPages(address, size);
  if (pages > PAGE_LIMIT) return 0;
  const mdl = poolOf(kernel).allocate(poolType.nonPagedNx, MDL_SIZE + pages * PFN_SIZE, MDL_TAG, owner);
  if (mdl !== 0) initializeMdl(kernel, mdl, address, size);
  return mdl;
}

/** Frees an MDL with the mapping that a partial MDL has. */
export function freeMdl(kernel: Kernel, driver: Driver, mdl: Address): void {
  const flags = mdlFlags(kernel, mdl);
  if ((flags & MDL_PAGES_LOCKED) !== 0 && (flags & MDL_PARTIAL) === 0) {
    misuse(
      kernel,
      driver,
      'MDL_FREED_WHILE_LOCKED',
      mdl,
      'was freed while its pages are locked; call MmUnlockPages first',
      'wdm/nf-wdm-iofreemdl',
    );
  }
  prepareForReuse(kernel, mdl);
  poolOf(kernel).free(mdl, MDL_TAG);
}

/** Writes the page numbers of the range. */
export function fillPageNumbers(kernel: Kernel, mdl: Address, first: Address): void {
  const { memory } = kernel;
  const pages = spanPages(mdlByteOffset(kernel, mdl), mdlByteCount(kernel, mdl));
  for (let index = 0; index < pages; index++) {
    const at = (mdl + MDL_SIZE + index * PFN_SIZE) >> 2;
    memory.u32[at] = (first >>> 12) + index;
    memory.u32[at + 1] = 0;
  }
}

/** Makes an MDL describe non-paged memory, which is mapped and locked for good. */
export function buildForNonPagedPool(kernel: Kernel, mdl: Address): void {
  const { memory } = kernel;
  const start = memory.readPointer(mdl + StartVa);
  fillPageNumbers(kernel, mdl, start);
  memory.writePointer(mdl + MappedSystemVa, start + mdlByteOffset(kernel, mdl));
  setMdlFlags(kernel, mdl, mdlFlags(kernel, mdl) | MDL_SOURCE_IS_NONPAGED_POOL);
}

export function misuse(
  kernel: Kernel,
  driver: Driver,
  code: string,
  mdl: Address,
  what: string,
  page: string,
): void {
  kernel.report(code, driver, `the MDL at 0x${mdl.toString(16)} ${what}`, page);
}

const LOCK_PAGE = 'wdm/nf-wdm-mmprobeandlockpages';

/** Locks the pages of a range. Raises STATUS_ACCESS_VIOLATION where they may not be accessed so. */
export function probeAndLock(
  kernel: Kernel,
  driver: Driver,
  mdl: Address,
  mode: number,
  operation: number,
): void {
  const flags = mdlFlags(kernel, mdl);
  if ((flags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL)) !== 0) {
    misuse(
      kernel,
      driver,
      'MDL_LOCKED_AGAIN',
      mdl,
      'describes pages that are locked already; lock pages once',
      LOCK_PAGE,
    );
    return;
  }
  const address = mdlAddress(kernel, mdl);
  const size = mdlByteCount(kernel, mdl);
  if (kernel.irql >= DISPATCH_LEVEL && poolOf(kernel).isPaged(address)) {
    misuse(
      kernel,
      driver,
      'PAGED_POOL_AT_RAISED_IRQL',
      mdl,
      'describes paged pool; lock it at IRQL <= APC_LEVEL',
      LOCK_PAGE,
    );
  }
  const access = operation === IO_READ_ACCESS ? PAGE_READ : PAGE_READ | PAGE_WRITE;
  const fault =
    mode === USER_MODE
      ? userFault(kernel, address, size, operation)
      : pagesOf(kernel).firstFault(address, size, access);
  if (fault !== -1) {
    throw new RaisedStatusError(
      STATUS_ACCESS_VIOLATION,
      `MmProbeAndLockPages cannot ${operation === IO_READ_ACCESS ? 'read' : 'write'} ${pointerText(kernel.memory, fault)} in ${mode === USER_MODE ? 'user' : 'kernel'} mode`,
    );
  }
  fillPageNumbers(kernel, mdl, kernel.memory.readPointer(mdl + StartVa));
  setMdlFlags(
    kernel,
    mdl,
    flags | MDL_PAGES_LOCKED | (operation === IO_READ_ACCESS ? 0 : MDL_WRITE_OPERATION),
  );
}

/** The address of a range that the current process may not access, -1 when it may access all. */
function userFault(kernel: Kernel, address: Address, size: number, operation: number): Address {
  const access = operation === IO_READ_ACCESS ? 'read' : 'write';
  return processesOf(kernel).current.allows(address, size, access) ? -1 : address;
}

/** Unlocks the pages and releases their mapping. */
export function unlockPages(kernel: Kernel, driver: Driver, mdl: Address): void {
  const flags = mdlFlags(kernel, mdl);
  if ((flags & MDL_PAGES_LOCKED) === 0 || (flags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL)) !== 0) {
    misuse(
      kernel,
      driver,
      'MDL_NOT_LOCKED',
      mdl,
      'was unlocked, but MmProbeAndLockPages did not lock it',
      'wdm/nf-wdm-mmunlockpages',
    );
    return;
  }
  setMdlFlags(kernel, mdl, flags & ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_WRITE_OPERATION));
}

const MAP_PAGE = 'wdm/nf-wdm-mmmaplockedpagesspecifycache';

/** Maps the pages of an MDL into system space; the address of the first byte of its range. */
export function mapLockedPages(kernel: Kernel, driver: Driver, mdl: Address, mode: number): Address {
  const { memory } = kernel;
  const flags = mdlFlags(kernel, mdl);
  if (mode === USER_MODE) return mapIntoProcess(kernel, mdl);
  if ((flags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) !== 0) {
    misuse(
      kernel,
      driver,
      'MDL_MAPPED_AGAIN',
      mdl,
      'is mapped already; use MmGetSystemAddressForMdlSafe',
      MAP_PAGE,
    );
    return mappedAddress(kernel, mdl);
  }
  if ((flags & (MDL_PAGES_LOCKED | MDL_PARTIAL)) === 0) {
    misuse(
      kernel,
      driver,
      'MDL_NOT_LOCKED',
      mdl,
      'is to be mapped, but its pages are not locked; lock them first',
      MAP_PAGE,
    );
    return 0;
  }
  const first = memory.u32[(mdl + MDL_SIZE) >> 2];
  const address = first * PAGE_SIZE + mdlByteOffset(kernel, mdl);
  memory.writePointer(mdl + MappedSystemVa, address);
  const mapped =
    (flags & MDL_PARTIAL) === 0
      ? MDL_MAPPED_TO_SYSTEM_VA
      : MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED;
  setMdlFlags(kernel, mdl, flags | mapped);
  return address;
}

/** Maps the pages into the current process, for as long as it lives or until they are unmapped there. */
function mapIntoProcess(kernel: Kernel, mdl: Address): Address {
  const { memory } = kernel;
  if ((mdlFlags(kernel, mdl) & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL)) === 0) {
    throw new RaisedStatusError(
      STATUS_INVALID_PARAMETER,
      'the pages of the MDL are not locked; lock them before they are mapped into a process',
    );
  }
  const address = memory.u32[(mdl + MDL_SIZE) >> 2] * PAGE_SIZE + mdlByteOffset(kernel, mdl);
  processesOf(kernel).current.map(address, Math.max(1, mdlByteCount(kernel, mdl)));
  return address;
}

/** Releases the mapping: of the current process, where there is one, else the one into system space. */
export function unmapLockedPages(kernel: Kernel, driver: Driver, mdl: Address, address: Address): void {
  if (processesOf(kernel).current.unmap(address)) return;
  const flags = mdlFlags(kernel, mdl);
  if ((flags & MDL_MAPPED_TO_SYSTEM_VA) === 0 || mappedAddress(kernel, mdl) !== address) {
    misuse(
      kernel,
      driver,
      'MDL_NOT_MAPPED',
      mdl,
      `is not mapped at 0x${address.toString(16)}; unmap what was mapped`,
      'wdm/nf-wdm-mmunmaplockedpages',
    );
    return;
  }
  setMdlFlags(kernel, mdl, flags & ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED));
  kernel.memory.writePointer(mdl + MappedSystemVa, 0);
}

/** Releases the mapping that a partial MDL made itself. */
export function prepareForReuse(kernel: Kernel, mdl: Address): void {
  const flags = mdlFlags(kernel, mdl);
  if ((flags & MDL_PARTIAL_HAS_BEEN_MAPPED) === 0) return;
  setMdlFlags(kernel, mdl, flags & ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED));
  kernel.memory.writePointer(mdl + MappedSystemVa, 0);
}

const SHARED = MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PAGES_LOCKED;

/** Makes `target` describe a part of what `source` describes. @returns false when it is no part of it or too large. */
export function buildPartial(
  kernel: Kernel,
  source: Address,
  target: Address,
  address: Address,
  length: number,
): boolean {
  const { memory } = kernel;
  const start = mdlAddress(kernel, source);
  const end = start + mdlByteCount(kernel, source);
  const size = length === 0 ? end - address : length;
  const room = memory.u16[(target + Size) >> 1];
  if (address < start || size < 0 || address + size > end) return false;
  if (MDL_SIZE + spanPages(address, size) * PFN_SIZE > room) return false;
  const skipped = (address >>> 12) - (start >>> 12);
  writeStart(kernel, target, address);
  memory.u32[(target + ByteOffset) >> 2] = address & (PAGE_SIZE - 1);
  memory.u32[(target + ByteCount) >> 2] = size;
  fillPageNumbers(kernel, target, (memory.u32[(source + MDL_SIZE) >> 2] + skipped) << 12);
  const shared = mdlFlags(kernel, source) & SHARED;
  const mapped = (shared & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) !== 0;
  memory.writePointer(
    target + MappedSystemVa,
    mapped ? mappedAddress(kernel, source) + (address - start) : 0,
  );
  const parent = (shared & MDL_MAPPED_TO_SYSTEM_VA) !== 0 ? MDL_PARENT_MAPPED_SYSTEM_VA : 0;
  setMdlFlags(kernel, target, MDL_PARTIAL | shared | parent);
  return true;
}

/** Moves the start of the range forward. @returns false when that lies beyond its end. */
export function advanceMdl(kernel: Kernel, mdl: Address, bytes: number): boolean {
  const { memory } = kernel;
  const count = mdlByteCount(kernel, mdl);
  if (bytes > count) return false;
  const address = mdlAddress(kernel, mdl) + bytes;
  const first = memory.u32[(mdl + MDL_SIZE) >> 2];
  const skipped = (mdlByteOffset(kernel, mdl) + bytes) >>> 12;
  if (mappedAddress(kernel, mdl) !== 0) {
    memory.writePointer(mdl + MappedSystemVa, mappedAddress(kernel, mdl) + bytes);
  }
  writeStart(kernel, mdl, address);
  memory.u32[(mdl + ByteOffset) >> 2] = address & (PAGE_SIZE - 1);
  memory.u32[(mdl + ByteCount) >> 2] = count - bytes;
  fillPageNumbers(kernel, mdl, (first + skipped) << 12);
  return true;
}

/** Appends an MDL to the chain of an IRP or makes it the first. */
export function linkToChain(kernel: Kernel, head: Address, mdl: Address, secondary: boolean): void {
  const { memory } = kernel;
  if (!secondary) {
    memory.writePointer(head, mdl);
    return;
  }
  let at = head;
  // A chain longer than memory can hold runs in a circle.
  for (let steps = memory.size / MDL_SIZE; steps > 0 && memory.readPointer(at) !== 0; steps--) {
    at = memory.readPointer(at) + Next;
  }
  memory.writePointer(at, mdl);
}
