/** Removing an adapter that its own driver gave up. Implements nf-ndis-ndismremoveminiport. */

import { declareFunction, type Handle } from '../../kernel/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
  NdisHaltDeviceFailed,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { queueOperation } from '../stack/queue.ts';
import type { NDIS_STATUS } from '../status.ts';
import { MiniportAdapter } from './miniportAdapter.ts';

/**
 * NdisMRemoveMiniport: takes an unrecoverable adapter out of the system. It is halted with NdisHaltDeviceFailed after
 * the call. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_FAILURE for a handle that is no adapter (a finding), or one that is not
 * initialized or is being removed. Source: ndis/nf-ndis-ndismremoveminiport.
 */
export const NdisMRemoveMiniport = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisMRemoveMiniport(NDIS_HANDLE MiniportHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndismremoveminiport',
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportHandle: Handle): NDIS_STATUS => {
      const page = 'ndis/nf-ndis-ndismremoveminiport';
      const adapter = ndis.expect(MiniportHandle, MiniportAdapter, driver, 'NdisMRemoveMiniport', page);
      if (adapter === null || adapter.halted || adapter.state === 'Halted') return NDIS_STATUS_FAILURE;
      if (adapter.operations.some((operation) => operation.kind === 'halt')) return NDIS_STATUS_FAILURE;
      queueOperation(ndis, adapter, { kind: 'halt', action: NdisHaltDeviceFailed, event: 0 });
      return NDIS_STATUS_SUCCESS;
    },
});
