/**
 * What a 64-bit address stands for when machine code uses it: the windows of the address space and the protection of
 * their pages. Implements decision 1 of the design; the engine asks for what its fast check does not know.
 */

import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  KERNEL_WINDOW_HIGH,
  PAGE_EXECUTE,
  PAGE_READ,
  PAGE_SIZE,
  PAGE_WRITE,
  SHARED_DATA_WINDOW_HIGH,
  USER_WINDOW_HIGH,
} from '../../memory/index.ts';
import { deviceMemoryOf } from '../hardware/deviceMemory.ts';
import type { Kernel } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import { processesOf } from './process.ts';
import { sharedDataOf } from './sharedData.ts';

export type MemoryAccess = 'read' | 'write' | 'execute';

const WANTED: Readonly<Record<MemoryAccess, number>> = {
  read: PAGE_READ,
  write: PAGE_READ | PAGE_WRITE,
  execute: PAGE_EXECUTE,
};

/**
 * The address in kernel memory that the bytes of an access stand for, or -1 where it faults. User pages are there only
 * while their process is current, and are never executed in kernel mode (SMEP).
 * @param low @param high halves of the address, signed. @param size bytes, at least 1.
 */
export function translateAddress(
  kernel: Kernel,
  low: number,
  high: number,
  size: number,
  access: MemoryAccess,
): Address {
  switch (high) {
    case KERNEL_WINDOW_HIGH:
      if (low < FIRST_MAPPED_ADDRESS) return -1;
      if (pagesOf(kernel).allows(low, size, WANTED[access])) return low;
      return access !== 'execute' && deviceMemoryOf(kernel).access(low, size, access) ? low : -1;
    case SHARED_DATA_WINDOW_HIGH: {
      if (low < 0 || low + size > PAGE_SIZE || access !== 'read') return -1;
      const shared = sharedDataOf(kernel);
      if (shared.address === 0) return -1;
      shared.update();
      return shared.address + low;
    }
    case USER_WINDOW_HIGH: {
      if (low < FIRST_MAPPED_ADDRESS || access === 'execute') return -1;
      return processesOf(kernel).current.allows(low, size, access) ? low : -1;
    }
    default:
      return -1;
  }
}
