/** Registers and descriptors of the teaching device, from its data sheet (docs/teaching-device.md, sections 3 to 5). */

export const VENDOR_AND_DEVICE = 0x0001_6e64;

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
export const TRANSMIT_RING = 0x040;
/** Receive rings lie RING_STRIDE apart. */
export const RECEIVE_RING = 0x060;
export const RING_STRIDE = 0x20;
export const RING_LOW = 0x00;
export const RING_HIGH = 0x04;
export const RING_SIZE = 0x08;
export const RING_TAIL = 0x10;

export const CONTROL_RESET = 0x1;
export const CONTROL_TRANSMIT = 0x2;
export const CONTROL_RECEIVE = 0x4;
export const CONTROL_TWO_QUEUES = 0x8;

export const STATUS_LINK_UP = 0x1;
export const STATUS_DMA_ERROR = 0x4;

export const CAUSE_TRANSMIT = 0x1;
export const CAUSE_RECEIVE_0 = 0x2;
export const CAUSE_RECEIVE_1 = 0x4;
export const CAUSE_LINK = 0x8;
export const CAUSE_ERROR = 0x10;
export const CAUSE_OVERRUN = 0x20;
export const ALL_CAUSES = 0x3f;
/** Causes of each message. */
export const MESSAGE_CAUSES: readonly number[] = [
  CAUSE_TRANSMIT,
  CAUSE_RECEIVE_0,
  CAUSE_RECEIVE_1,
  CAUSE_LINK | CAUSE_ERROR | CAUSE_OVERRUN,
];

export const FILTER_UNICAST = 0x1;
export const FILTER_MULTICAST = 0x2;
export const FILTER_ALL_MULTICAST = 0x4;
export const FILTER_BROADCAST = 0x8;
export const FILTER_PROMISCUOUS = 0x10;

export const DESCRIPTOR_SIZE = 16;
export const DESCRIPTOR_LENGTH = 8;
export const DESCRIPTOR_FLAGS = 12;
export const FLAG_END = 0x1;
export const FLAG_ERROR = 0x4000_0000;
export const FLAG_DONE = 0x8000_0000;
/** Descriptors that a frame may have. */
export const FRAME_DESCRIPTORS = 32;
/** What every register of a device that is gone reads as. */
export const GONE = 0xffff_ffff;
