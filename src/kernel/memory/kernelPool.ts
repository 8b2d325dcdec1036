/**
 * The pages and the pool of a machine's kernel: misuse of the pool becomes the bug check that Windows documents, and
 * what a driver leaves behind is named and freed. Implements the parameters of bug checks 0x19, 0xC1, 0xC2 and 0xC6.
 */

import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  Pages,
  Pool,
  type PoolFault,
  tagText,
} from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import {
  BAD_POOL_CALLER,
  BAD_POOL_HEADER,
  DRIVER_CAUGHT_MODIFYING_FREED_POOL,
  SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
} from '../generated/constants/bugCheck.ts';
import { type Kernel, perKernel, shadowOf } from '../kernel.ts';
import { TRANSIENT_END } from '../transientMemory.ts';

/** The pages of a kernel; the range of literals at the start of memory is in use already. */
export const pagesOf = perKernel('pages', (kernel) => {
  const pages = new Pages(kernel.memory);
  shadowOf(kernel)?.follow(pages);
  pages.reserve(FIRST_MAPPED_ADDRESS, (TRANSIENT_END - FIRST_MAPPED_ADDRESS) >> 12);
  return pages;
});

/** The pool of a kernel. `free` stops the machine on misuse, `tryFree` says what is wrong. */
export const poolOf = perKernel('pool', (kernel) => {
  const pool = new Pool(pagesOf(kernel), kernel.poolOptions);
  kernel.memory.generations = pool;
  pool.onFault = (fault) => stopForPoolFault(kernel, fault);
  return pool;
});

/** A block that a driver left behind. */
export interface LeakedBlock {
  /** The tag as text, `Ndis`. */
  readonly tag: string;
  readonly size: number;
  readonly address: Address;
  readonly allocatedBy: string;
}

/** Frees every block that `driver` still has and says which, in order of address. */
export function releaseDriverMemory(kernel: Kernel, driver: Driver): LeakedBlock[] {
  const pool = poolOf(kernel);
  return pool.leaks(driver.id).map((block) => {
    const fault = pool.tryFree(block.start);
    if (fault !== null) {
      kernel.report(
        'POOL_BLOCK_DAMAGED',
        driver,
        describeFault(kernel, fault),
        'wdm/nf-wdm-exfreepoolwithtag',
      );
    }
    const { start, size, tag, allocatedBy } = block;
    return { tag: tagText(tag), size, address: start, allocatedBy };
  });
}

/** Stops the machine with the bug check documented for what is wrong. */
export function stopForPoolFault(kernel: Kernel, fault: PoolFault): never {
  const [code, ...parameters] = bugCheckOf(fault);
  return kernel.bugCheck(code, parameters, describeFault(kernel, fault));
}

type BugCheck = [code: number, p1: number, p2: number, p3: number, p4: number];

function bugCheckOf(fault: PoolFault): BugCheck {
  const { address, at, block } = fault;
  switch (fault.kind) {
    case 'notPool':
      return [BAD_POOL_CALLER, 0x46, address, 0, 0];
    case 'notBlockStart':
      return [BAD_POOL_CALLER, 0x99, address, 0, 0];
    case 'freedTwice':
      return [BAD_POOL_CALLER, 7, 0, block?.tag ?? 0, address];
    case 'wrongTag':
      return [BAD_POOL_CALLER, 0x0a, address, block?.tag ?? 0, fault.tag];
    case 'overrun':
      return [BAD_POOL_HEADER, 0x21, address, block?.size ?? 0, fault.found];
    case 'underrun':
      return [SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, address, at, 0, 0x23];
    case 'writtenAfterFree':
      return [DRIVER_CAUGHT_MODIFYING_FREED_POOL, at, 1, 0, 0];
  }
}

/** A sentence that says what is wrong and what to do. */
export function describeFault(kernel: Kernel, fault: PoolFault): string {
  const { block } = fault;
  const owner = block === null || block.owner === 0 ? 'the kernel' : kernel.drivers[block.owner - 1]?.name;
  const by = block === null || block.allocatedBy === '' ? '' : ` (${block.allocatedBy})`;
  const what =
    block === null
      ? `the address 0x${fault.address.toString(16)}`
      : `the block of ${block.size} bytes at 0x${block.start.toString(16)}, tag ${tagText(block.tag)}, of ${owner}${by}`;
  const where = `at 0x${fault.at.toString(16)}`;
  switch (fault.kind) {
    case 'notPool':
      return `${what} was freed, but the pool never gave it out; free only what was allocated`;
    case 'notBlockStart':
      return `0x${fault.address.toString(16)} was freed, but it lies inside ${what}; free the address that was allocated`;
    case 'freedTwice':
      return `${what} was freed a second time; free each block once`;
    case 'wrongTag':
      return `${what} was freed with the tag ${tagText(fault.tag)}; free it with the tag it was allocated with`;
    case 'overrun':
      return `${what} was overrun: the byte ${where} behind it was written; write no more than was allocated`;
    case 'underrun':
      return `${what} was underrun: the byte ${where} before it was written; do not write before a block`;
    case 'writtenAfterFree':
      return `${what} was written ${where} after it was freed; do not use a block after freeing it`;
  }
}
