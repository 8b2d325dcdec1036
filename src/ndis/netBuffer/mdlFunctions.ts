/**
 * MDLs as drivers allocate and read them.
 * Implements mdlapi.h, the MDL macros of ndis.h, and network/ndisquerymdl and its kin.
 */

import { declareFunction, type Handle, type OutPointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { NdisLibrary } from '../library.ts';
import { mdlAddress, mdlsOf, spanPages } from './mdl.ts';
import {
  MDL_BYTE_COUNT,
  MDL_BYTE_OFFSET,
  MDL_NEXT,
  MDL_SIZE,
  MDL_SIZE_FIELD,
  MDL_STATE,
  MDL_STATE_ALLOCATED,
  MDL_STATE_FREE,
} from './offsets.ts';

const ALLOCATE_PAGE = 'mdlapi/nf-mdlapi-ndisallocatemdl';
const FREE_PAGE = 'mdlapi/nf-mdlapi-ndisfreemdl';
const ADJUST_PAGE = 'ndis/nf-ndis-ndisadjustmdllength';

/**
 * Allocates an MDL and builds it for Length bytes of nonpaged memory at VirtualAddress.
 * @returns the MDL, or NULL when memory is short or the bytes do not lie in memory (a finding).
 * IRQL <= DISPATCH_LEVEL. Page mdlapi/nf-mdlapi-ndisallocatemdl.
 */
export const NdisAllocateMdl = declareFunction('ndis', {
  prototype: 'PMDL NdisAllocateMdl(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, UINT Length)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: ALLOCATE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const mdls = mdlsOf(ndis);
    const { id } = driver;
    const { size } = ndis.memory;
    return (_NdisHandle: Handle, VirtualAddress: Address, Length: number): Address => {
      if (VirtualAddress < 0x1_0000 || VirtualAddress + Length > size) {
        const text = `NdisAllocateMdl: ${Length} bytes at 0x${VirtualAddress.toString(16)} are no memory`;
        ndis.kernel.report('BAD_ALLOCATION', driver, text, ALLOCATE_PAGE);
        return 0;
      }
      return mdls.allocate(VirtualAddress, Length, MDL_STATE_ALLOCATED, id);
    };
  },
});

/**
 * Frees an MDL of NdisAllocateMdl, not the memory it describes.
 * IRQL <= DISPATCH_LEVEL. Page mdlapi/nf-mdlapi-ndisfreemdl.
 */
export const NdisFreeMdl = declareFunction('ndis', {
  prototype: 'VOID NdisFreeMdl(PMDL Mdl)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: FREE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const mdls = mdlsOf(ndis);
    const { i32 } = ndis.memory;
    return (Mdl: Address): void => {
      const state = i32[(Mdl + MDL_STATE) >> 2];
      if (state === MDL_STATE_ALLOCATED) {
        mdls.free(Mdl);
        return;
      }
      const text =
        state === MDL_STATE_FREE
          ? 'is free already; free each MDL once'
          : 'was not allocated with NdisAllocateMdl; free it the way it was allocated';
      ndis.kernel.report('MDL_FREE', driver, `NdisFreeMdl: the MDL 0x${Mdl.toString(16)} ${text}`, FREE_PAGE);
    };
  },
});

/**
 * Sets how many bytes an MDL describes; never more than it was allocated for.
 * Any IRQL. Page ndis/nf-ndis-ndisadjustmdllength.
 */
export const NdisAdjustMdlLength = declareFunction('ndis', {
  prototype: 'VOID NdisAdjustMdlLength(PMDL _Mdl, UINT _Length)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: ADJUST_PAGE,
  inline: true,
  implement: (ndis: NdisLibrary, driver) => {
    const { i32, u16 } = ndis.memory;
    return (_Mdl: Address, _Length: number): void => {
      const pages = (u16[(_Mdl + MDL_SIZE_FIELD) >> 1] - MDL_SIZE) >> 3;
      if (spanPages(i32[(_Mdl + MDL_BYTE_OFFSET) >> 2], _Length) > pages) {
        const text = `NdisAdjustMdlLength: ${_Length} bytes do not fit the MDL 0x${_Mdl.toString(16)} of ${pages} pages`;
        ndis.kernel.report('MDL_TOO_LONG', driver, text, ADJUST_PAGE);
        return;
      }
      i32[(_Mdl + MDL_BYTE_COUNT) >> 2] = _Length;
    };
  },
});

/** Gives the next MDL of a chain, or NULL. Any IRQL. Page network/ndisgetnextmdl. */
export const NdisGetNextMdl = declareFunction('ndis', {
  prototype: 'VOID NdisGetNextMdl(PMDL _CurrentMdl, PMDL * _NextMdl)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'network/ndisgetnextmdl',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { memory } = ndis;
    return (_CurrentMdl: Address, _NextMdl: OutPointer): void =>
      memory.writePointer(_NextMdl, memory.i32[(_CurrentMdl + MDL_NEXT) >> 2]);
  },
});

/**
 * Gives the address and length of what an MDL describes. All memory is mapped, so the address is never NULL.
 * IRQL <= DISPATCH_LEVEL. Page network/ndisquerymdl.
 */
export const NdisQueryMdl = declareFunction('ndis', {
  prototype:
    'VOID NdisQueryMdl(PMDL _Mdl, PVOID * _VirtualAddress, PUINT _Length, MM_PAGE_PRIORITY _Priority)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'network/ndisquerymdl',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { memory } = ndis;
    return (_Mdl: Address, _VirtualAddress: OutPointer, _Length: OutPointer, _Priority: number): void => {
      if (_VirtualAddress !== 0) memory.writePointer(_VirtualAddress, mdlAddress(memory.i32, _Mdl));
      memory.i32[_Length >> 2] = memory.i32[(_Mdl + MDL_BYTE_COUNT) >> 2];
    };
  },
});

/**
 * Gives the offset in its page and the length of what an MDL describes.
 * IRQL <= DISPATCH_LEVEL. Page network/ndisquerymdloffset.
 */
export const NdisQueryMdlOffset = declareFunction('ndis', {
  prototype: 'VOID NdisQueryMdlOffset(PMDL _Mdl, PUINT _Offset, PUINT _Length)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'network/ndisquerymdloffset',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (_Mdl: Address, _Offset: OutPointer, _Length: OutPointer): void => {
      i32[_Offset >> 2] = i32[(_Mdl + MDL_BYTE_OFFSET) >> 2];
      i32[_Length >> 2] = i32[(_Mdl + MDL_BYTE_COUNT) >> 2];
    };
  },
});

/**
 * Gives the number of physical blocks behind an MDL: its pages, which are not joined.
 * IRQL <= DISPATCH_LEVEL. Page network/ndisgetmdlphysicalarraysize.
 */
export const NdisGetMdlPhysicalArraySize = declareFunction('ndis', {
  prototype: 'VOID NdisGetMdlPhysicalArraySize(PMDL _Mdl, PUINT _ArraySize)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'network/ndisgetmdlphysicalarraysize',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (_Mdl: Address, _ArraySize: OutPointer): void => {
      i32[_ArraySize >> 2] = mdlPages(i32, _Mdl);
    };
  },
});

/** Pages behind an MDL; at least one, even for an MDL of no bytes. */
export function mdlPages(i32: Int32Array, mdl: Address): number {
  const length = i32[(mdl + MDL_BYTE_COUNT) >> 2];
  return length === 0 ? 1 : spanPages(i32[(mdl + MDL_BYTE_OFFSET) >> 2], length);
}

/**
 * The next MDL of a chain; in C it can be assigned, so a second argument stores a new one.
 * Any IRQL. Page network/ndis-mdl-linkage.
 */
export const NDIS_MDL_LINKAGE = declareFunction('ndis', {
  prototype: 'PVOID NDIS_MDL_LINKAGE(PMDL _Mdl)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'network/ndis-mdl-linkage',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { memory } = ndis;
    return (_Mdl: Address, next?: Address): Address => {
      if (next !== undefined) memory.writePointer(_Mdl + MDL_NEXT, next);
      return memory.i32[(_Mdl + MDL_NEXT) >> 2];
    };
  },
});

/** Pages behind an MDL. Any IRQL. Page network/ndis-mdl-to-span-pages. */
export const NDIS_MDL_TO_SPAN_PAGES = declareFunction('ndis', {
  prototype: 'int NDIS_MDL_TO_SPAN_PAGES(PMDL _Mdl)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'network/ndis-mdl-to-span-pages',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (_Mdl: Address): number => mdlPages(i32, _Mdl);
  },
});
