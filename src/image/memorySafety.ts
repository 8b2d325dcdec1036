/**
 * Memory safety of machine code: what images add to the shadow, and what a violation is called. Implements the bug
 * checks of the driver verifier for special pool (DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL and
 * DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION, Bug Check Code Reference).
 */

import {
  DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION,
  DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL,
  type Kernel,
  PAGE_FAULT_IN_NONPAGED_AREA,
  poolOf,
} from '../kernel/index.ts';
import {
  type Address,
  PAGE_SIZE,
  type PoolBlock,
  pagesOfSize,
  pointerText,
  type Shadow,
  type ShadowReason,
  tagText,
} from '../memory/index.ts';
import type { ProcessorException } from '../x64/index.ts';
import type { LoadedImage } from './load/index.ts';

/** Marks what lies behind the last byte of each section of an image that was mapped. */
export function markSections(shadow: Shadow, image: LoadedImage): void {
  if (image.image.flat) return;
  for (const section of image.image.sections) {
    const { start, end } = image.rangeOf(section);
    const pageEnd = start + pagesOfSize(end - start) * PAGE_SIZE;
    shadow.allow(start, end - start);
    if (pageEnd > end) shadow.forbid(end, pageEnd - end, 'endOfSection');
  }
}

/** Marks the sections that went away after DriverEntry. */
export function markDiscarded(shadow: Shadow, image: LoadedImage): void {
  for (const section of image.image.sections) {
    const { start, end } = image.rangeOf(section);
    if (image.isDiscarded(start)) shadow.forbid(start, pagesOfSize(end - start) * PAGE_SIZE, 'discarded');
  }
}

/** A violation as a bug check. */
export interface Violation {
  readonly code: number;
  readonly parameters: readonly [number, number, number, number];
  readonly text: string;
}

/** What a driver did, in words, without the address. */
const WHAT: Readonly<Record<ShadowReason, string>> = {
  neverAllocated: 'memory that nobody allocated',
  redZone: 'memory beside a block',
  freedBlock: 'a block that was freed',
  freedPages: 'pages that were given back',
  emptySlab: 'pool that is in no block',
  emptyStack: 'the stack of a call that is over',
  endOfSection: 'memory behind the end of a section',
  discarded: 'a section that was discarded after DriverEntry',
};

/**
 * Names a violation of memory safety.
 * @param rip the instruction. @param where it, and @param nameOf any address of an image, in words.
 */
export function describeViolation(
  kernel: Kernel,
  shadow: Shadow,
  exit: ProcessorException,
  rip: Address,
  where: string,
  nameOf: (address: Address) => string | null,
): Violation {
  const { low, access } = exit;
  const reason = shadow.reasonAt(low) ?? 'neverAllocated';
  const pool = poolOf(kernel);
  // The red zone before a block belongs to its slot; behind it, the block is the one that ends before.
  const block = pool.blockAt(low);
  const parts = [
    `${access} of ${exit.size} byte(s) at ${where} touches ${pointerText(kernel.memory, low)}: ${WHAT[reason]}`,
    block === null ? null : describeBlock(kernel, block, low),
    reason === 'endOfSection' || reason === 'discarded' ? nameOf(low) : null,
  ];
  const operation = access === 'read' ? 0 : 1;
  return {
    code: CODES[reason],
    parameters: [low, operation, rip, 0],
    text: parts.filter((part) => part !== null).join('; '),
  };
}

const CODES: Readonly<Record<ShadowReason, number>> = {
  neverAllocated: PAGE_FAULT_IN_NONPAGED_AREA,
  redZone: DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION,
  freedBlock: DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL,
  freedPages: DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL,
  emptySlab: DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION,
  emptyStack: DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL,
  endOfSection: DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION,
  discarded: PAGE_FAULT_IN_NONPAGED_AREA,
};

function describeBlock(kernel: Kernel, block: PoolBlock, at: Address): string {
  const owner = block.owner === 0 ? 'the machine' : (kernel.drivers[block.owner - 1]?.name ?? 'a driver');
  const distance = at < block.start ? `${block.start - at} byte(s) before` : `byte ${at - block.start} of`;
  const place = at >= block.start + block.size ? `${at - block.start - block.size} byte(s) behind` : distance;
  const stacks = [
    block.allocatedBy === '' ? '' : `, allocated by ${block.allocatedBy}`,
    block.freedBy === '' ? (block.freed ? ', freed' : '') : `, freed by ${block.freedBy}`,
  ];
  return `${place} the block of ${block.size} bytes at ${pointerText(kernel.memory, block.start)}, tag ${tagText(block.tag)}, of ${owner}${stacks.join('')}`;
}
