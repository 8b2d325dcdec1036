/**
 * Asking a network interface about itself, as a client of the management information base does: its provider answers,
 * and for adapters and filter modules NDIS as the proxy provider, from what it knows and by requests to the miniport
 * driver. Implements "Handling OID Query and Set Requests in an NDIS Interface Provider" and "Mapping of NDIS Network
 * Interfaces to NDIS OIDs" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_PACKET_TYPE_ALL_LOCAL,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_INTERFACE_NOT_FOUND,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NdisRequestQueryInformation,
  NET_IF_ADMIN_STATUS_DOWN,
  NET_IF_ADMIN_STATUS_UP,
  OID_GEN_ADMIN_STATUS,
  OID_GEN_ALIAS,
  OID_GEN_DISCONTINUITY_TIME,
  OID_GEN_INTERFACE_INFO,
  OID_GEN_LAST_CHANGE,
  OID_GEN_PROMISCUOUS_MODE,
  OID_GEN_RCV_LINK_SPEED,
  OID_GEN_STATISTICS,
  OID_GEN_XMIT_LINK_SPEED,
} from '../generated/constants/index.ts';
import {
  NDIS_IF_COUNTED_STRING,
  NDIS_INTERFACE_INFORMATION,
  NDIS_STATISTICS_INFO,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { allocateStructure, freeLibraryMemory } from '../libraryMemory.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { ownRequest, requestOid } from '../oid/ownRequest.ts';
import { operationalStatus } from '../status/linkState.ts';
import { adapterBelow } from './adapterInterfaces.ts';
import { interfacesOf } from './networkInterface.ts';

/** One query or set. `length` becomes the bytes that were written, or that are needed. */
export interface InterfaceQuery {
  readonly ifIndex: number;
  readonly oid: number;
  /** Memory for the answer, or with what is to be set; it lasts until the procedure is done. */
  readonly buffer: Address;
  length: number;
  readonly set: boolean;
  /** Memory of the procedure's own. */
  block: Address;
}

/** The number of bytes for a provider, and behind it the NDIS_STATISTICS_INFO of an adapter. */
const STATISTICS = 8;

/** Asks, or sets. The value is the final status. Call it at PASSIVE_LEVEL. */
export const queryInterface = procedure<NdisLibrary, InterfaceQuery>('NdisQueryInterface', {
  start: (ndis, locals, step) => {
    const known = interfacesOf(ndis).at(locals.ifIndex);
    if (known === null) return step.done(NDIS_STATUS_INTERFACE_NOT_FOUND);
    if (known.owner.kind === 'proxy') return step.go('proxy');
    const { provider, context } = known.owner;
    if (locals.set) {
      if (provider.setObject === null) return step.done(NDIS_STATUS_NOT_SUPPORTED);
      return step.call('over', provider.setObject, context, locals.oid, locals.length, locals.buffer);
    }
    if (provider.queryObject === null) return step.done(NDIS_STATUS_NOT_SUPPORTED);
    locals.block = allocateStructure(ndis, NDIS_STATISTICS_INFO, {}, STATISTICS);
    ndis.memory.u32[locals.block >> 2] = locals.length;
    return step.call('answered', provider.queryObject, context, locals.oid, locals.block, locals.buffer);
  },
  answered: (ndis, locals, step, status) => {
    locals.length = ndis.memory.u32[locals.block >> 2];
    return step.go('over', status);
  },
  proxy: (ndis, locals, step) => {
    const adapter = adapterBelow(ndis, locals.ifIndex);
    if (adapter === null) return step.done(NDIS_STATUS_INTERFACE_NOT_FOUND);
    // No OID is defined that sets something of an interface.
    if (locals.set) return step.done(NDIS_STATUS_NOT_SUPPORTED);
    const answer = proxyAnswer(adapter, locals.oid);
    if (answer !== null) return step.done(give(ndis, locals, answer));
    const { oid, buffer, length } = locals;
    if (oid !== OID_GEN_INTERFACE_INFO) {
      const request = ownRequest(adapter, { type: NdisRequestQueryInformation, oid, buffer, length });
      return step.run('requested', requestOid, ndis, request);
    }
    locals.block = allocateStructure(ndis, NDIS_STATISTICS_INFO, {}, STATISTICS);
    return step.run(
      'counted',
      requestOid,
      ndis,
      ownRequest(adapter, {
        type: NdisRequestQueryInformation,
        oid: OID_GEN_STATISTICS,
        buffer: locals.block + STATISTICS,
        length: NDIS_STATISTICS_INFO.size,
      }),
    );
  },
  requested: (_ndis, _locals, step, status) => step.done(status),
  counted: (ndis, locals, step, status) => {
    const adapter = adapterBelow(ndis, locals.ifIndex);
    if (adapter === null) return step.go('over', NDIS_STATUS_INTERFACE_NOT_FOUND);
    const counters =
      status === NDIS_STATUS_SUCCESS ? NDIS_STATISTICS_INFO.at(ndis.memory, locals.block + STATISTICS) : null;
    return step.go('over', give(ndis, locals, interfaceInformation(adapter, counters)));
  },
  over: (ndis, locals, step, status) => {
    freeLibraryMemory(ndis, locals.block);
    locals.block = 0;
    return step.done(status);
  },
});

function give(ndis: NdisLibrary, locals: InterfaceQuery, answer: Uint8Array): number {
  const room = locals.length;
  locals.length = answer.length;
  if (room < answer.length) return NDIS_STATUS_BUFFER_TOO_SHORT;
  ndis.memory.u8.set(answer, locals.buffer);
  return NDIS_STATUS_SUCCESS;
}

function quad(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

/** What only interface providers are asked; null for what the miniport driver, or NDIS for it, answers. */
function proxyAnswer(adapter: MiniportAdapter, oid: number): Uint8Array | null {
  switch (oid) {
    case OID_GEN_ALIAS: {
      const text = adapter.instanceName.slice(0, 256);
      const bytes = new Uint8Array(NDIS_IF_COUNTED_STRING.size);
      const data = new DataView(bytes.buffer);
      data.setUint16(0, 2 * text.length, true);
      for (let i = 0; i < text.length; i++) data.setUint16(2 + 2 * i, text.charCodeAt(i), true);
      return bytes;
    }
    case OID_GEN_ADMIN_STATUS:
      return new Uint8Array(
        Uint32Array.of(adapter.halted ? NET_IF_ADMIN_STATUS_DOWN : NET_IF_ADMIN_STATUS_UP).buffer,
      );
    case OID_GEN_PROMISCUOUS_MODE:
      return Uint8Array.of(isPromiscuous(adapter) ? 1 : 0);
    case OID_GEN_XMIT_LINK_SPEED:
      return quad(adapter.link.xmitLinkSpeed);
    case OID_GEN_RCV_LINK_SPEED:
      return quad(adapter.link.rcvLinkSpeed);
    // 0 stands for times that the provider does not follow.
    case OID_GEN_LAST_CHANGE:
    case OID_GEN_DISCONTINUITY_TIME:
      return quad(0n);
    default:
      return null;
  }
}

function isPromiscuous(adapter: MiniportAdapter): boolean {
  return (adapter.packetFilter & (NDIS_PACKET_TYPE_PROMISCUOUS | NDIS_PACKET_TYPE_ALL_LOCAL)) !== 0;
}

/** NDIS_INTERFACE_INFORMATION of an adapter; counters are 0 where its driver has none. */
function interfaceInformation(adapter: MiniportAdapter, counters: NDIS_STATISTICS_INFO | null): Uint8Array {
  const at = NDIS_INTERFACE_INFORMATION.offset;
  const bytes = new Uint8Array(NDIS_INTERFACE_INFORMATION.size);
  const data = new DataView(bytes.buffer);
  const { status, flags } = operationalStatus(adapter);
  data.setUint32(at.ifOperStatus, status, true);
  data.setUint32(at.ifOperStatusFlags, flags, true);
  data.setUint32(at.MediaConnectState, adapter.link.mediaConnectState, true);
  data.setUint32(at.MediaDuplexState, adapter.link.mediaDuplexState, true);
  data.setUint32(at.ifMtu, adapter.general?.mtuSize ?? 0, true);
  data.setUint8(at.ifPromiscuousMode, isPromiscuous(adapter) ? 1 : 0);
  data.setBigUint64(at.XmitLinkSpeed, adapter.link.xmitLinkSpeed, true);
  data.setBigUint64(at.RcvLinkSpeed, adapter.link.rcvLinkSpeed, true);
  if (counters !== null) {
    for (const name of COUNTERS) data.setBigUint64(at[name], counters[name], true);
  }
  return bytes;
}

const COUNTERS = [
  'ifInDiscards',
  'ifInErrors',
  'ifHCInOctets',
  'ifHCInUcastPkts',
  'ifHCInMulticastPkts',
  'ifHCInBroadcastPkts',
  'ifHCOutOctets',
  'ifHCOutUcastPkts',
  'ifHCOutMulticastPkts',
  'ifHCOutBroadcastPkts',
  'ifOutErrors',
  'ifOutDiscards',
  'ifHCInUcastOctets',
  'ifHCInMulticastOctets',
  'ifHCInBroadcastOctets',
  'ifHCOutUcastOctets',
  'ifHCOutMulticastOctets',
  'ifHCOutBroadcastOctets',
] as const;
