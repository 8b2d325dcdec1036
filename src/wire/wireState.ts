/** What every wire needs of itself: whether it is open, and the checks of the frames it is to send. */

import {
  CHECKSUM_NEEDED,
  ETHERNET_HEADER_SIZE,
  type FrameBatch,
  OUTCOME_OFFLOAD_UNSUPPORTED,
  OUTCOME_SENT,
  OUTCOME_TOO_LONG,
  OUTCOME_TOO_SHORT,
  SEGMENTATION_ECN,
  SEGMENTATION_NONE,
  SEGMENTATION_TCP_IPV4,
  SEGMENTATION_TCP_IPV6,
  SEGMENTATION_UDP,
} from './frameBatch.ts';
import type { WireCounters, WireHost, WireProperties } from './wire.ts';
import { WireError } from './wireError.ts';

/** Bytes a VLAN tag adds to a frame. */
export const VLAN_TAG_SIZE = 4;

/** The host a wire was opened with. @throws WireError WIRE_MISUSE if it is not open. */
export function requireOpen(host: WireHost | undefined, name: string): WireHost {
  if (host === undefined) {
    throw new WireError('WIRE_MISUSE', `The wire "${name}" is not open: call open before send and receive.`);
  }
  return host;
}

/** @throws WireError WIRE_MISUSE if the wire is open already. */
export function requireClosed(host: WireHost | undefined, name: string): void {
  if (host !== undefined) {
    throw new WireError(
      'WIRE_MISUSE',
      `The wire "${name}" is open already: close it before opening it again.`,
    );
  }
}

/** Whether a wire can take the frame in a slot: OUTCOME_SENT, or the outcome that says why not. */
export function checkFrame(batch: FrameBatch, slot: number, properties: WireProperties): number {
  const length = batch.length[slot];
  if (length < ETHERNET_HEADER_SIZE) return OUTCOME_TOO_SHORT;
  const { offloads, maximumFrameSize } = properties;
  const segmentation = batch.segmentationType[slot] & ~SEGMENTATION_ECN;
  if (segmentation === SEGMENTATION_NONE) {
    if (length > maximumFrameSize + VLAN_TAG_SIZE) return OUTCOME_TOO_LONG;
  } else {
    const offered =
      (segmentation === SEGMENTATION_TCP_IPV4 && offloads.segmentationIpv4) ||
      (segmentation === SEGMENTATION_TCP_IPV6 && offloads.segmentationIpv6) ||
      (segmentation === SEGMENTATION_UDP && offloads.segmentationUdp);
    if (!offered) return OUTCOME_OFFLOAD_UNSUPPORTED;
    if (length > offloads.maximumSegmentedSize) return OUTCOME_TOO_LONG;
  }
  if ((batch.flags[slot] & CHECKSUM_NEEDED) !== 0 && !offloads.checksum) return OUTCOME_OFFLOAD_UNSUPPORTED;
  if (batch.vlan[slot] !== 0 && !offloads.vlan) return OUTCOME_OFFLOAD_UNSUPPORTED;
  return OUTCOME_SENT;
}

/** Stores the outcome of a slot and counts it. */
export function settle(batch: FrameBatch, slot: number, outcome: number, counters: WireCounters): void {
  batch.outcome[slot] = outcome;
  if (outcome === OUTCOME_SENT) {
    counters.sent++;
    counters.sentBytes += batch.length[slot];
  } else {
    counters.sendDropped++;
  }
}
