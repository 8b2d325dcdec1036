/**
 * What the pool says about blocks and about misuse of them: plain data that the kernel turns into bug checks and
 * reports.
 */

import type { Address } from './addressSpace.ts';

/** The pools. Executable non-paged pool is the default of old drivers; NX is what they should use. */
export const poolType = { nonPaged: 0, paged: 1, nonPagedNx: 2 } as const;
export type PoolType = (typeof poolType)[keyof typeof poolType];

/** A block of the pool. */
export interface PoolBlock {
  readonly start: Address;
  /** Bytes asked for. */
  readonly size: number;
  readonly tag: number;
  readonly type: PoolType;
  /** Id of the driver that is charged; 0 is the machine itself. */
  readonly owner: number;
  /** What allocated it, where the machine was built to note that. */
  readonly allocatedBy: string;
  /** What freed it, where the machine was built to note that and it is freed. */
  readonly freedBy: string;
  /** Whether it was freed and not handed out again. */
  readonly freed: boolean;
}

/** What is wrong with a block or with freeing it. */
export type PoolFaultKind =
  /** The address never belonged to a block. */
  | 'notPool'
  /** The address lies inside a block. */
  | 'notBlockStart'
  /** The block was freed before. */
  | 'freedTwice'
  | 'wrongTag'
  /** The bytes behind the block were written. */
  | 'overrun'
  /** The bytes before the block were written. */
  | 'underrun'
  /** The block was written after it was freed. */
  | 'writtenAfterFree';

export interface PoolFault {
  readonly kind: PoolFaultKind;
  /** The address given. */
  readonly address: Address;
  /** First byte found wrong, else the address given. */
  readonly at: Address;
  /** The byte at `at` when it was looked at. */
  readonly found: number;
  /** The tag given, 0 where none was. */
  readonly tag: number;
  /** The block around the address, if there is one. */
  readonly block: PoolBlock | null;
}

/** A tag as people read it: `Ndis` is stored with N in the lowest byte. */
export function tagText(tag: number): string {
  let text = '';
  for (let shift = 0; shift < 32; shift += 8) {
    const code = (tag >>> shift) & (shift === 24 ? 0x7f : 0xff);
    text += code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '.';
  }
  return text;
}

/** The tag that reads `text`, as the C constant 'sidN' spells `Ndis`. */
export function tagOfText(text: string): number {
  let tag = 0;
  for (let index = 3; index >= 0; index--) tag = (tag << 8) | (text.charCodeAt(index) || 0x20);
  return tag >>> 0;
}
