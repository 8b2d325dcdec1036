/**
 * Requests of protocols that concern sleeping states, which NDIS keeps, puts together and answers: capabilities,
 * parameters, wake-up patterns and protocol offloads, of NDIS 6.20 and of the versions before.
 * Implements the oid-pm-* and oid-pnp-* pages (network).
 */

import type { Address } from '../../memory/index.ts';
import {
  NDIS_PM_PARAMETERS_REVISION_2,
  NDIS_PM_PROTOCOL_OFFLOAD_80211_RSN_REKEY_SUPPORTED,
  NDIS_PM_PROTOCOL_OFFLOAD_ARP_SUPPORTED,
  NDIS_PM_PROTOCOL_OFFLOAD_NS_SUPPORTED,
  NDIS_PM_WOL_BITMAP_PATTERN_SUPPORTED,
  NDIS_PM_WOL_EAPOL_REQUEST_ID_MESSAGE_SUPPORTED,
  NDIS_PM_WOL_IPV4_TCP_SYN_SUPPORTED,
  NDIS_PM_WOL_IPV6_TCP_SYN_SUPPORTED,
  NDIS_PM_WOL_MAGIC_PACKET_SUPPORTED,
  NDIS_SIZEOF_NDIS_PM_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_NDIS_PM_PARAMETERS_REVISION_2,
  NDIS_SIZEOF_NDIS_PM_PROTOCOL_OFFLOAD_REVISION_1,
  NDIS_SIZEOF_NDIS_PM_WOL_PATTERN_REVISION_1,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisRequestMethod,
  NdisRequestSetInformation,
  OID_PM_ADD_PROTOCOL_OFFLOAD,
  OID_PM_ADD_WOL_PATTERN,
  OID_PM_CURRENT_CAPABILITIES,
  OID_PM_GET_PROTOCOL_OFFLOAD,
  OID_PM_HARDWARE_CAPABILITIES,
  OID_PM_PARAMETERS,
  OID_PM_PROTOCOL_OFFLOAD_LIST,
  OID_PM_REMOVE_PROTOCOL_OFFLOAD,
  OID_PM_REMOVE_WOL_PATTERN,
  OID_PM_WOL_PATTERN_LIST,
  OID_PNP_ADD_WAKE_UP_PATTERN,
  OID_PNP_CAPABILITIES,
  OID_PNP_ENABLE_WAKE_UP,
  OID_PNP_QUERY_POWER,
  OID_PNP_REMOVE_WAKE_UP_PATTERN,
  OID_PNP_SET_POWER,
  OID_PNP_WAKE_UP_PATTERN_LIST,
} from '../generated/constants/index.ts';
import {
  NDIS_PM_CAPABILITIES,
  NDIS_PM_PACKET_PATTERN,
  NDIS_PM_PROTOCOL_OFFLOAD,
  NDIS_PM_WOL_PATTERN,
  NDIS_PNP_CAPABILITIES,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { type OidAnswer, oidAnswersOf } from '../oid/answers.ts';
import { type RequestFields, setBytesDone, setBytesNeeded } from '../oid/requestFormat.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { allocateCertain, freeCertain } from '../reserve.ts';
import {
  capabilitiesFields,
  currentCapabilities,
  knowsNewForm,
  oldCapabilitiesFields,
  type PowerCapabilities,
} from './capabilities.ts';
import {
  addItem,
  KIND_RULES,
  POWER_ITEM_LIMIT,
  type PowerItemKind,
  powerItemsOf,
  removeItem,
} from './powerItems.ts';
import { powerOf } from './powerStates.ts';
import { combinedSettings, oldWakeUpBits, parametersBytes, settingsOfOldBits } from './wakeSettings.ts';

/** NDIS_PM_WOL_PACKET values from 1 on, and NDIS_PM_PROTOCOL_OFFLOAD_TYPE, by the bit that says they are supported. */
const PATTERN_BITS = [
  NDIS_PM_WOL_BITMAP_PATTERN_SUPPORTED,
  NDIS_PM_WOL_MAGIC_PACKET_SUPPORTED,
  NDIS_PM_WOL_IPV4_TCP_SYN_SUPPORTED,
  NDIS_PM_WOL_IPV6_TCP_SYN_SUPPORTED,
  NDIS_PM_WOL_EAPOL_REQUEST_ID_MESSAGE_SUPPORTED,
];
const OFFLOAD_BITS = [
  NDIS_PM_PROTOCOL_OFFLOAD_ARP_SUPPORTED,
  NDIS_PM_PROTOCOL_OFFLOAD_NS_SUPPORTED,
  NDIS_PM_PROTOCOL_OFFLOAD_80211_RSN_REKEY_SUPPORTED,
  NDIS_PM_PROTOCOL_OFFLOAD_80211_RSN_REKEY_SUPPORTED,
];

/** A request on its way into this file. */
interface PowerRequest {
  readonly ndis: NdisLibrary;
  readonly binding: Binding;
  readonly request: Address;
  readonly fields: RequestFields;
}

function tooShort({ ndis, request }: PowerRequest, needed: number, status: number): number {
  setBytesNeeded(ndis.memory, request, needed);
  return status;
}

/** The capabilities that are available, null where the driver knows nothing of power. */
function availableOf(ndis: NdisLibrary, adapter: MiniportAdapter): PowerCapabilities | null {
  const { capabilities } = powerOf(ndis, adapter);
  return capabilities === null ? null : currentCapabilities(ndis, adapter, capabilities);
}

/** OID_PM_PARAMETERS: what the binding wants is kept until the adapter goes to sleep. */
function setParameters(at: PowerRequest): number {
  const { ndis, binding, fields } = at;
  const first = NDIS_SIZEOF_NDIS_PM_PARAMETERS_REVISION_1;
  if (fields.length < first) return tooShort(at, first, NDIS_STATUS_BUFFER_TOO_SHORT);
  const { u8, data } = ndis.memory;
  const revision = u8[fields.buffer + 1];
  const second = revision >= NDIS_PM_PARAMETERS_REVISION_2;
  const size = second ? NDIS_SIZEOF_NDIS_PM_PARAMETERS_REVISION_2 : first;
  if (fields.length < size) return tooShort(at, size, NDIS_STATUS_BUFFER_TOO_SHORT);
  if (revision === 0 || data.getUint16(fields.buffer + 2, true) < size) return NDIS_STATUS_INVALID_PARAMETER;
  const word = (offset: number): number => data.getUint32(fields.buffer + offset, true);
  const available = availableOf(ndis, binding.adapter);
  const beyond =
    (word(4) & ~(available?.SupportedWoLPacketPatterns ?? 0)) |
    (word(8) & ~(available?.SupportedProtocolOffloads ?? 0)) |
    (second ? word(16) & ~(available?.MediaSpecificWakeUpEvents ?? 0) : 0);
  if (beyond !== 0) return NDIS_STATUS_INVALID_PARAMETER;
  powerOf(ndis, binding.adapter).settings.set(binding.handle, {
    packetPatterns: word(4),
    protocolOffloads: word(8),
    wakeUpFlags: word(12),
    mediaSpecificEvents: second ? word(16) : 0,
  });
  setBytesDone(ndis.memory, at.request, size);
  return NDIS_STATUS_SUCCESS;
}

/** OID_PNP_ENABLE_WAKE_UP: the same, in the words of NDIS 6.0. */
function enableWakeUp(at: PowerRequest): number {
  const { ndis, binding, fields } = at;
  if (fields.length < 4) return tooShort(at, 4, NDIS_STATUS_INVALID_LENGTH);
  const bits = ndis.memory.data.getUint32(fields.buffer, true);
  powerOf(ndis, binding.adapter).settings.set(binding.handle, settingsOfOldBits(bits));
  setBytesDone(ndis.memory, at.request, 4);
  return NDIS_STATUS_SUCCESS;
}

/** The status that refuses a pattern or an offload because of what it is, or null. */
function refuseItem(at: PowerRequest, kind: 'pattern' | 'offload'): number | null {
  const { ndis, binding, fields } = at;
  const { adapter } = binding;
  const able = availableOf(ndis, adapter);
  if (able === null || !knowsNewForm(adapter.miniport.minorVersion)) return NDIS_STATUS_NOT_SUPPORTED;
  const needed =
    kind === 'pattern'
      ? NDIS_SIZEOF_NDIS_PM_WOL_PATTERN_REVISION_1
      : NDIS_SIZEOF_NDIS_PM_PROTOCOL_OFFLOAD_REVISION_1;
  if (fields.length < needed) return tooShort(at, needed, NDIS_STATUS_BUFFER_TOO_SHORT);
  if (ndis.memory.u8[fields.buffer + 1] === 0) return NDIS_STATUS_INVALID_PARAMETER;
  if (kind === 'offload') {
    const { ProtocolOffloadType } = NDIS_PM_PROTOCOL_OFFLOAD.at(ndis.memory, fields.buffer);
    const bit = OFFLOAD_BITS.at(ProtocolOffloadType - 1);
    if (ProtocolOffloadType === 0 || bit === undefined) return NDIS_STATUS_INVALID_PARAMETER;
    return (bit & able.SupportedProtocolOffloads) === 0 ? NDIS_STATUS_NOT_SUPPORTED : null;
  }
  const view = NDIS_PM_WOL_PATTERN.at(ndis.memory, fields.buffer);
  const bit = PATTERN_BITS.at(view.WoLPacketType - 1);
  if (view.WoLPacketType === 0 || bit === undefined) return NDIS_STATUS_INVALID_PARAMETER;
  if ((bit & able.SupportedWoLPacketPatterns) === 0) return NDIS_STATUS_NOT_SUPPORTED;
  if (bit !== NDIS_PM_WOL_BITMAP_PATTERN_SUPPORTED) return null;
  const { MaskOffset, MaskSize, PatternOffset, PatternSize } = view.WoLPattern.WoLBitMapPattern;
  const inside = MaskOffset + MaskSize <= fields.length && PatternOffset + PatternSize <= fields.length;
  const whole = PatternSize > 0 && MaskSize * 8 >= PatternSize && PatternSize <= able.MaxWoLPatternSize;
  return inside && whole ? null : NDIS_STATUS_INVALID_PARAMETER;
}

/** Takes a request over: it is completed later, on a thread of the library. */
function begin(
  at: PowerRequest,
  what: typeof addItem,
  item: { readonly kind: PowerItemKind; readonly id: number; readonly priority: number },
): number {
  const { ndis, binding, request, fields } = at;
  binding.requestsOutstanding++;
  ndis.kernel.scheduler.createThread('NDIS power request', what, ndis, {
    adapter: binding.adapter.handle,
    binding: binding.handle,
    request,
    buffer: fields.buffer,
    length: fields.length,
    ...item,
    victim: 0,
    victimId: 0,
  });
  return NDIS_STATUS_PENDING;
}

function add(at: PowerRequest, kind: 'pattern' | 'offload'): number {
  const { ndis, binding, fields } = at;
  const refused = refuseItem(at, kind);
  if (refused !== null) return refused;
  // Who adds while the adapter is on its way down would race with what the driver was told.
  if (powerOf(ndis, binding.adapter).lowering) return NDIS_STATUS_FAILURE;
  const list = powerItemsOf(ndis, binding.adapter);
  if (list.items.length >= POWER_ITEM_LIMIT) return NDIS_STATUS_RESOURCES;
  const id = list.nextId();
  ndis.memory.data.setUint32(fields.buffer + KIND_RULES[kind].idAt, id, true);
  const at8 = NDIS_PM_WOL_PATTERN.offset.Priority;
  return begin(at, addItem, { kind, id, priority: ndis.memory.data.getUint32(fields.buffer + at8, true) });
}

function remove(at: PowerRequest, kind: 'pattern' | 'offload'): number {
  const { ndis, binding, fields } = at;
  if (!knowsNewForm(binding.adapter.miniport.minorVersion)) return NDIS_STATUS_NOT_SUPPORTED;
  if (fields.length < 4) return tooShort(at, 4, NDIS_STATUS_INVALID_LENGTH);
  const id = ndis.memory.data.getUint32(fields.buffer, true);
  if (powerItemsOf(ndis, binding.adapter).find(kind, id) === undefined) return NDIS_STATUS_FILE_NOT_FOUND;
  return begin(at, removeItem, { kind, id, priority: 0 });
}

function oldPattern(at: PowerRequest, what: typeof addItem): number {
  const { ndis, binding, fields } = at;
  const needed = NDIS_PM_PACKET_PATTERN.size;
  if (fields.length < needed) return tooShort(at, needed, NDIS_STATUS_INVALID_LENGTH);
  if (powerItemsOf(ndis, binding.adapter).items.length >= POWER_ITEM_LIMIT) return NDIS_STATUS_RESOURCES;
  const { Priority } = NDIS_PM_PACKET_PATTERN.at(ndis.memory, fields.buffer);
  return begin(at, what, { kind: 'old pattern', id: 0, priority: Priority });
}

/** OID_PM_GET_PROTOCOL_OFFLOAD: refused, or null: the driver answers. */
function getOffload(at: PowerRequest): number | null {
  const { ndis, binding, fields } = at;
  if (!knowsNewForm(binding.adapter.miniport.minorVersion)) return NDIS_STATUS_NOT_SUPPORTED;
  if (fields.length < 4) return NDIS_STATUS_INVALID_PARAMETER;
  const id = ndis.memory.data.getUint32(fields.buffer, true);
  const known = powerItemsOf(ndis, binding.adapter).find('offload', id);
  return known === undefined ? NDIS_STATUS_INVALID_PARAMETER : null;
}

/**
 * A request of a protocol, before it goes on its way: its status, NDIS_STATUS_PENDING where NDIS completes it later, or
 * null where it is none of these.
 */
export function takePowerRequest(
  ndis: NdisLibrary,
  binding: Binding,
  request: Address,
  fields: RequestFields,
): number | null {
  const at = { ndis, binding, request, fields };
  if (fields.type === NdisRequestMethod) {
    return fields.oid === OID_PM_GET_PROTOCOL_OFFLOAD ? getOffload(at) : null;
  }
  if (fields.type !== NdisRequestSetInformation) return null;
  switch (fields.oid) {
    case OID_PM_PARAMETERS:
      return setParameters(at);
    case OID_PNP_ENABLE_WAKE_UP:
      return enableWakeUp(at);
    case OID_PM_ADD_WOL_PATTERN:
      return add(at, 'pattern');
    case OID_PM_ADD_PROTOCOL_OFFLOAD:
      return add(at, 'offload');
    case OID_PM_REMOVE_WOL_PATTERN:
      return remove(at, 'pattern');
    case OID_PM_REMOVE_PROTOCOL_OFFLOAD:
      return remove(at, 'offload');
    case OID_PNP_ADD_WAKE_UP_PATTERN:
      return oldPattern(at, addItem);
    case OID_PNP_REMOVE_WAKE_UP_PATTERN:
      return oldPattern(at, removeItem);
    case OID_PNP_SET_POWER:
    case OID_PNP_QUERY_POWER:
      // Power is NDIS's to set, as the power manager says.
      return NDIS_STATUS_NOT_SUPPORTED;
    default:
      return null;
  }
}

/** A list as the OIDs give it: each structure says where the next one begins, the last says 0. */
function listBytes(ndis: NdisLibrary, adapter: MiniportAdapter, kind: PowerItemKind): Uint8Array {
  const items = powerItemsOf(ndis, adapter).of(kind);
  const starts: number[] = [];
  let size = 0;
  for (const { bytes } of items) {
    starts.push(size);
    size = (size + bytes.length + 7) & ~7;
  }
  const all = new Uint8Array(size);
  const view = new DataView(all.buffer);
  const { nextAt } = KIND_RULES[kind];
  for (const [index, { bytes }] of items.entries()) {
    all.set(bytes, starts[index]);
    if (nextAt !== 0) view.setUint32(starts[index] + nextAt, starts.at(index + 1) ?? 0, true);
  }
  return all;
}

/** A structure as bytes. */
function structureBytes(ndis: NdisLibrary, size: number, fill: (address: Address) => void): Uint8Array {
  const { memory, kernel } = ndis;
  const address = allocateCertain(kernel, size);
  fill(address);
  const bytes = memory.u8.slice(address, address + size);
  freeCertain(kernel, address);
  return bytes;
}

function capabilitiesAnswer(select: typeof availableOf): OidAnswer {
  return (ndis, adapter) => {
    const capabilities = select(ndis, adapter);
    if (capabilities === null) return NDIS_STATUS_NOT_SUPPORTED;
    return structureBytes(ndis, NDIS_PM_CAPABILITIES.size, (address) =>
      NDIS_PM_CAPABILITIES.fill(ndis.memory, address, capabilitiesFields(capabilities)),
    );
  };
}

/** Lets NDIS answer the queries of this family. */
export function attachPowerAnswers(ndis: NdisLibrary): void {
  const answers = oidAnswersOf(ndis);
  answers.set(OID_PM_CURRENT_CAPABILITIES, capabilitiesAnswer(availableOf));
  answers.set(
    OID_PM_HARDWARE_CAPABILITIES,
    capabilitiesAnswer((library, adapter) => powerOf(library, adapter).capabilities),
  );
  answers.set(OID_PNP_CAPABILITIES, (library, adapter) => {
    const capabilities = availableOf(library, adapter);
    if (capabilities === null) return NDIS_STATUS_NOT_SUPPORTED;
    return structureBytes(library, NDIS_PNP_CAPABILITIES.size, (address) =>
      NDIS_PNP_CAPABILITIES.fill(library.memory, address, oldCapabilitiesFields(capabilities)),
    );
  });
  answers.set(OID_PM_PARAMETERS, (library, adapter) =>
    powerOf(library, adapter).capabilities === null
      ? NDIS_STATUS_NOT_SUPPORTED
      : parametersBytes(combinedSettings(library, adapter), adapter.miniport.minorVersion),
  );
  answers.set(OID_PNP_ENABLE_WAKE_UP, (library, adapter) =>
    powerOf(library, adapter).capabilities === null
      ? NDIS_STATUS_NOT_SUPPORTED
      : new Uint8Array(Uint32Array.of(oldWakeUpBits(combinedSettings(library, adapter))).buffer),
  );
  answers.set(OID_PM_WOL_PATTERN_LIST, (library, adapter) => listBytes(library, adapter, 'pattern'));
  answers.set(OID_PM_PROTOCOL_OFFLOAD_LIST, (library, adapter) => listBytes(library, adapter, 'offload'));
  answers.set(OID_PNP_WAKE_UP_PATTERN_LIST, (library, adapter) => listBytes(library, adapter, 'old pattern'));
}
