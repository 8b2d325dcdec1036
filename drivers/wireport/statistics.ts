/**
 * What an adapter has sent and received, by kind of destination, and OID_GEN_STATISTICS that tells it.
 * Implements "OID_GEN_STATISTICS" (network).
 */

import {
  type Address,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_STATISTICS_INFO_REVISION_1,
  NDIS_STATISTICS_BROADCAST_BYTES_RCV_SUPPORTED,
  NDIS_STATISTICS_BROADCAST_BYTES_XMIT_SUPPORTED,
  NDIS_STATISTICS_BROADCAST_FRAMES_RCV_SUPPORTED,
  NDIS_STATISTICS_BROADCAST_FRAMES_XMIT_SUPPORTED,
  NDIS_STATISTICS_BYTES_RCV_SUPPORTED,
  NDIS_STATISTICS_BYTES_XMIT_SUPPORTED,
  NDIS_STATISTICS_DIRECTED_BYTES_RCV_SUPPORTED,
  NDIS_STATISTICS_DIRECTED_BYTES_XMIT_SUPPORTED,
  NDIS_STATISTICS_DIRECTED_FRAMES_RCV_SUPPORTED,
  NDIS_STATISTICS_DIRECTED_FRAMES_XMIT_SUPPORTED,
  NDIS_STATISTICS_GEN_STATISTICS_SUPPORTED,
  NDIS_STATISTICS_INFO,
  NDIS_STATISTICS_INFO_REVISION_1,
  NDIS_STATISTICS_MULTICAST_BYTES_RCV_SUPPORTED,
  NDIS_STATISTICS_MULTICAST_BYTES_XMIT_SUPPORTED,
  NDIS_STATISTICS_MULTICAST_FRAMES_RCV_SUPPORTED,
  NDIS_STATISTICS_MULTICAST_FRAMES_XMIT_SUPPORTED,
  NDIS_STATISTICS_RCV_DISCARDS_SUPPORTED,
  NDIS_STATISTICS_RCV_ERROR_SUPPORTED,
  NDIS_STATISTICS_RCV_NO_BUFFER_SUPPORTED,
  NDIS_STATISTICS_RCV_OK_SUPPORTED,
  NDIS_STATISTICS_XMIT_DISCARDS_SUPPORTED,
  NDIS_STATISTICS_XMIT_ERROR_SUPPORTED,
  NDIS_STATISTICS_XMIT_OK_SUPPORTED,
} from '../../src/machine/index.ts';
import type { WireportAdapter } from './adapter.ts';

/** For the general attributes. */
export const SUPPORTED_STATISTICS =
  NDIS_STATISTICS_XMIT_OK_SUPPORTED |
  NDIS_STATISTICS_RCV_OK_SUPPORTED |
  NDIS_STATISTICS_XMIT_ERROR_SUPPORTED |
  NDIS_STATISTICS_RCV_ERROR_SUPPORTED |
  NDIS_STATISTICS_RCV_NO_BUFFER_SUPPORTED |
  NDIS_STATISTICS_DIRECTED_BYTES_XMIT_SUPPORTED |
  NDIS_STATISTICS_DIRECTED_FRAMES_XMIT_SUPPORTED |
  NDIS_STATISTICS_MULTICAST_BYTES_XMIT_SUPPORTED |
  NDIS_STATISTICS_MULTICAST_FRAMES_XMIT_SUPPORTED |
  NDIS_STATISTICS_BROADCAST_BYTES_XMIT_SUPPORTED |
  NDIS_STATISTICS_BROADCAST_FRAMES_XMIT_SUPPORTED |
  NDIS_STATISTICS_DIRECTED_BYTES_RCV_SUPPORTED |
  NDIS_STATISTICS_DIRECTED_FRAMES_RCV_SUPPORTED |
  NDIS_STATISTICS_MULTICAST_BYTES_RCV_SUPPORTED |
  NDIS_STATISTICS_MULTICAST_FRAMES_RCV_SUPPORTED |
  NDIS_STATISTICS_BROADCAST_BYTES_RCV_SUPPORTED |
  NDIS_STATISTICS_BROADCAST_FRAMES_RCV_SUPPORTED |
  NDIS_STATISTICS_BYTES_RCV_SUPPORTED |
  NDIS_STATISTICS_BYTES_XMIT_SUPPORTED |
  NDIS_STATISTICS_RCV_DISCARDS_SUPPORTED |
  NDIS_STATISTICS_GEN_STATISTICS_SUPPORTED |
  NDIS_STATISTICS_XMIT_DISCARDS_SUPPORTED;

/** Every counter of NDIS_STATISTICS_INFO: NDIS 6 has no optional ones. */
const ALL_VALID = 0x003f_87ff;

/** Frames and bytes in one direction; what is neither to a group nor to all was directed. */
export interface FrameCounters {
  frames: number;
  bytes: number;
  multicastFrames: number;
  multicastBytes: number;
  broadcastFrames: number;
  broadcastBytes: number;
}

export function createFrameCounters(): FrameCounters {
  return {
    frames: 0,
    bytes: 0,
    multicastFrames: 0,
    multicastBytes: 0,
    broadcastFrames: 0,
    broadcastBytes: 0,
  };
}

/** Counts a frame whose destination, at `at`, has the group bit set, as multicast or broadcast. */
export function countGroupFrame(counters: FrameCounters, u8: Uint8Array, at: Address, length: number): void {
  for (let index = 0; index < 6; index++) {
    if (u8[at + index] !== 0xff) {
      counters.multicastFrames++;
      counters.multicastBytes += length;
      return;
    }
  }
  counters.broadcastFrames++;
  counters.broadcastBytes += length;
}

/** The NDIS_STATISTICS_INFO of an adapter. */
export function statisticsOf(adapter: WireportAdapter): Uint8Array {
  const { sent, received, sendErrors, receiveNoBuffer } = adapter.counters;
  const { offset, size } = NDIS_STATISTICS_INFO;
  const data = new DataView(new ArrayBuffer(size));
  data.setUint8(0, NDIS_OBJECT_TYPE_DEFAULT);
  data.setUint8(1, NDIS_STATISTICS_INFO_REVISION_1);
  data.setUint16(2, NDIS_SIZEOF_STATISTICS_INFO_REVISION_1, true);
  data.setUint32(offset.SupportedStatistics, ALL_VALID, true);
  const put = (at: number, value: number): void => data.setBigUint64(at, BigInt(value), true);
  put(offset.ifInDiscards, receiveNoBuffer);
  put(offset.ifHCInOctets, received.bytes);
  put(offset.ifHCInUcastPkts, received.frames - received.multicastFrames - received.broadcastFrames);
  put(offset.ifHCInMulticastPkts, received.multicastFrames);
  put(offset.ifHCInBroadcastPkts, received.broadcastFrames);
  put(offset.ifHCOutOctets, sent.bytes);
  put(offset.ifHCOutUcastPkts, sent.frames - sent.multicastFrames - sent.broadcastFrames);
  put(offset.ifHCOutMulticastPkts, sent.multicastFrames);
  put(offset.ifHCOutBroadcastPkts, sent.broadcastFrames);
  put(offset.ifOutErrors, sendErrors);
  put(offset.ifHCInUcastOctets, received.bytes - received.multicastBytes - received.broadcastBytes);
  put(offset.ifHCInMulticastOctets, received.multicastBytes);
  put(offset.ifHCInBroadcastOctets, received.broadcastBytes);
  put(offset.ifHCOutUcastOctets, sent.bytes - sent.multicastBytes - sent.broadcastBytes);
  put(offset.ifHCOutMulticastOctets, sent.multicastBytes);
  put(offset.ifHCOutBroadcastOctets, sent.broadcastBytes);
  return new Uint8Array(data.buffer);
}
