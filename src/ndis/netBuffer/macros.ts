/**
 * The macros that read and write members of net buffers and net buffer lists. In C most of them can be assigned; a
 * TypeScript driver gives the new value as last argument instead, and gets it back.
 * Implements nblaccessors.h.
 */

import { declareFunction, type FunctionDeclaration } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  ClassificationHandleNetBufferListInfo,
  IPsecOffloadV1NetBufferListInfo,
  MediaSpecificInformation,
  MediaSpecificInformationEx,
  TcpSendOffloadsSupplementalNetBufferListInfo,
  WfpNetBufferListInfo,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { storePointer } from './mdl.ts';
import {
  CONTEXT_DATA_SIZE,
  CONTEXT_OFFSET,
  CONTEXT_SIZE,
  NB_CHECKSUM_BIAS,
  NB_CURRENT_MDL,
  NB_CURRENT_MDL_OFFSET,
  NB_DATA_LENGTH,
  NB_DATA_OFFSET,
  NB_DATA_PHYSICAL_ADDRESS,
  NB_MDL_CHAIN,
  NB_MINIPORT_RESERVED,
  NB_NEXT,
  NB_PROTOCOL_RESERVED,
  NBL_CONTEXT,
  NBL_FIRST_NET_BUFFER,
  NBL_FLAGS,
  NBL_INFO,
  NBL_MINIPORT_RESERVED,
  NBL_NBL_FLAGS,
  NBL_NEXT,
  NBL_PROTOCOL_RESERVED,
  NBL_STATUS,
} from './offsets.ts';

/** Ids whose information is a pointer; that of the others is a number or a union of bit fields. */
const POINTER_IDS = new Set<number>([
  IPsecOffloadV1NetBufferListInfo,
  ClassificationHandleNetBufferListInfo,
  MediaSpecificInformation,
  WfpNetBufferListInfo,
  MediaSpecificInformationEx,
  TcpSendOffloadsSupplementalNetBufferListInfo,
]);

type Macro<F> = FunctionDeclaration<NdisLibrary, F>;

function facts(prototype: string, since: string) {
  const name = /(\w+)\(/.exec(prototype)?.[1] ?? '';
  const page = `nblaccessors/nf-nblaccessors-${name.toLowerCase()}`;
  return { prototype, irql: 'any', waits: 'never', since, page, inline: true } as const;
}

/** A macro for a member that is a pointer. */
function pointerMember(
  prototype: string,
  offset: number,
  since = '6.0',
): Macro<(structure: Address, value?: Address) => Address> {
  return declareFunction('ndis', {
    ...facts(prototype, since),
    implement: (ndis: NdisLibrary) => {
      const { i32 } = ndis.memory;
      return (structure: Address, value?: Address): Address => {
        if (value === undefined) return i32[(structure + offset) >> 2];
        storePointer(i32, structure + offset, value);
        return value;
      };
    },
  });
}

/** A macro for a member that is a ULONG. */
function ulongMember(
  prototype: string,
  offset: number,
  since = '6.0',
): Macro<(structure: Address, value?: number) => number> {
  return declareFunction('ndis', {
    ...facts(prototype, since),
    implement: (ndis: NdisLibrary) => {
      const { u32 } = ndis.memory;
      return (structure: Address, value?: number): number => {
        if (value !== undefined) u32[(structure + offset) >> 2] = value;
        return u32[(structure + offset) >> 2];
      };
    },
  });
}

/** A macro for the address of an area reserved for drivers. */
function areaMember(prototype: string, offset: number): Macro<(structure: Address) => Address> {
  return declareFunction('ndis', {
    ...facts(prototype, '6.0'),
    implement: () => (structure: Address) => structure + offset,
  });
}

/** The next net buffer of a list, or NULL. Page nblaccessors/nf-nblaccessors-net_buffer_next_nb. */
export const NET_BUFFER_NEXT_NB = pointerMember('PVOID NET_BUFFER_NEXT_NB(PNET_BUFFER _NB)', NB_NEXT);

/** The first MDL of a net buffer. Page nblaccessors/nf-nblaccessors-net_buffer_first_mdl. */
export const NET_BUFFER_FIRST_MDL = pointerMember('PMDL NET_BUFFER_FIRST_MDL(PNET_BUFFER _NB)', NB_MDL_CHAIN);

/** The first MDL that the current driver uses. Page nblaccessors/nf-nblaccessors-net_buffer_current_mdl. */
export const NET_BUFFER_CURRENT_MDL = pointerMember(
  'PMDL NET_BUFFER_CURRENT_MDL(PNET_BUFFER _NB)',
  NB_CURRENT_MDL,
);

/** Bytes from the start of the current MDL to the used data space. Page nblaccessors/nf-nblaccessors-net_buffer_current_mdl_offset. */
export const NET_BUFFER_CURRENT_MDL_OFFSET = ulongMember(
  'ULONG NET_BUFFER_CURRENT_MDL_OFFSET(PNET_BUFFER _NB)',
  NB_CURRENT_MDL_OFFSET,
);

/** Bytes of used data space. Page nblaccessors/nf-nblaccessors-net_buffer_data_length. */
export const NET_BUFFER_DATA_LENGTH = ulongMember(
  'ULONG NET_BUFFER_DATA_LENGTH(PNET_BUFFER _NB)',
  NB_DATA_LENGTH,
);

/** Bytes of unused data space before the used data space. Page nblaccessors/nf-nblaccessors-net_buffer_data_offset. */
export const NET_BUFFER_DATA_OFFSET = ulongMember(
  'ULONG NET_BUFFER_DATA_OFFSET(PNET_BUFFER _NB)',
  NB_DATA_OFFSET,
);

/** The area that protocol drivers use for themselves: six pointers. Page nblaccessors/nf-nblaccessors-net_buffer_protocol_reserved. */
export const NET_BUFFER_PROTOCOL_RESERVED = areaMember(
  'PVOID NET_BUFFER_PROTOCOL_RESERVED(PNET_BUFFER _NB)',
  NB_PROTOCOL_RESERVED,
);

/** The area that miniport drivers use for themselves: four pointers. Page nblaccessors/nf-nblaccessors-net_buffer_miniport_reserved. */
export const NET_BUFFER_MINIPORT_RESERVED = areaMember(
  'PVOID NET_BUFFER_MINIPORT_RESERVED(PNET_BUFFER _NB)',
  NB_MINIPORT_RESERVED,
);

/** The next list of a chain, or NULL. Page nblaccessors/nf-nblaccessors-net_buffer_list_next_nbl. */
export const NET_BUFFER_LIST_NEXT_NBL = pointerMember(
  'PNET_BUFFER_LIST NET_BUFFER_LIST_NEXT_NBL(PNET_BUFFER_LIST _NBL)',
  NBL_NEXT,
);

/** The first net buffer of a list, or NULL. Page nblaccessors/nf-nblaccessors-net_buffer_list_first_nb. */
export const NET_BUFFER_LIST_FIRST_NB = pointerMember(
  'PNET_BUFFER NET_BUFFER_LIST_FIRST_NB(PNET_BUFFER_LIST _NBL)',
  NBL_FIRST_NET_BUFFER,
);

/** The flags of a list that belong to NDIS. Page nblaccessors/nf-nblaccessors-net_buffer_list_flags. */
export const NET_BUFFER_LIST_FLAGS = ulongMember(
  'ULONG NET_BUFFER_LIST_FLAGS(PNET_BUFFER_LIST _NBL)',
  NBL_FLAGS,
);

/** The NDIS_NBL_FLAGS_ flags of a list. Page nblaccessors/nf-nblaccessors-net_buffer_list_nbl_flags. */
export const NET_BUFFER_LIST_NBL_FLAGS = ulongMember(
  'ULONG NET_BUFFER_LIST_NBL_FLAGS(PNET_BUFFER_LIST _NBL)',
  NBL_NBL_FLAGS,
);

/** How the send of a list ended: an NDIS_STATUS. Page nblaccessors/nf-nblaccessors-net_buffer_list_status. */
export const NET_BUFFER_LIST_STATUS = ulongMember(
  'ULONG NET_BUFFER_LIST_STATUS(PNET_BUFFER_LIST _NBL)',
  NBL_STATUS,
);

/** The area that protocol drivers use for themselves: four pointers. Page nblaccessors/nf-nblaccessors-net_buffer_list_protocol_reserved. */
export const NET_BUFFER_LIST_PROTOCOL_RESERVED = areaMember(
  'PVOID NET_BUFFER_LIST_PROTOCOL_RESERVED(PNET_BUFFER_LIST _NBL)',
  NBL_PROTOCOL_RESERVED,
);

/** The area that miniport drivers use for themselves: two pointers. Page nblaccessors/nf-nblaccessors-net_buffer_list_miniport_reserved. */
export const NET_BUFFER_LIST_MINIPORT_RESERVED = areaMember(
  'PVOID NET_BUFFER_LIST_MINIPORT_RESERVED(PNET_BUFFER_LIST _NBL)',
  NBL_MINIPORT_RESERVED,
);

/** The next shared memory segment of a net buffer, or NULL. Page nblaccessors/nf-nblaccessors-net_buffer_shared_mem_next_segment. */
export const NET_BUFFER_SHARED_MEM_NEXT_SEGMENT = pointerMember(
  'PNET_BUFFER_SHARED_MEMORY NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(PNET_BUFFER_SHARED_MEMORY _SHI)',
  0,
  '6.20',
);

/** The flags of a shared memory segment. Page nblaccessors/nf-nblaccessors-net_buffer_shared_mem_flags. */
export const NET_BUFFER_SHARED_MEM_FLAGS = ulongMember(
  'ULONG NET_BUFFER_SHARED_MEM_FLAGS(PNET_BUFFER_SHARED_MEMORY _SHI)',
  8,
  '6.20',
);

/** The handle of the block that a shared memory segment lies in. Page nblaccessors/nf-nblaccessors-net_buffer_shared_mem_handle. */
export const NET_BUFFER_SHARED_MEM_HANDLE = pointerMember(
  'NDIS_HANDLE NET_BUFFER_SHARED_MEM_HANDLE(PNET_BUFFER_SHARED_MEMORY _SHI)',
  16,
  '6.20',
);

/** Bytes from the start of its block to a shared memory segment. Page nblaccessors/nf-nblaccessors-net_buffer_shared_mem_offset. */
export const NET_BUFFER_SHARED_MEM_OFFSET = ulongMember(
  'ULONG NET_BUFFER_SHARED_MEM_OFFSET(PNET_BUFFER_SHARED_MEMORY _SHI)',
  24,
  '6.20',
);

/** Bytes of a shared memory segment. Page nblaccessors/nf-nblaccessors-net_buffer_shared_mem_length. */
export const NET_BUFFER_SHARED_MEM_LENGTH = ulongMember(
  'ULONG NET_BUFFER_SHARED_MEM_LENGTH(PNET_BUFFER_SHARED_MEMORY _SHI)',
  28,
  '6.20',
);

/**
 * Bytes to skip at the start of the data when a checksum is computed.
 * Page nblaccessors/nf-nblaccessors-net_buffer_checksum_bias.
 */
export const NET_BUFFER_CHECKSUM_BIAS = declareFunction('ndis', {
  ...facts('USHORT NET_BUFFER_CHECKSUM_BIAS(PNET_BUFFER _NB)', '6.0'),
  implement: (ndis: NdisLibrary) => {
    const { u16 } = ndis.memory;
    return (_NB: Address, value?: number): number => {
      if (value !== undefined) u16[(_NB + NB_CHECKSUM_BIAS) >> 1] = value;
      return u16[(_NB + NB_CHECKSUM_BIAS) >> 1];
    };
  },
});

/**
 * The physical address of the data, or of the data part of a split frame; a bigint, as it has 64 bits.
 * Page nblaccessors/nf-nblaccessors-net_buffer_data_physical_address.
 */
export const NET_BUFFER_DATA_PHYSICAL_ADDRESS = declareFunction('ndis', {
  ...facts('NDIS_PHYSICAL_ADDRESS NET_BUFFER_DATA_PHYSICAL_ADDRESS(PNET_BUFFER _NB)', '6.1'),
  implement: (ndis: NdisLibrary) => {
    const { i64 } = ndis.memory;
    return (_NB: Address, value?: bigint): bigint => {
      if (value !== undefined) i64[(_NB + NB_DATA_PHYSICAL_ADDRESS) >> 3] = value;
      return i64[(_NB + NB_DATA_PHYSICAL_ADDRESS) >> 3];
    };
  },
});

/**
 * Out-of-band information of a list by its NDIS_NET_BUFFER_LIST_INFO id: the low 32 bits, signed, so that pointers
 * are addresses. A third argument stores a pointer or a number of 32 bits; numbers have a high half of zeros.
 * Page nblaccessors/nf-nblaccessors-net_buffer_list_info.
 */
export const NET_BUFFER_LIST_INFO = declareFunction('ndis', {
  ...facts('PVOID NET_BUFFER_LIST_INFO(PNET_BUFFER_LIST _NBL, ULONG _Id)', '6.0'),
  implement: (ndis: NdisLibrary) => {
    const { i32, size } = ndis.memory;
    return (_NBL: Address, _Id: number, value?: number): number => {
      const at = _NBL + NBL_INFO + _Id * 8;
      if (value !== undefined) {
        // What lies in mapped memory is taken for a pointer, which has a high half.
        if (POINTER_IDS.has(_Id) && value >= 0x1_0000 && value < size) storePointer(i32, at, value);
        else {
          i32[at >> 2] = value;
          i32[(at >> 2) + 1] = 0;
        }
      }
      return i32[at >> 2];
    };
  },
});

/** Bytes of the first context space of a list. Page nblaccessors/nf-nblaccessors-net_buffer_list_context_data_size. */
export const NET_BUFFER_LIST_CONTEXT_DATA_SIZE = declareFunction('ndis', {
  ...facts('USHORT NET_BUFFER_LIST_CONTEXT_DATA_SIZE(PNET_BUFFER_LIST _NBL)', '6.0'),
  implement: (ndis: NdisLibrary) => {
    const { i32, u16 } = ndis.memory;
    return (_NBL: Address): number => u16[(i32[(_NBL + NBL_CONTEXT) >> 2] + CONTEXT_DATA_SIZE) >> 1];
  },
});

/** Where the used context space of a list begins. Page nblaccessors/nf-nblaccessors-net_buffer_list_context_data_start. */
export const NET_BUFFER_LIST_CONTEXT_DATA_START = declareFunction('ndis', {
  ...facts('PVOID NET_BUFFER_LIST_CONTEXT_DATA_START(PNET_BUFFER_LIST _NBL)', '6.0'),
  implement: (ndis: NdisLibrary) => {
    const { i32, u16 } = ndis.memory;
    return (_NBL: Address): Address => {
      const context = i32[(_NBL + NBL_CONTEXT) >> 2];
      return context + CONTEXT_SIZE + u16[(context + CONTEXT_OFFSET) >> 1];
    };
  },
});

/** Sets flags in NblFlags. Page nblaccessors/nf-nblaccessors-ndissetnblflag. */
export const NdisSetNblFlag = declareFunction('ndis', {
  ...facts('VOID NdisSetNblFlag(PNET_BUFFER_LIST _NBL, ULONG _F)', '6.0'),
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (_NBL: Address, _F: number): void => {
      i32[(_NBL + NBL_NBL_FLAGS) >> 2] |= _F;
    };
  },
});

/** Clears flags in NblFlags. Page nblaccessors/nf-nblaccessors-ndisclearnblflag. */
export const NdisClearNblFlag = declareFunction('ndis', {
  ...facts('VOID NdisClearNblFlag(PNET_BUFFER_LIST _NBL, ULONG _F)', '6.0'),
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (_NBL: Address, _F: number): void => {
      i32[(_NBL + NBL_NBL_FLAGS) >> 2] &= ~_F;
    };
  },
});

/** Whether a flag of NblFlags is set. Page nblaccessors/nf-nblaccessors-ndistestnblflag. */
export const NdisTestNblFlag = declareFunction('ndis', {
  ...facts('BOOLEAN NdisTestNblFlag(PNET_BUFFER_LIST _NBL, ULONG _F)', '6.0'),
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (_NBL: Address, _F: number): boolean => (i32[(_NBL + NBL_NBL_FLAGS) >> 2] & _F) !== 0;
  },
});

/** Whether all of several flags of NblFlags are set. Page nblaccessors/nf-nblaccessors-ndistestnblflags. */
export const NdisTestNblFlags = declareFunction('ndis', {
  ...facts('BOOLEAN NdisTestNblFlags(PNET_BUFFER_LIST _NBL, ULONG _F)', '6.0'),
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (_NBL: Address, _F: number): boolean => (i32[(_NBL + NBL_NBL_FLAGS) >> 2] & _F) === _F;
  },
});
