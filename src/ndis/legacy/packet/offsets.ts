/**
 * Where the members of NDIS_PACKET and of what lies behind it are, as plain numbers for the data path, and what the
 * library keeps in the member reserved for NDIS. A test compares them with the layouts. Implements ddk/ndis.h for x64.
 */

/** Private.PhysicalCount, and the other members of NDIS_PACKET_PRIVATE. */
export const PACKET_PHYSICAL_COUNT = 0;
export const PACKET_TOTAL_LENGTH = 4;
export const PACKET_HEAD = 8;
export const PACKET_TAIL = 16;
export const PACKET_POOL = 24;
export const PACKET_COUNT = 32;
export const PACKET_FLAGS = 36;
/** ValidCounts, NdisPacketFlags and NdisPacketOobOffset are one word of 32 bits. */
export const PACKET_VALID_COUNTS = 40;
export const PACKET_NDIS_FLAGS = 41;
export const PACKET_OOB_OFFSET = 42;
export const PACKET_MINIPORT_RESERVED = 48;
export const PACKET_WRAPPER_RESERVED = 64;
export const PACKET_RESERVED = 80;
export const PACKET_PROTOCOL_RESERVED = 96;

/** In Reserved: one of the `PACKET_STATE_` states. */
export const PACKET_STATE = 80;
/** In Reserved: the pool it came from, whatever happens to Private.Pool. */
export const PACKET_TRUE_POOL = 84;
/** In Reserved: the NET_BUFFER_LIST that the packet stands for, or that stands for it; 0 for none. */
export const PACKET_LIST = 88;
/** In Reserved: references that protocol drivers hold, or the binding that sent the packet. */
export const PACKET_HOLDER = 92;

/** In WrapperReserved, of a packet of the library's: the next packet of a chain, or who received it. */
export const PACKET_NEXT = 64;
export const PACKET_RECEIVER = 64;
/** In WrapperReservedEx, of a packet of the library's: MDLs allocated for it, 0 for none. */
export const PACKET_OWN_MDLS = 72;

/** Bytes of NDIS_PACKET_OOB_DATA. */
export const OOB_SIZE = 40;
export const OOB_TIME_TO_SEND = 0;
export const OOB_TIME_SENT = 0;
export const OOB_TIME_RECEIVED = 8;
export const OOB_HEADER_SIZE = 16;
export const OOB_SIZE_MEDIA_SPECIFIC_INFO = 20;
export const OOB_MEDIA_SPECIFIC_INFORMATION = 24;
export const OOB_STATUS = 32;
/** Bytes of NDIS_PACKET_EXTENSION: a pointer for each NDIS_PER_PACKET_INFO. */
export const EXTENSION_SIZE = 96;
/** Bytes of NDIS_PACKET_STACK. */
export const STACK_SIZE = 48;

/** Lies in the free list of its pool. */
export const PACKET_STATE_FREE = 0x706b_6630;
/** Allocated; its driver may do with it what it wants. */
export const PACKET_STATE_ALLOCATED = 0x706b_6631;
/** Sent or indicated, and not back. */
export const PACKET_STATE_LENT = 0x706b_6632;
/** Made by the library for a list; the driver that got it gives it back and does not free it. */
export const PACKET_STATE_SHELL = 0x706b_6633;
