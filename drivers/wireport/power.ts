/**
 * Power of wireport: sleeping states, wake-up patterns and the magic packet, and hardware that was pulled out. While the
 * adapter sleeps only its device looks at frames, with the filter that it was given before.
 * Implements "Low Power for Wake on LAN", "Issuing NDIS Wake Reason Status Indications" and "Handling the Surprise
 * Removal of a NIC" (network).
 */

import {
  type Address,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  type NDIS_OID_REQUEST,
  NDIS_PM_CAPABILITIES,
  NDIS_PM_CAPABILITIES_REVISION_2,
  NDIS_PM_WAKE_PACKET,
  NDIS_PM_WAKE_PACKET_INDICATION_SUPPORTED,
  NDIS_PM_WAKE_PACKET_REVISION_1,
  NDIS_PM_WAKE_REASON,
  NDIS_PM_WAKE_REASON_REVISION_1,
  NDIS_PM_WOL_BITMAP_PATTERN_ENABLED,
  NDIS_PM_WOL_BITMAP_PATTERN_SUPPORTED,
  NDIS_PM_WOL_MAGIC_PACKET_ENABLED,
  NDIS_PM_WOL_MAGIC_PACKET_SUPPORTED,
  NDIS_PM_WOL_PATTERN,
  NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_2,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_PM_WAKE_REASON,
  NDIS_STATUS_PM_WOL_PATTERN_LIST_FULL,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventSurpriseRemoved,
  NdisDeviceStateD0,
  NdisDeviceStateD3,
  NdisPMWoLPacketBitmapPattern,
  NdisWakeReasonPacket,
  type NET_DEVICE_PNP_EVENT,
  OID_PM_ADD_WOL_PATTERN,
  OID_PM_PARAMETERS,
  OID_PM_REMOVE_WOL_PATTERN,
  OID_PNP_QUERY_POWER,
  OID_PNP_SET_POWER,
  type WokenBy,
} from '../../src/machine/index.ts';
import type { WireportAdapter } from './adapter.ts';

/** Wake-up patterns that the device holds, the magic packet not counted. */
const PATTERN_LIMIT = 8;
const PATTERN_SIZE_LIMIT = 128;
/** Bytes of a waking frame that are saved. */
const SAVED_LIMIT = 2048;
const MAGIC_COPIES = 16;
const ALIGNED = 7;

/** What NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES says of power, in memory of the driver. */
export function powerCapabilities(adapter: WireportAdapter): Address {
  const { memory } = adapter.imports;
  const address = adapter.imports.data(NDIS_PM_CAPABILITIES.size);
  NDIS_PM_CAPABILITIES.fill(memory, address, {
    Header: {
      Type: NDIS_OBJECT_TYPE_DEFAULT,
      Revision: NDIS_PM_CAPABILITIES_REVISION_2,
      Size: NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_2,
    },
    Flags: NDIS_PM_WAKE_PACKET_INDICATION_SUPPORTED,
    SupportedWoLPacketPatterns: NDIS_PM_WOL_BITMAP_PATTERN_SUPPORTED | NDIS_PM_WOL_MAGIC_PACKET_SUPPORTED,
    NumTotalWoLPatterns: PATTERN_LIMIT,
    MaxWoLPatternSize: PATTERN_SIZE_LIMIT,
    MaxWoLPacketSaveBuffer: SAVED_LIMIT,
    MinMagicPacketWakeUp: NdisDeviceStateD3,
    MinPatternWakeUp: NdisDeviceStateD3,
  });
  return address;
}

/** A wake-up pattern as the device has it; the magic packet has no bytes. */
interface Pattern {
  readonly mask: Uint8Array;
  readonly bytes: Uint8Array;
}

/** The power of one adapter. */
export class AdapterPower {
  readonly #adapter: WireportAdapter;
  readonly #patterns = new Map<number, Pattern>();
  #enabled = 0;
  #state = NdisDeviceStateD0;
  #removed = false;
  /** The frame that woke the adapter; it is indicated once the adapter runs. */
  #frame: Uint8Array | null = null;

  constructor(adapter: WireportAdapter) {
    this.#adapter = adapter;
  }

  /** The status with which sends and requests fail now; null while the adapter is awake and there. */
  get refusal(): number | null {
    if (this.#removed) return NDIS_STATUS_NOT_ACCEPTED;
    return this.#state === NdisDeviceStateD0 ? null : NDIS_STATUS_LOW_POWER_STATE;
  }

  /** MiniportDevicePnPEventNotify. */
  deviceEvent({ DevicePnPEvent }: NET_DEVICE_PNP_EVENT): void {
    if (DevicePnPEvent !== NdisDevicePnPEventSurpriseRemoved) return;
    this.#removed = true;
    this.#adapter.running = false;
    this.#adapter.failPending(NDIS_STATUS_NOT_ACCEPTED);
  }

  /** A request about power, or null for another one. */
  answer(request: NDIS_OID_REQUEST): number | null {
    const { Oid, InformationBuffer: buffer, InformationBufferLength: length } = request.DATA.SET_INFORMATION;
    const { data } = this.#adapter.imports.memory;
    switch (Oid) {
      case OID_PNP_QUERY_POWER:
        return NDIS_STATUS_SUCCESS;
      case OID_PNP_SET_POWER:
        this.#set(data.getUint32(buffer, true));
        return NDIS_STATUS_SUCCESS;
      case OID_PM_PARAMETERS:
        this.#enabled = data.getUint32(buffer + 4, true);
        return NDIS_STATUS_SUCCESS;
      case OID_PM_ADD_WOL_PATTERN:
        return this.#add(buffer, length);
      case OID_PM_REMOVE_WOL_PATTERN:
        this.#patterns.delete(data.getUint32(buffer, true));
        return NDIS_STATUS_SUCCESS;
      default:
        return null;
    }
  }

  #add(buffer: Address, length: number): number {
    const { memory } = this.#adapter.imports;
    const view = NDIS_PM_WOL_PATTERN.at(memory, buffer);
    if (view.WoLPacketType !== NdisPMWoLPacketBitmapPattern) {
      this.#patterns.set(view.PatternId, { mask: new Uint8Array(0), bytes: new Uint8Array(0) });
      return NDIS_STATUS_SUCCESS;
    }
    const bitmaps = [...this.#patterns.values()].filter(({ bytes }) => bytes.length > 0);
    if (bitmaps.length >= PATTERN_LIMIT) return NDIS_STATUS_PM_WOL_PATTERN_LIST_FULL;
    const { MaskOffset, MaskSize, PatternOffset, PatternSize } = view.WoLPattern.WoLBitMapPattern;
    if (MaskOffset + MaskSize > length || PatternOffset + PatternSize > length) {
      return NDIS_STATUS_INVALID_PARAMETER;
    }
    const copy = (offset: number, size: number) => memory.u8.slice(buffer + offset, buffer + offset + size);
    this.#patterns.set(view.PatternId, {
      mask: copy(MaskOffset, MaskSize),
      bytes: copy(PatternOffset, PatternSize),
    });
    return NDIS_STATUS_SUCCESS;
  }

  #set(state: number): void {
    const { device } = this.#adapter;
    if (state !== NdisDeviceStateD0) {
      this.#state = state;
      device.sleep((frame) => this.#wakes(frame));
      return;
    }
    const woken = device.awake();
    this.#state = state;
    if (woken === null) return;
    this.#frame = woken.frame;
    this.#indicateReason(woken);
  }

  /** The identifier of the pattern that a frame matches, 0 for a magic packet that nobody asked for by a pattern. */
  #wakes(frame: Uint8Array): number | null {
    if (
      (this.#enabled & NDIS_PM_WOL_MAGIC_PACKET_ENABLED) !== 0 &&
      isMagic(frame, this.#adapter.macAddress)
    ) {
      for (const [id, { bytes }] of this.#patterns) if (bytes.length === 0) return id;
      return 0;
    }
    if ((this.#enabled & NDIS_PM_WOL_BITMAP_PATTERN_ENABLED) === 0) return null;
    for (const [id, pattern] of this.#patterns) if (matches(frame, pattern)) return id;
    return null;
  }

  /** Says what woke the adapter, with the frame, before anything else is indicated. */
  #indicateReason({ frame, pattern }: WokenBy): void {
    const { imports, handle } = this.#adapter;
    const { ndis, memory } = imports;
    const saved = frame.subarray(0, SAVED_LIMIT);
    const packetAt = (NDIS_PM_WAKE_REASON.size + ALIGNED) & ~ALIGNED;
    const frameAt = (packetAt + NDIS_PM_WAKE_PACKET.size + ALIGNED) & ~ALIGNED;
    const size = frameAt + saved.length;
    const buffer = ndis.NdisAllocateMemoryWithTagPriority(handle, size, 0x65_6b_61_57, 0);
    if (buffer === 0) return;
    memory.u8.fill(0, buffer, buffer + size);
    NDIS_PM_WAKE_REASON.fill(memory, buffer, {
      Header: {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: NDIS_PM_WAKE_REASON_REVISION_1,
        Size: NDIS_PM_WAKE_REASON.size,
      },
      WakeReason: NdisWakeReasonPacket,
      InfoBufferOffset: packetAt,
      InfoBufferSize: size - packetAt,
    });
    NDIS_PM_WAKE_PACKET.fill(memory, buffer + packetAt, {
      Header: {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: NDIS_PM_WAKE_PACKET_REVISION_1,
        Size: NDIS_PM_WAKE_PACKET.size,
      },
      PatternId: pattern,
      OriginalPacketSize: frame.length,
      SavedPacketSize: saved.length,
      SavedPacketOffset: frameAt - packetAt,
    });
    memory.u8.set(saved, buffer + frameAt);
    ndis.NdisMIndicateStatusEx(handle, {
      Header: {
        Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
        Revision: NDIS_STATUS_INDICATION_REVISION_1,
        Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
      },
      SourceHandle: handle,
      StatusCode: NDIS_STATUS_PM_WAKE_REASON,
      StatusBuffer: buffer,
      StatusBufferSize: size,
    });
    ndis.NdisFreeMemory(buffer, 0, 0);
  }

  /** The frame that woke the adapter, once. */
  takeFrame(): Uint8Array | null {
    const frame = this.#frame;
    this.#frame = null;
    return frame;
  }
}

/** Whether a frame holds six bytes of 0xFF and sixteen copies of the address behind them. */
function isMagic(frame: Uint8Array, address: Uint8Array): boolean {
  const length = 6 + MAGIC_COPIES * address.length;
  for (let start = 0; start + length <= frame.length; start++) {
    let at = 0;
    while (at < length && frame[start + at] === (at < 6 ? 0xff : address[(at - 6) % address.length])) at++;
    if (at === length) return true;
  }
  return false;
}

/** Whether every byte that the mask names is as in the pattern. */
function matches(frame: Uint8Array, { mask, bytes }: Pattern): boolean {
  if (bytes.length === 0 || frame.length < bytes.length) return false;
  return bytes.every((byte, index) => ((mask[index >> 3] >> (index & 7)) & 1) === 0 || frame[index] === byte);
}
