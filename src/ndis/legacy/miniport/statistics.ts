/**
 * OID_GEN_STATISTICS of an adapter whose miniport driver is for NDIS 5 and counts in one OID each.
 * Implements oid-gen-statistics and "General Statistics" (network).
 */

import { procedure } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_STATISTICS_INFO_REVISION_1,
  NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_RCV,
  NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_XMIT,
  NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS,
  NDIS_STATISTICS_FLAGS_VALID_RCV_ERROR,
  NDIS_STATISTICS_FLAGS_VALID_XMIT_ERROR,
  NDIS_STATISTICS_INFO_REVISION_1,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_SUCCESS,
  OID_GEN_RCV_ERROR,
  OID_GEN_RCV_NO_BUFFER,
  OID_GEN_RCV_OK,
  OID_GEN_XMIT_ERROR,
  OID_GEN_XMIT_OK,
} from '../../generated/constants/index.ts';
import { NDIS_STATISTICS_INFO } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { readRequest, setBytesDone, setBytesNeeded } from '../../oid/requestFormat.ts';
import { allocateCertain, freeCertain } from '../../reserve.ts';
import { type OwnQueryLocals, ownQuery, queryDriver } from './ownQuery.ts';

const { offset } = NDIS_STATISTICS_INFO;

/** Counters of NDIS 5, the member of NDIS 6 each belongs to, and the flag that says that it is there. */
const COUNTERS: readonly (readonly [oid: number, member: number, flag: number])[] = [
  [OID_GEN_XMIT_OK, offset.ifHCOutUcastPkts, NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_XMIT],
  [OID_GEN_RCV_OK, offset.ifHCInUcastPkts, NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_RCV],
  [OID_GEN_XMIT_ERROR, offset.ifOutErrors, NDIS_STATISTICS_FLAGS_VALID_XMIT_ERROR],
  [OID_GEN_RCV_ERROR, offset.ifInErrors, NDIS_STATISTICS_FLAGS_VALID_RCV_ERROR],
  [OID_GEN_RCV_NO_BUFFER, offset.ifInDiscards, NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS],
];

interface StatisticsLocals {
  readonly adapter: Address;
  readonly request: Address;
  cell: Address;
  index: number;
  query: OwnQueryLocals | null;
}

/** Answers a request for OID_GEN_STATISTICS. What the driver does not count stays 0 and its flag unset. */
export const askStatistics = procedure<NdisLibrary, StatisticsLocals>('NdisAskStatistics', {
  start: (ndis, locals, step) => {
    const { buffer, length } = readRequest(ndis.memory, locals.request);
    setBytesNeeded(ndis.memory, locals.request, NDIS_STATISTICS_INFO.size);
    if (length < NDIS_STATISTICS_INFO.size) return step.done(NDIS_STATUS_BUFFER_TOO_SHORT);
    const { u8, data } = ndis.memory;
    u8.fill(0, buffer, buffer + NDIS_STATISTICS_INFO.size);
    u8[buffer] = NDIS_OBJECT_TYPE_DEFAULT;
    u8[buffer + 1] = NDIS_STATISTICS_INFO_REVISION_1;
    data.setUint16(buffer + 2, NDIS_SIZEOF_STATISTICS_INFO_REVISION_1, true);
    locals.cell = allocateCertain(ndis.kernel, 16);
    return step.go('next');
  },
  next: (ndis, locals, step) => {
    if (locals.index === COUNTERS.length) {
      freeCertain(ndis.kernel, locals.cell);
      setBytesDone(ndis.memory, locals.request, NDIS_STATISTICS_INFO.size);
      return step.done(NDIS_STATUS_SUCCESS);
    }
    locals.query = ownQuery(locals.adapter, COUNTERS[locals.index][0], locals.cell, 8);
    return step.run('answered', queryDriver, ndis, locals.query);
  },
  answered: (ndis, locals, step, status) => {
    const [, member, flag] = COUNTERS[locals.index++];
    const written = locals.query?.written ?? 0;
    if (status === NDIS_STATUS_SUCCESS && written >= 4) {
      const { data } = ndis.memory;
      const { buffer } = readRequest(ndis.memory, locals.request);
      const long = written >= 8;
      const value = long ? data.getBigUint64(locals.cell, true) : BigInt(data.getUint32(locals.cell, true));
      data.setBigUint64(buffer + member, value, true);
      const flags = buffer + offset.SupportedStatistics;
      data.setUint32(flags, (data.getUint32(flags, true) | flag) >>> 0, true);
    }
    return step.go('next');
  },
});
