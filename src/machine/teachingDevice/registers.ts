/** Registers and descriptors of the teaching device: the numbers of docs/teaching-device.md, sections 3 and 4. */

/** PCI identity: "no IEEE vendor" of a simulated bus. */
export const VENDOR_ID = 0x6e64;
export const DEVICE_ID = 0x0001;
export const REVISION_ID = 1;

export const IDENTITY = 0x000;
export const CONTROL = 0x004;
export const STATUS = 0x008;
export const INTERRUPT_STATUS = 0x00c;
export const INTERRUPT_ENABLE = 0x010;
export const INTERRUPT_DISABLE = 0x014;
export const MODERATION = 0x018;
export const LINK_SPEED = 0x01c;
export const MAC_LOW = 0x020;
export const MAC_HIGH = 0x024;
export const RECEIVE_FILTER = 0x028;
export const MULTICAST_HASH_LOW = 0x030;
export const MULTICAST_HASH_HIGH = 0x034;
/** Rings: transmit, receive 0, receive 1; each has the five registers that follow. */
export const TRANSMIT_RING = 0x040;
export const RECEIVE_RING_1 = 0x080;
export const RING_LOW = 0x00;
export const RING_HIGH = 0x04;
export const RING_SIZE = 0x08;
export const RING_HEAD = 0x0c;
export const RING_TAIL = 0x10;
/** Counters, read only. */
export const COUNTERS = 0x100;
export const COUNTER_NAMES = [
  'transmitFrames',
  'transmitBytes',
  'transmitErrors',
  'receiveFrames',
  'receiveBytes',
  'receiveNoBuffer',
  'receiveFiltered',
  'errorAddress',
] as const;

/** What IDENTITY reads as: "NDBX". */
export const IDENTITY_VALUE = 0x5842_444e;

/** Bits of CONTROL. */
export const CONTROL_RESET = 0x1;
export const CONTROL_TRANSMIT = 0x2;
export const CONTROL_RECEIVE = 0x4;
export const CONTROL_TWO_QUEUES = 0x8;

/** Bits of STATUS. */
export const STATUS_LINK_UP = 0x1;
export const STATUS_RESETTING = 0x2;
export const STATUS_DMA_ERROR = 0x4;
export const STATUS_TRANSMIT_BUSY = 0x8;

/** Causes: bits of INTERRUPT_STATUS and its masks. */
export const CAUSE_TRANSMIT = 0x1;
export const CAUSE_RECEIVE_0 = 0x2;
export const CAUSE_RECEIVE_1 = 0x4;
export const CAUSE_LINK = 0x8;
export const CAUSE_ERROR = 0x10;
export const CAUSE_OVERRUN = 0x20;
export const ALL_CAUSES = 0x3f;

/** Messages and the causes that send them. */
export const MESSAGE_CAUSES: readonly number[] = [
  CAUSE_TRANSMIT,
  CAUSE_RECEIVE_0,
  CAUSE_RECEIVE_1,
  CAUSE_LINK | CAUSE_ERROR | CAUSE_OVERRUN,
];

/** Bits of RECEIVE_FILTER. */
export const FILTER_UNICAST = 0x1;
export const FILTER_MULTICAST = 0x2;
export const FILTER_ALL_MULTICAST = 0x4;
export const FILTER_BROADCAST = 0x8;
export const FILTER_PROMISCUOUS = 0x10;

/** A descriptor: address (8 bytes), length (4), flags (4). */
export const DESCRIPTOR_SIZE = 16;
export const DESCRIPTOR_LENGTH = 8;
export const DESCRIPTOR_FLAGS = 12;
export const FLAG_END = 0x1;
export const FLAG_ERROR = 0x4000_0000;
export const FLAG_DONE = 0x8000_0000;

/** Descriptors of a ring: a power of two. */
export const SMALLEST_RING = 8;
export const LARGEST_RING = 1024;
/** Descriptors that one frame to be sent may have. */
export const FRAME_DESCRIPTORS = 32;

/** Ports: the number of a register, and its value. */
export const PORT_INDEX = 0x00;
export const PORT_DATA = 0x04;
export const PORT_COUNT = 32;
