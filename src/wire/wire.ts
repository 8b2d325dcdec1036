/**
 * The wire: a source and sink of Ethernet frames in four methods, and what it may ask of the program that holds
 * it. Everything is synchronous and in batches; a wire never calls its host from inside `send` or `receive`
 * except to note a time.
 */

import type { FrameBatch } from './frameBatch.ts';
import type { WireError } from './wireError.ts';

/** `WireHost.readableAt`: nothing is known to come. */
export const NEVER = Number.POSITIVE_INFINITY;

/** What a wire does to frames so that its user need not. All false: plain frames only. */
export interface WireOffloads {
  /** Frames may carry CHECKSUM_NEEDED in both directions. */
  readonly checksum: boolean;
  /** Frames may carry SEGMENTATION_TCP_IPV4. */
  readonly segmentationIpv4: boolean;
  /** Frames may carry SEGMENTATION_TCP_IPV6. */
  readonly segmentationIpv6: boolean;
  /** Frames may carry SEGMENTATION_UDP. */
  readonly segmentationUdp: boolean;
  /** `FrameBatch.vlan` is put into frames sent, and may be taken out of frames received. */
  readonly vlan: boolean;
  /** Bytes of the longest frame to be segmented, in both directions; 0 without segmentation. */
  readonly maximumSegmentedSize: number;
}

/** A wire without offloads. */
export const NO_OFFLOADS: WireOffloads = {
  checksum: false,
  segmentationIpv4: false,
  segmentationIpv6: false,
  segmentationUdp: false,
  vlan: false,
  maximumSegmentedSize: 0,
};

/** What a wire is. Complete once `open` has returned; only then may `macAddress` be relied upon. */
export interface WireProperties {
  /**
   * Bytes of the longest frame that needs no segmentation: Ethernet header and payload, without FCS. A VLAN tag
   * adds four bytes to it and is always allowed.
   */
  readonly maximumFrameSize: number;
  /** The station address that the wire suggests to its user, six bytes. */
  readonly macAddress: Uint8Array | undefined;
  readonly linkSpeedBitsPerSecond: number;
  /** Whether frames come from outside in real time, so that the machine's clock must be real. */
  readonly live: boolean;
  readonly offloads: WireOffloads;
}

/** What a wire has counted since it was made. Plain data. */
export interface WireCounters {
  received: number;
  receivedBytes: number;
  /** Frames that arrived and were lost: no room in a queue, or longer than the slot they were to fill. */
  receiveDropped: number;
  sent: number;
  sentBytes: number;
  /** Frames taken by `send` with an outcome other than OUTCOME_SENT. */
  sendDropped: number;
}

/** Fresh counters. */
export function createWireCounters(): WireCounters {
  return { received: 0, receivedBytes: 0, receiveDropped: 0, sent: 0, sentBytes: 0, sendDropped: 0 };
}

/**
 * What the holder of a wire gives it. Times are whole nanoseconds since the host's clock began, in a double:
 * exact for 104 days. A wire calls `readable` from the event loop only, and the host may call the wire
 * back before it returns; the others may be called from inside any method of any wire, and the host only notes
 * what they say.
 */
export interface WireHost {
  /** Nanoseconds of Unix time at which the host's clock stood at zero. */
  readonly epochNanoseconds: bigint;
  /** The host's clock: virtual, or real where a live wire is attached. */
  now(): number;
  /**
   * Notes when `receive` should be called next; a time that has passed means soon, {@link NEVER} means that
   * nothing is known to come. Each call replaces the one before.
   */
  readableAt(nanoseconds: number): void;
  /** Something came from outside the program: frames, or news given through the other methods. */
  readable(): void;
  /** A wire that took fewer frames than offered takes frames again. */
  writable(): void;
  /** The link went up or down. Not called for the state the link has when `open` returns. */
  linkChanged(up: boolean): void;
  /** The wire is dead: it delivers what it still holds, takes nothing, and waits to be closed. */
  failed(error: WireError): void;
}

/** A source and sink of Ethernet frames. */
export interface Wire {
  /** For people and traces: `tap:tap0`, `capture:hosts.pcapng`. */
  readonly name: string;
  readonly properties: WireProperties;
  readonly counters: WireCounters;
  /** Whether frames can pass now. */
  readonly linkUp: boolean;
  /** Begins to deliver. @throws WireError if the device cannot be had; the wire may then be opened again. */
  open(host: WireHost): void;
  /**
   * Fills slots 0 and up of `batch`, as many as there are frames, sets `batch.count` and returns it. A frame
   * longer than its slot is dropped and counted. Fewer frames than slots means that there were no more, and that
   * the wire has told the host when to come back if it knows. Never throws once open: a dead device is told by
   * `failed`.
   */
  receive(batch: FrameBatch): number;
  /**
   * Takes frames from slot `first` (0 unless given) up to `batch.count` and returns how many it took; each has
   * its `outcome` then, and its memory is the caller's again. The rest stays the caller's: try again after
   * `writable`, or count it as dropped.
   */
  send(batch: FrameBatch, first?: number): number;
  /** Gives the device back. Frames not yet received are lost. A second call does nothing. */
  close(): void;
}
