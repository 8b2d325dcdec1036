/**
 * The general attributes of an adapter whose miniport driver is for NDIS 5: it never states them, so NDIS asks it the
 * OIDs that every such driver has to answer.
 * Implements "Mandatory OIDs for Miniport Drivers" (network) and ns-ndis-_ndis_miniport_adapter_general_attributes.
 */

import { poolOf, procedure } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import { NDIS_POOL_TAG } from '../../events.ts';
import {
  MediaConnectStateConnected,
  MediaConnectStateDisconnected,
  MediaDuplexStateUnknown,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMediaStateDisconnected,
  NdisMedium802_3,
  NdisMediumWan,
  NdisPhysicalMedium802_3,
  NET_IF_ACCESS_BROADCAST,
  NET_IF_CONNECTION_DEDICATED,
  NET_IF_DIRECTION_SENDRECEIVE,
  OID_802_3_CURRENT_ADDRESS,
  OID_802_3_MAXIMUM_LIST_SIZE,
  OID_802_3_PERMANENT_ADDRESS,
  OID_GEN_LINK_SPEED,
  OID_GEN_MAC_OPTIONS,
  OID_GEN_MAXIMUM_FRAME_SIZE,
  OID_GEN_MAXIMUM_LOOKAHEAD,
  OID_GEN_MAXIMUM_SEND_PACKETS,
  OID_GEN_MEDIA_CONNECT_STATUS,
  OID_GEN_PHYSICAL_MEDIUM,
  OID_GEN_SUPPORTED_LIST,
} from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { oidName, statusName } from '../../names.ts';
import { legacyAdaptersOf } from './legacyAdapter.ts';
import { type OwnQueryLocals, ownQuery, queryDriver } from './ownQuery.ts';

/** Bytes for an answer: a supported list of 1024 OIDs. */
const BUFFER_SIZE = 4096;
const ADDRESS_LENGTH = 6;
/** Interface types of RFC 1213. */
const IF_TYPE_ETHERNET_CSMACD = 6;
const IF_TYPE_PPP = 23;
/** Link speeds of NDIS 5 are in units of 100 bits per second. */
const SPEED_UNIT = 100n;

/** One OID that is asked. */
interface Question {
  readonly oid: number;
  readonly length: number;
  /** A driver that does not answer it has a finding. */
  readonly required: boolean;
  readonly media: 'all' | 'ethernet';
}

const QUESTIONS: readonly Question[] = [
  { oid: OID_GEN_SUPPORTED_LIST, length: BUFFER_SIZE, required: true, media: 'all' },
  { oid: OID_GEN_MAXIMUM_FRAME_SIZE, length: 4, required: true, media: 'all' },
  { oid: OID_GEN_LINK_SPEED, length: 4, required: true, media: 'all' },
  { oid: OID_GEN_MAC_OPTIONS, length: 4, required: true, media: 'all' },
  { oid: OID_GEN_MAXIMUM_LOOKAHEAD, length: 4, required: true, media: 'all' },
  { oid: OID_GEN_MEDIA_CONNECT_STATUS, length: 4, required: false, media: 'all' },
  { oid: OID_GEN_PHYSICAL_MEDIUM, length: 4, required: false, media: 'all' },
  { oid: OID_GEN_MAXIMUM_SEND_PACKETS, length: 4, required: false, media: 'all' },
  { oid: OID_802_3_PERMANENT_ADDRESS, length: ADDRESS_LENGTH, required: true, media: 'ethernet' },
  { oid: OID_802_3_CURRENT_ADDRESS, length: ADDRESS_LENGTH, required: true, media: 'ethernet' },
  { oid: OID_802_3_MAXIMUM_LIST_SIZE, length: 4, required: true, media: 'ethernet' },
];

/** What the driver answered, by OID. */
class Answers {
  readonly #bytes = new Map<number, Uint8Array>();

  set(oid: number, bytes: Uint8Array): void {
    this.#bytes.set(oid, bytes);
  }

  has(oid: number): boolean {
    return this.#bytes.has(oid);
  }

  bytes(oid: number, otherwise: Uint8Array): Uint8Array {
    return this.#bytes.get(oid) ?? otherwise;
  }

  words(oid: number): number[] {
    const bytes = this.#bytes.get(oid) ?? new Uint8Array(0);
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length >> 2 }, (_, index) => data.getUint32(4 * index, true));
  }

  word(oid: number, otherwise: number): number {
    return this.words(oid)[0] ?? otherwise;
  }
}

interface AskLocals {
  readonly adapter: Address;
  readonly medium: number;
  readonly answers: Answers;
  buffer: Address;
  index: number;
  query: OwnQueryLocals | null;
}

/** Asks everything and sets the general attributes. The value is NDIS_STATUS_SUCCESS, or NDIS_STATUS_RESOURCES. */
export const askGeneralAttributes = procedure<NdisLibrary, AskLocals>('NdisAskGeneralAttributes', {
  start: (ndis, locals, step) => {
    locals.buffer = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, BUFFER_SIZE, NDIS_POOL_TAG, 0);
    return locals.buffer === 0 ? step.done(NDIS_STATUS_RESOURCES) : step.go('next');
  },
  next: (ndis, locals, step) => {
    const question = QUESTIONS[locals.index];
    if (question === undefined) return step.go('over');
    if (question.media === 'ethernet' && locals.medium !== NdisMedium802_3) {
      locals.index++;
      return step.go('next');
    }
    locals.query = ownQuery(locals.adapter, question.oid, locals.buffer, question.length);
    return step.run('answered', queryDriver, ndis, locals.query);
  },
  answered: (ndis, locals, step, status) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const question = QUESTIONS[locals.index++];
    const { query } = locals;
    if (adapter === null || query === null) return step.go('over');
    const written = Math.min(query.written, question.length);
    if (status === NDIS_STATUS_SUCCESS && written >= Math.min(4, question.length)) {
      locals.answers.set(question.oid, ndis.memory.u8.slice(locals.buffer, locals.buffer + written));
    } else if (question.required) reportUnanswered(ndis, adapter, question.oid, status, query);
    return step.go('next');
  },
  over: (ndis, locals, step) => {
    poolOf(ndis.kernel).free(locals.buffer, NDIS_POOL_TAG);
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter !== null) setGeneral(ndis, adapter, locals.medium, locals.answers);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/** The locals of the procedure. */
export function askLocals(adapter: Address, medium: number): AskLocals {
  return { adapter, medium, answers: new Answers(), buffer: 0, index: 0, query: null };
}

function reportUnanswered(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  oid: number,
  status: number,
  query: OwnQueryLocals,
): void {
  const short = status === NDIS_STATUS_BUFFER_TOO_SHORT || status === NDIS_STATUS_INVALID_LENGTH;
  const why = short ? `${statusName(status)} and BytesNeeded ${query.needed}` : statusName(status);
  ndis.kernel.report(
    'REQUIRED_OID_FAILED',
    adapter.miniport.driver,
    `MiniportQueryInformation of ${adapter.label} answered ${oidName(oid)} with ${why} and ${query.written} bytes; every miniport driver has to answer it`,
    'ndis/nc-ndis-w_query_information_handler',
  );
}

function setGeneral(ndis: NdisLibrary, adapter: MiniportAdapter, medium: number, answers: Answers): void {
  const noAddress = new Uint8Array(medium === NdisMedium802_3 ? ADDRESS_LENGTH : 0);
  const speed = BigInt(answers.word(OID_GEN_LINK_SPEED, 0)) * SPEED_UNIT;
  const permanent = answers.bytes(OID_802_3_PERMANENT_ADDRESS, noAddress);
  const disconnected = answers.word(OID_GEN_MEDIA_CONNECT_STATUS, 0) === NdisMediaStateDisconnected;
  adapter.general = {
    flags: 0,
    mediaType: medium,
    physicalMediumType:
      answers.word(OID_GEN_PHYSICAL_MEDIUM, 0) || (medium === NdisMedium802_3 ? NdisPhysicalMedium802_3 : 0),
    mtuSize: answers.word(OID_GEN_MAXIMUM_FRAME_SIZE, 1500),
    maxXmitLinkSpeed: speed,
    maxRcvLinkSpeed: speed,
    lookaheadSize: answers.word(OID_GEN_MAXIMUM_LOOKAHEAD, 256),
    macOptions: answers.word(OID_GEN_MAC_OPTIONS, 0),
    // Drivers for NDIS 5 refuse a filter that they do not support when it is set.
    supportedPacketFilters: 0xffff_ffff,
    maxMulticastListSize: answers.word(OID_802_3_MAXIMUM_LIST_SIZE, 0),
    permanentMacAddress: permanent,
    currentMacAddress: answers.bytes(OID_802_3_CURRENT_ADDRESS, permanent),
    accessType: NET_IF_ACCESS_BROADCAST,
    directionType: NET_IF_DIRECTION_SENDRECEIVE,
    connectionType: NET_IF_CONNECTION_DEDICATED,
    ifType: medium === NdisMediumWan ? IF_TYPE_PPP : IF_TYPE_ETHERNET_CSMACD,
    ifConnectorPresent: !adapter.virtual,
    supportedStatistics: 0,
    supportedPauseFunctions: 0,
    dataBackFillSize: 0,
    contextBackFillSize: 0,
    supportedOids: answers.words(OID_GEN_SUPPORTED_LIST),
    autoNegotiationFlags: 0,
  };
  adapter.link = {
    mediaConnectState: disconnected ? MediaConnectStateDisconnected : MediaConnectStateConnected,
    mediaDuplexState: MediaDuplexStateUnknown,
    xmitLinkSpeed: speed,
    rcvLinkSpeed: speed,
    pauseFunctions: 0,
    autoNegotiationFlags: 0,
  };
  const legacy = legacyAdaptersOf(ndis).get(adapter);
  if (legacy !== undefined) legacy.maximumSendPackets = answers.word(OID_GEN_MAXIMUM_SEND_PACKETS, 1) || 1;
}
