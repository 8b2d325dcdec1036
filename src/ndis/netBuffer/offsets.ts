/**
 * Where the members of NET_BUFFER_LIST, NET_BUFFER, MDL and NET_BUFFER_LIST_CONTEXT lie, as plain numbers for the
 * data path, and what the library keeps in the members reserved for NDIS. A test compares them with the layouts.
 */

/** Bytes of a NET_BUFFER_LIST: always those of the newest version. */
export const NBL_SIZE = 368;
export const NBL_NEXT = 0;
export const NBL_FIRST_NET_BUFFER = 8;
export const NBL_CONTEXT = 16;
export const NBL_PARENT = 24;
export const NBL_POOL_HANDLE = 32;
/** First of the two pointers reserved for NDIS: state and pool, see below. */
export const NBL_NDIS_RESERVED = 48;
export const NBL_PROTOCOL_RESERVED = 64;
export const NBL_MINIPORT_RESERVED = 96;
export const NBL_SCRATCH = 112;
export const NBL_SOURCE_HANDLE = 120;
export const NBL_NBL_FLAGS = 128;
export const NBL_CHILD_REF_COUNT = 132;
export const NBL_FLAGS = 136;
export const NBL_STATUS = 140;
export const NBL_INFO = 144;

/** In NET_BUFFER_LIST.NdisReserved: one of the `BLOCK_` states. */
export const NBL_STATE = 48;
/** In NET_BUFFER_LIST.NdisReserved: the pool it came from, whatever happens to NdisPoolHandle. */
export const NBL_TRUE_POOL = 52;
/** In NET_BUFFER_LIST.NdisReserved: id of the driver that holds it now, 0 for the one that allocated it. */
export const NBL_HOLDER = 56;
/** In NET_BUFFER_LIST.NdisReserved: the NDIS_PACKET that the list stands for, where there is one. */
export const NBL_PACKET = 60;

/** Bytes of a NET_BUFFER. */
export const NB_SIZE = 176;
export const NB_NEXT = 0;
export const NB_CURRENT_MDL = 8;
export const NB_CURRENT_MDL_OFFSET = 16;
export const NB_DATA_LENGTH = 24;
export const NB_MDL_CHAIN = 32;
export const NB_DATA_OFFSET = 40;
export const NB_CHECKSUM_BIAS = 48;
export const NB_POOL_HANDLE = 56;
export const NB_PROTOCOL_RESERVED = 80;
export const NB_MINIPORT_RESERVED = 128;
export const NB_DATA_PHYSICAL_ADDRESS = 160;
export const NB_SHARED_MEMORY_INFO = 168;

/** In NET_BUFFER.NdisReserved: one of the `BLOCK_` states. */
export const NB_STATE = 64;
/** In NET_BUFFER.NdisReserved: the pool it came from. */
export const NB_TRUE_POOL = 68;

/** Bytes of an MDL before its array of page frame numbers. */
export const MDL_SIZE = 48;
export const MDL_NEXT = 0;
export const MDL_SIZE_FIELD = 8;
export const MDL_FLAGS = 10;
export const MDL_PROCESS = 16;
export const MDL_MAPPED_SYSTEM_VA = 24;
export const MDL_START_VA = 32;
export const MDL_BYTE_COUNT = 40;
export const MDL_BYTE_OFFSET = 44;

/** Bytes that the library keeps before each MDL of its own: state and driver. */
export const MDL_PREFIX = 16;
/** Relative to the MDL: one of the `MDL_` states. */
export const MDL_STATE = -16;
/** Relative to the MDL: id of the driver that allocated it. */
export const MDL_OWNER = -12;

/** Bytes of a NET_BUFFER_LIST_CONTEXT before its data. */
export const CONTEXT_SIZE = 16;
export const CONTEXT_NEXT = 0;
export const CONTEXT_DATA_SIZE = 8;
export const CONTEXT_OFFSET = 10;
/** In the padding: one of the `CONTEXT_` origins. */
export const CONTEXT_ORIGIN = 12;
/** In the padding: the offset that freeing context space must not pass. */
export const CONTEXT_FLOOR = 14;

/** The block lies in the free list of its pool. */
export const BLOCK_FREE = 0x66726565;
/** Allocated by the driver. */
export const BLOCK_ALLOCATED = 0x75736564;
/** A net buffer that belongs to the list it was allocated with. */
export const BLOCK_WITH_LIST = 0x77697468;
/** Made by NdisAllocateCloneNetBufferList with MDLs of its own. */
export const BLOCK_CLONE = 0x636c6f6e;
/** Made by NdisAllocateCloneNetBufferList with the MDLs of the original. */
export const BLOCK_CLONE_SHARING = 0x636c7368;
/** Made by NdisAllocateFragmentNetBufferList. */
export const BLOCK_FRAGMENT = 0x66726167;
/** Made by NdisAllocateReassembledNetBufferList. */
export const BLOCK_REASSEMBLED = 0x7265616d;
/** Made by the library for an NDIS_PACKET or for copied data: it goes back to the library only. */
export const BLOCK_TRANSLATED = 0x7472616e;

/** Allocated by NdisAllocateMdl. */
export const MDL_STATE_ALLOCATED = 0x4d444c31;
/** Part of a block of a pool. */
export const MDL_STATE_EMBEDDED = 0x4d444c32;
/** Describes data of another list, in a clone, fragment or reassembled list. */
export const MDL_STATE_DERIVED = 0x4d444c33;
/** Allocated with its memory by a retreat. */
export const MDL_STATE_RETREAT = 0x4d444c34;
/** Freed. */
export const MDL_STATE_FREE = 0x4d444c30;

/** Part of the block of its list. */
export const CONTEXT_EMBEDDED = 1;
/** Allocated when the list was, because the pool provides less. */
export const CONTEXT_WITH_LIST = 2;
/** Allocated by NdisAllocateNetBufferListContext. */
export const CONTEXT_ADDED = 3;
