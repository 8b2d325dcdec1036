/**
 * Requests that NDIS answers itself, from what the miniport driver said when it initialized and indicated since.
 * Implements the pages of the OIDs that ndisHandlesOid and ndisHandlesQuery list (network).
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import {
  MediaConnectStateConnected,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NdisMediaStateConnected,
  NdisMediaStateDisconnected,
  NdisMedium802_3,
  NdisPhysicalMedium802_3,
  NdisPhysicalMediumUnspecified,
  NdisRequestQueryStatistics,
  OID_802_3_CURRENT_ADDRESS,
  OID_802_3_MAXIMUM_LIST_SIZE,
  OID_802_3_MULTICAST_LIST,
  OID_802_3_PERMANENT_ADDRESS,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_DRIVER_VERSION,
  OID_GEN_ENUMERATE_PORTS,
  OID_GEN_LINK_SPEED,
  OID_GEN_LINK_SPEED_EX,
  OID_GEN_LINK_STATE,
  OID_GEN_MAC_OPTIONS,
  OID_GEN_MAXIMUM_FRAME_SIZE,
  OID_GEN_MAXIMUM_LOOKAHEAD,
  OID_GEN_MEDIA_CONNECT_STATUS,
  OID_GEN_MEDIA_CONNECT_STATUS_EX,
  OID_GEN_MEDIA_DUPLEX_STATE,
  OID_GEN_MEDIA_IN_USE,
  OID_GEN_MEDIA_SUPPORTED,
  OID_GEN_OPERATIONAL_STATUS,
  OID_GEN_PHYSICAL_MEDIUM,
  OID_GEN_PHYSICAL_MEDIUM_EX,
  OID_GEN_PORT_STATE,
  OID_GEN_SUPPORTED_LIST,
} from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { GeneralAttributes, MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { writeEnumeratedPorts, writePortState } from '../ports/portReports.ts';
import { operationalStatus, writeLinkState } from '../status/linkState.ts';
import { lookaheadMaximum, multicastUnion, packetFilterUnion } from './bindingRequests.ts';
import { isStatisticsOid, ndisHandlesOid, ndisHandlesQuery } from './oidInterfaces.ts';
import { isQuery, type RequestFields, setBytesDone, setBytesNeeded } from './requestFormat.ts';
import { counterOffset } from './statistics.ts';

/** The answer to one query: its bytes, or the status with which it fails. */
export type OidAnswer = (
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  fields: RequestFields,
) => Uint8Array | number;

/** Answers of other families (offload settings, say) by OID; they go before those of this file. */
export const oidAnswersOf = perNdis('OID answers', () => new Map<number, OidAnswer>());

const NO_ADDRESSES = new Uint8Array(0);

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function quads(...values: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer);
}

/** An answer from the general attributes. */
function general(answer: (attributes: GeneralAttributes) => Uint8Array): OidAnswer {
  return (_ndis, adapter) => (adapter.general === null ? NDIS_STATUS_NOT_SUPPORTED : answer(adapter.general));
}

/** An answer for Ethernet adapters only. */
function ethernet(answer: (attributes: GeneralAttributes) => Uint8Array): OidAnswer {
  return (_ndis, { general: attributes }) =>
    attributes === null || attributes.mediaType !== NdisMedium802_3
      ? NDIS_STATUS_NOT_SUPPORTED
      : answer(attributes);
}

/** Link speeds in units of 100 bits per second; what does not fit is the greatest number. */
function oldLinkSpeed(adapter: MiniportAdapter): number {
  const speed = adapter.link.xmitLinkSpeed / 100n;
  return speed > 0xffff_ffffn ? 0xffff_ffff : Number(speed);
}

function supportedList({ supportedOids }: GeneralAttributes, fields: RequestFields): Uint8Array {
  const wanted =
    fields.type === NdisRequestQueryStatistics
      ? supportedOids
      : supportedOids.filter((oid) => !isStatisticsOid(oid));
  return words(...wanted);
}

const medium = general((attributes) => words(attributes.mediaType));

const ANSWERS: ReadonlyMap<number, OidAnswer> = new Map<number, OidAnswer>([
  [
    OID_GEN_SUPPORTED_LIST,
    (_ndis, adapter, fields) =>
      adapter.general === null ? NDIS_STATUS_NOT_SUPPORTED : supportedList(adapter.general, fields),
  ],
  [OID_GEN_MEDIA_SUPPORTED, medium],
  [OID_GEN_MEDIA_IN_USE, medium],
  [
    OID_GEN_PHYSICAL_MEDIUM,
    general(({ physicalMediumType: type }) =>
      words(type === NdisPhysicalMedium802_3 ? NdisPhysicalMediumUnspecified : type),
    ),
  ],
  [OID_GEN_PHYSICAL_MEDIUM_EX, general((attributes) => words(attributes.physicalMediumType))],
  [OID_GEN_MAXIMUM_FRAME_SIZE, general((attributes) => words(attributes.mtuSize))],
  [OID_GEN_MAXIMUM_LOOKAHEAD, general((attributes) => words(attributes.lookaheadSize))],
  [OID_GEN_MAC_OPTIONS, general((attributes) => words(attributes.macOptions))],
  [
    OID_GEN_DRIVER_VERSION,
    (_ndis, { miniport }) => Uint8Array.of(miniport.minorVersion, miniport.majorVersion),
  ],
  [OID_GEN_LINK_SPEED, (_ndis, adapter) => words(oldLinkSpeed(adapter))],
  [OID_GEN_LINK_SPEED_EX, (_ndis, adapter) => quads(adapter.link.xmitLinkSpeed, adapter.link.rcvLinkSpeed)],
  [OID_GEN_LINK_STATE, (_ndis, adapter) => writeLinkState(adapter.link)],
  [
    OID_GEN_MEDIA_CONNECT_STATUS,
    (_ndis, adapter) =>
      words(
        adapter.link.mediaConnectState === MediaConnectStateConnected
          ? NdisMediaStateConnected
          : NdisMediaStateDisconnected,
      ),
  ],
  [OID_GEN_MEDIA_CONNECT_STATUS_EX, (_ndis, adapter) => words(adapter.link.mediaConnectState)],
  [OID_GEN_MEDIA_DUPLEX_STATE, (_ndis, adapter) => words(adapter.link.mediaDuplexState)],
  [OID_GEN_OPERATIONAL_STATUS, (_ndis, adapter) => words(operationalStatus(adapter).status)],
  [OID_GEN_ENUMERATE_PORTS, (ndis, adapter) => writeEnumeratedPorts(ndis, adapter)],
  [
    OID_GEN_PORT_STATE,
    (ndis, adapter, fields) => writePortState(ndis, adapter, fields.port) ?? NDIS_STATUS_INVALID_PORT,
  ],
  [OID_802_3_PERMANENT_ADDRESS, ethernet((attributes) => attributes.permanentMacAddress.slice(0, 6))],
  [OID_802_3_CURRENT_ADDRESS, ethernet((attributes) => attributes.currentMacAddress.slice(0, 6))],
  [OID_802_3_MAXIMUM_LIST_SIZE, ethernet((attributes) => words(attributes.maxMulticastListSize))],
  [OID_802_3_MULTICAST_LIST, (_ndis, adapter) => multicastUnion(adapter, null, NO_ADDRESSES)],
  [OID_GEN_CURRENT_PACKET_FILTER, (_ndis, adapter) => words(packetFilterUnion(adapter, null, 0))],
  [OID_GEN_CURRENT_LOOKAHEAD, (_ndis, adapter) => words(lookaheadMaximum(adapter, null, 0))],
]);

/**
 * Answers a request where NDIS does: the final status, with the results in the request. Null where the request is
 * for the miniport driver.
 */
export function answerRequest(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  request: Address,
  fields: RequestFields,
): number | null {
  const { oid, type } = fields;
  if (counterOffset(oid) !== null && isQuery(type)) return null;
  const handledWholly = ndisHandlesOid.has(oid);
  if (!isQuery(type)) return handledWholly ? NDIS_STATUS_NOT_SUPPORTED : null;
  const answer = oidAnswersOf(ndis).get(oid) ?? ANSWERS.get(oid);
  if (answer === undefined) {
    return handledWholly || ndisHandlesQuery.has(oid) ? NDIS_STATUS_NOT_SUPPORTED : null;
  }
  const bytes = answer(ndis, adapter, fields);
  return typeof bytes === 'number' ? bytes : writeAnswer(ndis.memory, request, fields, bytes);
}

function writeAnswer(
  memory: KernelMemory,
  request: Address,
  fields: RequestFields,
  bytes: Uint8Array,
): number {
  setBytesNeeded(memory, request, bytes.length);
  if (fields.length < bytes.length) return NDIS_STATUS_BUFFER_TOO_SHORT;
  memory.u8.set(bytes, fields.buffer);
  setBytesDone(memory, request, bytes.length);
  return NDIS_STATUS_SUCCESS;
}
