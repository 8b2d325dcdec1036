/**
 * NDIS_MUTEX, a kernel mutex with NDIS' names, and the macros that raise and lower the IRQL.
 * Implements NDIS_INIT_MUTEX, NDIS_WAIT_FOR_MUTEX, NDIS_RELEASE_MUTEX, NDIS_RAISE_IRQL_TO_DISPATCH, NDIS_LOWER_IRQL
 * and NDIS_CURRENT_IRQL (ndis).
 */

import {
  DISPATCH_LEVEL,
  declareFunction,
  initializeMutex,
  type KMUTANT,
  lowerIrql,
  type OutPointer,
  type Pointer,
  raiseIrql,
  releaseMutex,
  requireWaitable,
  waitProcedure,
} from '../../kernel/index.ts';
import { macro } from '../declareNdis.ts';
import type { NdisLibrary } from '../library.ts';

/** Makes a free mutex in non-paged storage. Any IRQL. ndis/nf-ndis-ndis_init_mutex */
export const NDIS_INIT_MUTEX = macro(
  'VOID NDIS_INIT_MUTEX(PNDIS_MUTEX _M_)',
  'any',
  '6.0',
  'ndis/nf-ndis-ndis_init_mutex',
  ({ kernel }) =>
    (M: Pointer<KMUTANT>) =>
      initializeMutex(kernel, M),
);

/** Waits for the mutex without limit; STATUS_SUCCESS when this thread owns it. PASSIVE_LEVEL. ndis/nf-ndis-ndis_wait_for_mutex */
export const NDIS_WAIT_FOR_MUTEX = declareFunction('ndis', {
  prototype: 'NTSTATUS NDIS_WAIT_FOR_MUTEX(PNDIS_MUTEX _M_)',
  irql: 'PASSIVE_LEVEL',
  waits: 'always',
  since: '6.0',
  page: 'ndis/nf-ndis-ndis_wait_for_mutex',
  inline: true,
  implement:
    ({ kernel }: NdisLibrary) =>
    (M: Pointer<KMUTANT>): Promise<number> => {
      requireWaitable(kernel, 'NDIS_WAIT_FOR_MUTEX', M);
      const request = { objects: [M], type: 'any', timeout: null, reason: 'NDIS_WAIT_FOR_MUTEX' } as const;
      return kernel.scheduler.execute(waitProcedure, kernel, { request });
    },
});

/** Releases the mutex; 0 when it became free. Raises STATUS_MUTANT_NOT_OWNED at who does not own it. PASSIVE_LEVEL. ndis/nf-ndis-ndis_release_mutex */
export const NDIS_RELEASE_MUTEX = macro(
  'LONG NDIS_RELEASE_MUTEX(PNDIS_MUTEX _M_)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndis_release_mutex',
  ({ kernel }) =>
    (M: Pointer<KMUTANT>) =>
      releaseMutex(kernel, M),
);

/** The IRQL of this processor. Any IRQL. network/ndis-current-irql */
export const NDIS_CURRENT_IRQL = macro(
  'KIRQL NDIS_CURRENT_IRQL(VOID)',
  'any',
  '6.0',
  'ndis/nf-ndis-ndis_current_irql',
  ({ kernel }) =>
    () =>
      kernel.irql,
);

/** Raises to DISPATCH_LEVEL and stores the IRQL before (one byte). Bug check from above DISPATCH_LEVEL. ndis/nf-ndis-ndis_raise_irql_to_dispatch */
export const NDIS_RAISE_IRQL_TO_DISPATCH = macro(
  'VOID NDIS_RAISE_IRQL_TO_DISPATCH(PKIRQL _pIrql_)',
  '<=DISPATCH_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndis_raise_irql_to_dispatch',
  ({ kernel }) =>
    (pIrql: OutPointer) => {
      kernel.memory.u8[pIrql] = raiseIrql(kernel, DISPATCH_LEVEL);
    },
);

/** Returns to `_OldIrql_` where it differs from `_CurIrql_`; raising that way is a bug check. ndis/nf-ndis-ndis_lower_irql */
export const NDIS_LOWER_IRQL = macro(
  'VOID NDIS_LOWER_IRQL(KIRQL _OldIrql_, KIRQL _CurIrql_)',
  'any',
  '6.0',
  'ndis/nf-ndis-ndis_lower_irql',
  ({ kernel }) =>
    (OldIrql: number, CurIrql: number) => {
      if (OldIrql !== CurIrql) lowerIrql(kernel, OldIrql);
    },
);
