/**
 * A batch of Ethernet frames inside one memory: what a wire fills and empties. Structure of arrays, so that
 * moving a frame allocates nothing. The offload members follow virtio_net_hdr (Virtual I/O Device specification
 * 1.2, section 5.1.6 "Device Operation").
 */

/** `flags`: a checksum from `checksumStart` to the end is still to be stored at `checksumStart + checksumOffset`. */
export const CHECKSUM_NEEDED = 1;
/** `flags`: the checksum of the frame has been found good. */
export const CHECKSUM_VALID = 2;

/** `segmentationType`: the frame is one frame. */
export const SEGMENTATION_NONE = 0;
/** `segmentationType`: TCP over IPv4, to be cut into segments of `segmentSize` bytes of payload. */
export const SEGMENTATION_TCP_IPV4 = 1;
/** `segmentationType`: UDP fragmentation, obsolete. */
export const SEGMENTATION_UDP_FRAGMENTS = 3;
/** `segmentationType`: TCP over IPv6. */
export const SEGMENTATION_TCP_IPV6 = 4;
/** `segmentationType`: UDP datagrams of `segmentSize` bytes of payload each. */
export const SEGMENTATION_UDP = 5;
/** `segmentationType`, added to the others: the first segment has the ECN CWR bit set. */
export const SEGMENTATION_ECN = 0x80;

/** `outcome`: the wire took the frame over. */
export const OUTCOME_SENT = 0;
/** `outcome`: shorter than an Ethernet header. */
export const OUTCOME_TOO_SHORT = 1;
/** `outcome`: longer than the wire carries. */
export const OUTCOME_TOO_LONG = 2;
/** `outcome`: the link is down. */
export const OUTCOME_LINK_DOWN = 3;
/** `outcome`: a queue was at its bound. */
export const OUTCOME_QUEUE_FULL = 4;
/** `outcome`: the frame asks for an offload that the wire does not offer. */
export const OUTCOME_OFFLOAD_UNSUPPORTED = 5;
/** `outcome`: the device refused the frame for another reason. */
export const OUTCOME_DEVICE_ERROR = 6;

/** Bytes of an Ethernet header, the shortest frame a wire takes. Padding to 60 bytes is the sender's choice. */
export const ETHERNET_HEADER_SIZE = 14;

/**
 * A batch of frames. On receive the caller sets `offset` and `size` of every slot and the wire fills the rest;
 * on send the caller sets `offset`, `length`, the offload members and `count`, and the wire fills `outcome`.
 */
export class FrameBatch {
  /** Where the frames are. May be replaced between calls; wires that talk to the system hold on to it. */
  memory: Uint8Array;
  /** How many slots there are. */
  readonly capacity: number;
  /** How many slots hold a frame, from slot 0. */
  count = 0;
  /** Byte offset of each slot in `memory`. */
  readonly offset: Int32Array;
  /** Bytes of room in each slot; only receive looks at it. */
  readonly size: Int32Array;
  /** Bytes of each frame. */
  readonly length: Int32Array;
  /** When each frame arrived, in nanoseconds of the host's clock; only receive writes it. */
  readonly stamp: Float64Array;
  /** CHECKSUM_ bits. */
  readonly flags: Uint8Array;
  /** One of SEGMENTATION_. */
  readonly segmentationType: Uint8Array;
  /** Bytes of all headers, Ethernet to TCP, when the frame is to be cut. */
  readonly headerLength: Uint16Array;
  /** Bytes of payload in each segment. */
  readonly segmentSize: Uint16Array;
  /** Where the checksum begins, from the start of the frame. */
  readonly checksumStart: Uint16Array;
  /** Where the checksum is stored, from `checksumStart`. */
  readonly checksumOffset: Uint16Array;
  /** A VLAN tag kept outside the frame: TPID in the high half, TCI in the low; 0 for none. */
  readonly vlan: Uint32Array;
  /** What became of each frame sent: one of OUTCOME_. */
  readonly outcome: Uint8Array;

  constructor(memory: Uint8Array, capacity: number) {
    this.memory = memory;
    this.capacity = capacity;
    this.offset = new Int32Array(capacity);
    this.size = new Int32Array(capacity);
    this.length = new Int32Array(capacity);
    this.stamp = new Float64Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.segmentationType = new Uint8Array(capacity);
    this.headerLength = new Uint16Array(capacity);
    this.segmentSize = new Uint16Array(capacity);
    this.checksumStart = new Uint16Array(capacity);
    this.checksumOffset = new Uint16Array(capacity);
    this.vlan = new Uint32Array(capacity);
    this.outcome = new Uint8Array(capacity);
  }

  /** A batch over memory of its own, its slots `slotSize` bytes each, one behind the other. */
  static allocate(capacity: number, slotSize: number): FrameBatch {
    const batch = new FrameBatch(new Uint8Array(new ArrayBuffer(capacity * slotSize)), capacity);
    for (let slot = 0; slot < capacity; slot++) {
      batch.offset[slot] = slot * slotSize;
      batch.size[slot] = slotSize;
    }
    return batch;
  }

  /** Forgets the offload members of a slot: a plain frame. */
  clearOffloads(slot: number): void {
    this.flags[slot] = 0;
    this.segmentationType[slot] = SEGMENTATION_NONE;
    this.headerLength[slot] = 0;
    this.segmentSize[slot] = 0;
    this.checksumStart[slot] = 0;
    this.checksumOffset[slot] = 0;
    this.vlan[slot] = 0;
  }

  /** Copies the offload members of a slot of another batch. */
  copyOffloads(slot: number, from: FrameBatch, fromSlot: number): void {
    this.flags[slot] = from.flags[fromSlot];
    this.segmentationType[slot] = from.segmentationType[fromSlot];
    this.headerLength[slot] = from.headerLength[fromSlot];
    this.segmentSize[slot] = from.segmentSize[fromSlot];
    this.checksumStart[slot] = from.checksumStart[fromSlot];
    this.checksumOffset[slot] = from.checksumOffset[fromSlot];
    this.vlan[slot] = from.vlan[fromSlot];
  }

  /** Whether a slot asks for work that only a wire with offloads does. */
  needsOffload(slot: number): boolean {
    return (
      (this.flags[slot] & CHECKSUM_NEEDED) !== 0 ||
      this.segmentationType[slot] !== SEGMENTATION_NONE ||
      this.vlan[slot] !== 0
    );
  }

  /** A view of the frame in a slot. Makes an object: for tests and tools, not for the data path. */
  frame(slot: number): Uint8Array {
    return this.memory.subarray(this.offset[slot], this.offset[slot] + this.length[slot]);
  }

  /** Copies a plain frame into the next free slot of a batch that is to be sent; false if it does not fit. */
  append(frame: Uint8Array): boolean {
    const slot = this.count;
    if (slot === this.capacity || frame.length > this.size[slot]) return false;
    this.memory.set(frame, this.offset[slot]);
    this.length[slot] = frame.length;
    this.clearOffloads(slot);
    this.count = slot + 1;
    return true;
  }
}
