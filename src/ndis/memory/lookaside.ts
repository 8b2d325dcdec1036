/**
 * Nonpaged lookaside lists under their NDIS names: the lists of the kernel.
 * Implements "NdisInitializeNPagedLookasideList" and its kin (ndis.h).
 */

import {
  type ALLOCATE_FUNCTION_EX,
  type CallbackPointer,
  declareFunction,
  ExAllocateFromNPagedLookasideList,
  ExDeleteNPagedLookasideList,
  ExFreeToNPagedLookasideList,
  ExInitializeNPagedLookasideList,
  type FREE_FUNCTION_EX,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { NdisLibrary } from '../library.ts';

/**
 * Makes a list of nonpaged blocks of Size bytes; Allocate and Free of the caller are used where given.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisinitializenpagedlookasidelist.
 */
export const NdisInitializeNPagedLookasideList = declareFunction('ndis', {
  prototype:
    'VOID NdisInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate, ' +
    'PFREE_FUNCTION Free, ULONG Flags, ULONG Size, ULONG Tag, USHORT Depth)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndisinitializenpagedlookasidelist',
  implement: (ndis: NdisLibrary, driver) => {
    const initialize = ExInitializeNPagedLookasideList.implement(ndis.kernel, driver);
    return (
      Lookaside: Address,
      Allocate: CallbackPointer<ALLOCATE_FUNCTION_EX>,
      Free: CallbackPointer<FREE_FUNCTION_EX>,
      _Flags: number,
      Size: number,
      Tag: number,
      _Depth: number,
    ): void => {
      // Flags and Depth are reserved and must be 0.
      initialize(Lookaside, Allocate, Free, 0, Size, Tag, 0);
    };
  },
});

/**
 * Takes a block, or NULL when memory is short.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisallocatefromnpagedlookasidelist.
 */
export const NdisAllocateFromNPagedLookasideList = declareFunction('ndis', {
  prototype: 'PVOID NdisAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST _L)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndisallocatefromnpagedlookasidelist',
  inline: true,
  implement: (ndis: NdisLibrary, driver) => {
    const allocate = ExAllocateFromNPagedLookasideList.implement(ndis.kernel, driver);
    return (_L: Address): Address => allocate(_L);
  },
});

/** Gives a block back. IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisfreetonpagedlookasidelist. */
export const NdisFreeToNPagedLookasideList = declareFunction('ndis', {
  prototype: 'VOID NdisFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST _L, PVOID _E)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndisfreetonpagedlookasidelist',
  inline: true,
  implement: (ndis: NdisLibrary, driver) => {
    const free = ExFreeToNPagedLookasideList.implement(ndis.kernel, driver);
    return (_L: Address, _E: Address): void => {
      free(_L, _E);
    };
  },
});

/** Frees the blocks of a list and ends it. IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisdeletenpagedlookasidelist. */
export const NdisDeleteNPagedLookasideList = declareFunction('ndis', {
  prototype: 'VOID NdisDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST _L)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndisdeletenpagedlookasidelist',
  inline: true,
  implement: (ndis: NdisLibrary, driver) => {
    const remove = ExDeleteNPagedLookasideList.implement(ndis.kernel, driver);
    return (_L: Address): void => {
      remove(_L);
    };
  },
});
