/**
 * What a capture file holds, whichever format it is in: the records that readers deliver. Field meanings follow
 * draft-ietf-opsawg-pcapng and draft-ietf-opsawg-pcap.
 */

/** Link type of Ethernet frames (LINKTYPE_ETHERNET). */
export const LINK_TYPE_ETHERNET = 1;

/** EPB flags, direction bits. */
export const DIRECTION_MASK = 3;
/** EPB flags: direction not known. */
export const DIRECTION_UNKNOWN = 0;
/** EPB flags: received by the interface. */
export const DIRECTION_INBOUND = 1;
/** EPB flags: sent by the interface. */
export const DIRECTION_OUTBOUND = 2;

/** The start of a capture or, in pcapng, of a further section: interface numbers begin again at 0. */
export interface SectionRecord {
  readonly kind: 'section';
  /** Byte offset in the input. */
  readonly offset: number;
  readonly format: 'pcap' | 'pcapng';
  readonly littleEndian: boolean;
  readonly hardware: string | undefined;
  readonly operatingSystem: string | undefined;
  readonly application: string | undefined;
  readonly comments: readonly string[];
}

/** An interface that packets were captured on. */
export interface InterfaceRecord {
  readonly kind: 'interface';
  readonly offset: number;
  /** Its number within the section. */
  readonly id: number;
  readonly linkType: number;
  /** Bytes kept of each packet; 0 for no limit. */
  readonly snapLength: number;
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly macAddress: Uint8Array | undefined;
  /** Bits per second. */
  readonly speed: bigint | undefined;
  /** if_tsresol as it stands in the file: 6 is microseconds, 9 nanoseconds, bit 7 set means a power of two. */
  readonly timestampResolution: number;
  /** Seconds added to every stamp of the interface. */
  readonly timestampOffsetSeconds: bigint;
  readonly comments: readonly string[];
}

/** A packet. */
export interface PacketRecord {
  readonly kind: 'packet';
  readonly offset: number;
  readonly interfaceId: number;
  /** Unix time in nanoseconds; undefined where the format stores none (simple packet block). */
  readonly stamp: bigint | undefined;
  /** The bytes captured: a view into the reader, valid until the next `push`. */
  readonly data: Uint8Array;
  /** Bytes the packet had on the wire. */
  readonly originalLength: number;
  /** EPB flags, 0 if absent. */
  readonly flags: number;
  readonly comments: readonly string[];
}

/** Names found for addresses. */
export interface NamesRecord {
  readonly kind: 'names';
  readonly offset: number;
  /** Addresses of 4 (IPv4) or 16 bytes (IPv6) with their names. */
  readonly names: readonly { readonly address: Uint8Array; readonly names: readonly string[] }[];
  readonly comments: readonly string[];
}

/** Counters of an interface. */
export interface StatisticsRecord {
  readonly kind: 'statistics';
  readonly offset: number;
  readonly interfaceId: number;
  readonly stamp: bigint;
  readonly received: bigint | undefined;
  readonly dropped: bigint | undefined;
  readonly comments: readonly string[];
}

export type CaptureRecord = SectionRecord | InterfaceRecord | PacketRecord | NamesRecord | StatisticsRecord;

/** Used by every record without comments. */
export const NO_COMMENTS: readonly string[] = [];
