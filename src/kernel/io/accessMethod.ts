/**
 * How a request reaches its buffers: buffered, direct or neither. Implements "Methods for Accessing Data Buffers"
 * (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import {
  DO_BUFFERED_IO,
  DO_DIRECT_IO,
  METHOD_BUFFERED,
  METHOD_NEITHER,
} from '../generated/constants/common.ts';
import type { Kernel } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import * as at from './irpLayout.ts';

/** The major function codes that the I/O manager makes requests with. */
export const MAJOR = {
  create: 0,
  close: 2,
  read: 3,
  write: 4,
  flush: 9,
  deviceControl: 14,
  internalControl: 15,
  shutdown: 16,
  cleanup: 18,
  pnp: 27,
} as const;
/** Bytes of an MDL before its page numbers. */
export const MDL_SIZE = 48;
/** Mapped and locked. */
const MDL_FLAGS = 1 | 2;
/** Over non-paged pool. */
const MDL_OF_POOL = 4;

/** One of the methods. */
export type Method = 'buffered' | 'direct' | 'neither';

/** The method of a control code, or of a device for reads and writes. */
export function methodOf(kernel: Kernel, device: Address, major: number, code: number): Method {
  if (major === MAJOR.deviceControl || major === MAJOR.internalControl) {
    const method = code & 3;
    return method === METHOD_BUFFERED ? 'buffered' : method === METHOD_NEITHER ? 'neither' : 'direct';
  }
  const flags = kernel.memory.u32[(device + at.DEVICE_FLAGS) >> 2];
  if ((flags & DO_BUFFERED_IO) !== 0) return 'buffered';
  return (flags & DO_DIRECT_IO) !== 0 ? 'direct' : 'neither';
}

/** An MDL over non-paged pool or user memory that is locked and mapped where it lies (wdm/ns-wdm-_mdl). */
export function writeMdl(kernel: Kernel, mdl: Address, address: Address, length: number): void {
  const { memory } = kernel;
  const offset = address & 0xfff;
  const pages = (offset + length + 0xfff) >> 12;
  memory.u16[(mdl + 8) >> 1] = MDL_SIZE + pages * 8;
  const user = pagesOf(kernel).processAt(address) !== 0;
  memory.u16[(mdl + 10) >> 1] = user ? MDL_FLAGS : MDL_FLAGS | MDL_OF_POOL;
  memory.writePointer(mdl + 24, address);
  if (user) memory.writeUserPointer(mdl + 32, address - offset);
  else memory.writePointer(mdl + 32, address - offset);
  memory.u32[(mdl + 40) >> 2] = length;
  memory.u32[(mdl + 44) >> 2] = offset;
  for (let page = 0; page < pages; page++)
    memory.u32[(mdl + MDL_SIZE + page * 8) >> 2] = (address >> 12) + page;
}
