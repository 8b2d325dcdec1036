/** The functions of lookaside lists. Implements their pages of wdm.h. */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { CallbackPointer } from '../edge.ts';
import {
  POOL_QUOTA_FAIL_INSTEAD_OF_RAISE,
  POOL_RAISE_IF_ALLOCATION_FAILURE,
} from '../generated/constants/common.ts';
import {
  STATUS_INVALID_PARAMETER_4,
  STATUS_INVALID_PARAMETER_5,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import {
  type ALLOCATE_FUNCTION_EX,
  allocateFromLookaside,
  deleteLookaside,
  type FREE_FUNCTION_EX,
  flushLookaside,
  freeToLookaside,
  initializeLookaside,
} from './lookaside.ts';
import type { Wide } from './poolFunctions.ts';

const common = { irql: '<=DISPATCH_LEVEL', waits: 'never', since: '2000' } as const;
const PAGED = 1;

function declareInitialize(kind: 'NPaged' | 'Paged') {
  const name = `ExInitialize${kind}LookasideList`;
  return declareFunction('ntoskrnl', {
    ...common,
    irql: kind === 'Paged' ? '<=APC_LEVEL' : '<=DISPATCH_LEVEL',
    prototype: `VOID ${name}(P${kind.toUpperCase()}_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement:
      (kernel: Kernel, driver) =>
      (
        Lookaside: Address,
        Allocate: CallbackPointer<ALLOCATE_FUNCTION_EX>,
        Free: CallbackPointer<FREE_FUNCTION_EX>,
        Flags: number,
        Size: Wide,
        Tag: number,
        _Depth: number,
      ) =>
        initializeLookaside(kernel, driver, Lookaside, {
          allocate: Allocate,
          free: Free,
          type: (kind === 'Paged' ? PAGED : 0) | Flags,
          size: Number(Size),
          tag: Tag,
          deletedBy: `ExDelete${kind}LookasideList`,
        }),
  });
}

function declareAllocate(name: string, list: string, irql: '<=APC_LEVEL' | '<=DISPATCH_LEVEL') {
  return declareFunction('ntoskrnl', {
    ...common,
    irql,
    prototype: `PVOID ${name}(${list} Lookaside)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel, driver) => (Lookaside: Address) =>
      allocateFromLookaside(kernel, driver, Lookaside, name),
  });
}

function declareFree(name: string, list: string, irql: '<=APC_LEVEL' | '<=DISPATCH_LEVEL') {
  return declareFunction('ntoskrnl', {
    ...common,
    irql,
    prototype: `VOID ${name}(${list} Lookaside, PVOID Entry)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel, driver) => (Lookaside: Address, Entry: Address) =>
      freeToLookaside(kernel, driver, Lookaside, Entry, name),
  });
}

function declareDelete(name: string, list: string, irql: '<=APC_LEVEL' | '<=DISPATCH_LEVEL') {
  return declareFunction('ntoskrnl', {
    ...common,
    irql,
    prototype: `VOID ${name}(${list} Lookaside)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel, driver) => (Lookaside: Address) =>
      deleteLookaside(kernel, driver, Lookaside, name),
  });
}

/** Makes a list of non-paged blocks. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exinitializenpagedlookasidelist */
export const ExInitializeNPagedLookasideList = declareInitialize('NPaged');
/** Makes a list of paged blocks. IRQL <= APC_LEVEL. wdm/nf-wdm-exinitializepagedlookasidelist */
export const ExInitializePagedLookasideList = declareInitialize('Paged');
/** A block, NULL when memory is short. wdm/nf-wdm-exallocatefromnpagedlookasidelist */
export const ExAllocateFromNPagedLookasideList = declareAllocate(
  'ExAllocateFromNPagedLookasideList',
  'PNPAGED_LOOKASIDE_LIST',
  '<=DISPATCH_LEVEL',
);
/** A paged block, NULL when memory is short. wdm/nf-wdm-exallocatefrompagedlookasidelist */
export const ExAllocateFromPagedLookasideList = declareAllocate(
  'ExAllocateFromPagedLookasideList',
  'PPAGED_LOOKASIDE_LIST',
  '<=APC_LEVEL',
);
/** A block of either kind, NULL when memory is short. wdm/nf-wdm-exallocatefromlookasidelistex */
export const ExAllocateFromLookasideListEx = declareAllocate(
  'ExAllocateFromLookasideListEx',
  'PLOOKASIDE_LIST_EX',
  '<=DISPATCH_LEVEL',
);
/** Gives a block back. wdm/nf-wdm-exfreetonpagedlookasidelist */
export const ExFreeToNPagedLookasideList = declareFree(
  'ExFreeToNPagedLookasideList',
  'PNPAGED_LOOKASIDE_LIST',
  '<=DISPATCH_LEVEL',
);
/** Gives a paged block back. wdm/nf-wdm-exfreetopagedlookasidelist */
export const ExFreeToPagedLookasideList = declareFree(
  'ExFreeToPagedLookasideList',
  'PPAGED_LOOKASIDE_LIST',
  '<=APC_LEVEL',
);
/** Gives a block of either kind back. wdm/nf-wdm-exfreetolookasidelistex */
export const ExFreeToLookasideListEx = declareFree(
  'ExFreeToLookasideListEx',
  'PLOOKASIDE_LIST_EX',
  '<=DISPATCH_LEVEL',
);
/** Frees what the list holds and ends its use. wdm/nf-wdm-exdeletenpagedlookasidelist */
export const ExDeleteNPagedLookasideList = declareDelete(
  'ExDeleteNPagedLookasideList',
  'PNPAGED_LOOKASIDE_LIST',
  '<=DISPATCH_LEVEL',
);
/** Frees what the list holds and ends its use. wdm/nf-wdm-exdeletepagedlookasidelist */
export const ExDeletePagedLookasideList = declareDelete(
  'ExDeletePagedLookasideList',
  'PPAGED_LOOKASIDE_LIST',
  '<=APC_LEVEL',
);
/** Frees what the list holds and ends its use. wdm/nf-wdm-exdeletelookasidelistex */
export const ExDeleteLookasideListEx = declareDelete(
  'ExDeleteLookasideListEx',
  'PLOOKASIDE_LIST_EX',
  '<=DISPATCH_LEVEL',
);

/** Frees what the list holds. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exflushlookasidelistex */
export const ExFlushLookasideListEx = declareFunction('ntoskrnl', {
  ...common,
  since: 'Vista',
  prototype: 'VOID ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)',
  page: 'wdm/nf-wdm-exflushlookasidelistex',
  implement: (kernel: Kernel, driver) => (Lookaside: Address) =>
    flushLookaside(kernel, driver, Lookaside, 'ExFlushLookasideListEx'),
});

const RAISE_ON_FAIL = 1;
const FAIL_NO_RAISE = 2;

/**
 * Makes a list of paged or non-paged blocks. IRQL <= DISPATCH_LEVEL. STATUS_INVALID_PARAMETER_4 for a POOL_TYPE,
 * STATUS_INVALID_PARAMETER_5 for flags that are not documented. wdm/nf-wdm-exinitializelookasidelistex
 */
export const ExInitializeLookasideListEx = declareFunction('ntoskrnl', {
  ...common,
  since: 'Vista',
  prototype:
    'NTSTATUS ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX Allocate, PFREE_FUNCTION_EX Free, POOL_TYPE PoolType, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)',
  page: 'wdm/nf-wdm-exinitializelookasidelistex',
  implement:
    (kernel: Kernel, driver) =>
    (
      Lookaside: Address,
      Allocate: CallbackPointer<ALLOCATE_FUNCTION_EX>,
      Free: CallbackPointer<FREE_FUNCTION_EX>,
      PoolType: number,
      Flags: number,
      Size: Wide,
      Tag: number,
      _Depth: number,
    ) => {
      const base = PoolType & ~0x200;
      if (base !== 0 && base !== 1 && base !== 4 && base !== 5) return STATUS_INVALID_PARAMETER_4;
      if (Flags > FAIL_NO_RAISE) return STATUS_INVALID_PARAMETER_5;
      const raise = Flags === RAISE_ON_FAIL ? POOL_RAISE_IF_ALLOCATION_FAILURE : 0;
      const noRaise = Flags === FAIL_NO_RAISE ? POOL_QUOTA_FAIL_INSTEAD_OF_RAISE : 0;
      initializeLookaside(kernel, driver, Lookaside, {
        allocate: Allocate,
        free: Free,
        type: PoolType | raise | noRaise,
        size: Number(Size),
        tag: Tag,
        deletedBy: 'ExDeleteLookasideListEx',
      });
      return STATUS_SUCCESS;
    },
});
