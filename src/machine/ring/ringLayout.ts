/**
 * The ring: memory that a compiled miniport and the machine share, as a network adapter shares descriptors with its
 * driver. The C declarations are native/include/ndisbox.h; a test compares the two.
 */

import {
  type Address,
  array,
  context,
  nested,
  pointer,
  type Structure,
  structure,
  u8,
  u32,
  u64,
  type View,
} from '../../memory/index.ts';

/** NDISBOX_RING.Revision. */
export const NDISBOX_RING_REVISION_1 = 1;
/** Most descriptors of a queue. */
export const NDISBOX_RING_LARGEST_QUEUE = 4096;

/** What the doorbell is rung for: frames to send. */
export const NDISBOX_RING_SEND = 1;
/** What the doorbell is rung for: buffers for frames that arrived. */
export const NDISBOX_RING_RECEIVE = 2;
/** What the doorbell is rung for: frames that are not to be sent any more come back as refused. */
export const NDISBOX_RING_FLUSH = 4;

/** The doorbell's answer: the link went up or down; NDISBOX_RING.LinkUp says which. */
export const NDISBOX_RING_LINK_CHANGED = 1;
/** The doorbell's answer: the wire is dead. */
export const NDISBOX_RING_FAILED = 2;
/** The doorbell's answer: every receive descriptor was used, so more frames may wait. */
export const NDISBOX_RING_MORE = 4;

/** NDISBOX_RING_DESCRIPTOR.Result: the frame was sent or received. */
export const NDISBOX_RING_DONE = 0;
/** NDISBOX_RING_DESCRIPTOR.Result: the wire refused the frame. */
export const NDISBOX_RING_REFUSED = 1;
/** NDISBOX_RING_DESCRIPTOR.Result: Buffer and Size do not lie in kernel memory. */
export const NDISBOX_RING_BAD_BUFFER = 2;

/** NDISBOX_RING_DESCRIPTOR.Flags: an arrived frame's checksums were found good. */
export const NDISBOX_RING_CHECKSUM_GOOD = 1;

/** One buffer of a queue. */
export interface NDISBOX_RING_DESCRIPTOR extends View {
  Buffer: Address;
  Context: unknown;
  Size: number;
  Length: number;
  Vlan: number;
  Flags: number;
  Result: number;
  Reserved: number;
}
export const NDISBOX_RING_DESCRIPTOR: Structure<
  NDISBOX_RING_DESCRIPTOR,
  Exclude<keyof NDISBOX_RING_DESCRIPTOR, keyof View>
> = structure('NDISBOX_RING_DESCRIPTOR', {
  size: 40,
  align: 8,
  header: 'ndisbox.h',
  members: {
    Buffer: pointer(0, 'VOID'),
    Context: context(8),
    Size: u32(16),
    Length: u32(20),
    Vlan: u32(24),
    Flags: u32(28),
    Result: u32(32),
    Reserved: u32(36),
  },
});

/** Descriptors that pass between driver and device in order. */
export interface NDISBOX_RING_QUEUE extends View {
  Descriptors: Address;
  Count: number;
  Produced: number;
  Consumed: number;
  Reserved: number;
}
export const NDISBOX_RING_QUEUE: Structure<
  NDISBOX_RING_QUEUE,
  Exclude<keyof NDISBOX_RING_QUEUE, keyof View>
> = structure('NDISBOX_RING_QUEUE', {
  size: 24,
  align: 8,
  header: 'ndisbox.h',
  members: {
    Descriptors: pointer(0, 'NDISBOX_RING_DESCRIPTOR'),
    Count: u32(8),
    Produced: u32(12),
    Consumed: u32(16),
    Reserved: u32(20),
  },
});

/** What the device says of itself, and its queues. */
export interface NDISBOX_RING extends View {
  Revision: number;
  Size: number;
  LinkSpeed: bigint;
  MaximumFrameSize: number;
  ReceiveBufferSize: number;
  readonly MacAddress: Uint8Array;
  MacAddressLength: number;
  VlanSupported: number;
  LinkUp: number;
  Reserved: number;
  readonly Send: NDISBOX_RING_QUEUE;
  readonly Receive: NDISBOX_RING_QUEUE;
}
export const NDISBOX_RING: Structure<NDISBOX_RING, Exclude<keyof NDISBOX_RING, keyof View>> = structure(
  'NDISBOX_RING',
  {
    size: 88,
    align: 8,
    header: 'ndisbox.h',
    members: {
      Revision: u32(0),
      Size: u32(4),
      LinkSpeed: u64(8),
      MaximumFrameSize: u32(16),
      ReceiveBufferSize: u32(20),
      MacAddress: array('u8', 24, 6),
      MacAddressLength: u8(30),
      VlanSupported: u8(31),
      LinkUp: u32(32),
      Reserved: u32(36),
      Send: nested(40, 24, () => NDISBOX_RING_QUEUE),
      Receive: nested(64, 24, () => NDISBOX_RING_QUEUE),
    },
  },
);
