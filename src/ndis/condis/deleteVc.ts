/**
 * Deleting virtual connections: only their creators may, when there is no call and no activation.
 * Implements nf-ndis-ndiscodeletevc, nf-ndis-ndismcmdeletevc and "Deleting a VC" (network).
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import {
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { NDIS_STATUS } from '../status.ts';
import { statusOf } from './answers.ts';
import { deleteAtMiniport } from './createVc.ts';
import { forgetConnection } from './forget.ts';
import { VirtualConnection } from './objects.ts';
import { settleFamily } from './settle.ts';

const PAGE = 'ndis/nf-ndis-ndiscodeletevc';
const MCM_PAGE = 'ndis/nf-ndis-ndismcmdeletevc';

/** Deletes a VC for its creator. */
export function deleteConnection(ndis: NdisLibrary, connection: VirtualConnection): NDIS_STATUS {
  if (connection.deleting || connection.activation.state === 'Deactivating') return NDIS_STATUS_CLOSING;
  if (connection.activation.state !== 'Inactive' || connection.state !== 'Idle')
    return NDIS_STATUS_NOT_ACCEPTED;
  if (connection.pending.size > 0 || connection.sendsOutstanding > 0) return NDIS_STATUS_NOT_ACCEPTED;
  connection.deleting = true;
  const status = askOtherEnd(ndis, connection);
  if (status !== NDIS_STATUS_SUCCESS) {
    connection.deleting = false;
    return status;
  }
  const atMiniport = deleteAtMiniport(connection);
  if (atMiniport !== NDIS_STATUS_SUCCESS) {
    const { driver } = connection.adapter.miniport;
    const text = `MiniportCoDeleteVc of ${driver.name} returned 0x${atMiniport.toString(16)}; it cannot fail, and the VC is gone`;
    ndis.kernel.report('DELETE_VC_FAILED', driver, text, 'ndis/nc-ndis-miniport_co_delete_vc');
  }
  const { family } = connection;
  forgetConnection(ndis, connection);
  if (family !== null) settleFamily(ndis, family);
  return NDIS_STATUS_SUCCESS;
}

/** The end that did not create the VC may refuse while it has something outstanding. */
function askOtherEnd(ndis: NdisLibrary, connection: VirtualConnection): NDIS_STATUS {
  const { family } = connection;
  if (family === null) return NDIS_STATUS_SUCCESS;
  const toManager = connection.creator === 'client';
  const end = toManager ? connection.manager : family.client;
  if (end.gone) return NDIS_STATUS_SUCCESS;
  const { deleteVc } = end.handlers;
  const context = toManager ? connection.managerContext : connection.clientContext;
  const status = statusOf(deleteVc.invoke(context.value), deleteVc);
  if (status !== NDIS_STATUS_PENDING) return status;
  const text = `ProtocolCoDeleteVc of ${end.driver.name} returned NDIS_STATUS_PENDING; it is done when it returns. The VC is gone`;
  ndis.kernel.report('DELETE_VC_PENDING', end.driver, text, deleteVc.declaration.page);
  return NDIS_STATUS_SUCCESS;
}

/** Checks that `driver` created the VC behind a handle. */
function own(
  ndis: NdisLibrary,
  handle: Handle,
  driver: Driver,
  call: string,
  page: string,
): VirtualConnection | null {
  const connection = ndis.expect(handle, VirtualConnection, driver, call, page);
  if (connection === null) return null;
  const creator = connection.driverOf(connection.creator);
  if (creator === driver) return connection;
  const text = `${call}: the VC ${connection.label} was created by ${creator?.name ?? '-'}; only its creator deletes it`;
  ndis.kernel.report('NOT_THE_CREATOR', driver, text, page);
  return null;
}

/**
 * NdisCoDeleteVc: deletes a VC that the caller created. MiniportCoDeleteVc and ProtocolCoDeleteVc of the other end run
 * inside the call; the handle is invalid when it returns. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_NOT_ACCEPTED while the VC is active or has a call; NDIS_STATUS_CLOSING while
 * its deactivation is pending; what the other end refused with; NDIS_STATUS_FAILURE for a wrong handle or another's VC
 * (findings). Source: ndis/nf-ndis-ndiscodeletevc.
 */
export const NdisCoDeleteVc = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisCoDeleteVc(NDIS_HANDLE NdisVcHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle): NDIS_STATUS => {
      const connection = own(ndis, NdisVcHandle, driver, 'NdisCoDeleteVc', PAGE);
      return connection === null ? NDIS_STATUS_FAILURE : deleteConnection(ndis, connection);
    },
});

/**
 * NdisMCmDeleteVc: deletes a VC that a miniport call manager created; ProtocolCoDeleteVc of the client runs inside the
 * call. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_NOT_ACCEPTED while the VC is active or has a call; what the client refused
 * with; NDIS_STATUS_FAILURE for a wrong handle or another's VC (findings). Source: ndis/nf-ndis-ndismcmdeletevc.
 */
export const NdisMCmDeleteVc = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisMCmDeleteVc(NDIS_HANDLE NdisVcHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: MCM_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle): NDIS_STATUS => {
      const connection = own(ndis, NdisVcHandle, driver, 'NdisMCmDeleteVc', MCM_PAGE);
      return connection === null ? NDIS_STATUS_FAILURE : deleteConnection(ndis, connection);
    },
});
