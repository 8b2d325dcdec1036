/**
 * Counters that NDIS reads from the statistics of the miniport driver when a protocol asks for them one by one.
 * Implements oid-gen-bytes-rcv, oid-gen-bytes-xmit, oid-gen-rcv-discards and oid-gen-xmit-discards (network).
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import {
  OID_GEN_BYTES_RCV,
  OID_GEN_BYTES_XMIT,
  OID_GEN_RCV_DISCARDS,
  OID_GEN_XMIT_DISCARDS,
} from '../generated/constants/index.ts';
import { NDIS_STATISTICS_INFO } from '../generated/structures/index.ts';
import type { RequestFields } from './requestFormat.ts';

const COUNTERS: ReadonlyMap<number, number> = new Map([
  [OID_GEN_BYTES_RCV, NDIS_STATISTICS_INFO.offset.ifHCInOctets],
  [OID_GEN_BYTES_XMIT, NDIS_STATISTICS_INFO.offset.ifHCOutOctets],
  [OID_GEN_RCV_DISCARDS, NDIS_STATISTICS_INFO.offset.ifInDiscards],
  [OID_GEN_XMIT_DISCARDS, NDIS_STATISTICS_INFO.offset.ifOutDiscards],
]);

/** Where the counter for `oid` stands in NDIS_STATISTICS_INFO, or null. */
export function counterOffset(oid: number): number | null {
  return COUNTERS.get(oid) ?? null;
}

/** Writes the counter that `fields` asks for: 64 bits where they fit, else the low 32. Returns the bytes written. */
export function writeCounter(memory: KernelMemory, fields: RequestFields, statistics: Address): number {
  const value = memory.data.getBigUint64(statistics + (counterOffset(fields.oid) ?? 0), true);
  if (fields.length < 8) {
    memory.data.setUint32(fields.buffer, Number(BigInt.asUintN(32, value)), true);
    return 4;
  }
  memory.data.setBigUint64(fields.buffer, value, true);
  return 8;
}
