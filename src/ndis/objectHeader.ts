/**
 * NDIS_OBJECT_HEADER: the first member of nearly every structure that a driver hands to NDIS, and how it is checked.
 * Implements ns-objectheader-ndis_object_header.
 */

import type { Driver } from '../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS } from '../memory/index.ts';
import { NDIS_OBJECT_TYPE_DEFAULT } from './generated/constants/index.ts';
import type { NdisLibrary } from './library.ts';

/** One revision of a structure: its size and the version of NDIS that brought it (`20` for 6.20). */
export interface Revision {
  readonly revision: number;
  readonly size: number;
  readonly minorVersion: number;
}

/** What a header has to hold. */
export interface HeaderRule {
  readonly structure: string;
  readonly type: number;
  readonly revisions: readonly Revision[];
  readonly page: string;
}

/**
 * The revision of the structure at `address`, or null where its header is wrong; a note in the trace then says which
 * member and why. NDIS_OBJECT_TYPE_DEFAULT is accepted and noted: real drivers use it.
 */
export function checkHeader(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  address: Address,
  rule: HeaderRule,
): Revision | null {
  const { memory, kernel } = ndis;
  const refuse = (text: string) => {
    kernel.note(call, `${driver.name}: ${rule.structure} ${text}`);
    return null;
  };
  if (address < FIRST_MAPPED_ADDRESS || address + 4 > memory.size)
    return refuse('is NULL or lies outside of memory');
  const type = memory.u8[address];
  const revision = memory.u8[address + 1];
  const size = memory.u16[(address + 2) >> 1];
  if (type === NDIS_OBJECT_TYPE_DEFAULT && rule.type !== NDIS_OBJECT_TYPE_DEFAULT) {
    kernel.note(call, `${driver.name}: ${rule.structure}.Header.Type is NDIS_OBJECT_TYPE_DEFAULT; accepted`);
  } else if (type !== rule.type) {
    return refuse(`has Header.Type 0x${type.toString(16)} instead of 0x${rule.type.toString(16)}`);
  }
  let match: Revision | null = null;
  for (const known of rule.revisions) if (known.revision <= revision) match = known;
  if (match === null) return refuse(`has Header.Revision ${revision}, which does not exist`);
  if (size < match.size) {
    return refuse(`has Header.Size ${size}; revision ${match.revision} has ${match.size} bytes`);
  }
  return match;
}
