/**
 * Closing an address family, by the client itself and where the call manager asks it to.
 * Implements nf-ndis-ndisclcloseaddressfamily, nf-ndis-ndiscmcloseaddressfamilycomplete,
 * nf-ndis-ndiscmnotifycloseaddressfamily and nf-ndis-ndisclnotifycloseaddressfamilycomplete.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { settleAnswer, statusOf, takeCompletion } from './answers.ts';
import { expectConnection } from './connections.ts';
import { dropConnection } from './dropConnection.ts';
import { forgetFamily, forgetSap } from './forget.ts';
import { AddressFamily } from './objects.ts';
import { familyStates } from './states.ts';

const CLOSE_PAGE = 'ndis/nf-ndis-ndisclcloseaddressfamily';
const COMPLETE_PAGE = 'ndis/nf-ndis-ndiscmcloseaddressfamilycomplete';
const NOTIFY_PAGE = 'ndis/nf-ndis-ndiscmnotifycloseaddressfamily';
const NOTIFIED_PAGE = 'ndis/nf-ndis-ndisclnotifycloseaddressfamilycomplete';

/** Asks the call manager to close a family. */
export function closeFamily(ndis: NdisLibrary, family: AddressFamily, driver: Driver | null): NDIS_STATUS {
  if (!apply(ndis.kernel, familyStates, family, 'CloseAf', driver)) return NDIS_STATUS_FAILURE;
  const { manager } = family;
  if (manager.gone) return finishCloseFamily(ndis, family, NDIS_STATUS_SUCCESS);
  family.pending.add('close');
  const { closeAf } = manager.handlers;
  const answer = closeAf.invoke(family.managerContext.value);
  const status = settleAnswer(ndis, family, 'close', statusOf(answer, closeAf), closeAf);
  return status === NDIS_STATUS_PENDING ? status : finishCloseFamily(ndis, family, status);
}

/** The call manager has closed a family, or has not. */
export function finishCloseFamily(ndis: NdisLibrary, family: AddressFamily, status: number): NDIS_STATUS {
  const { kernel } = ndis;
  const { driver } = family.manager;
  if (status !== NDIS_STATUS_SUCCESS) {
    apply(kernel, familyStates, family, 'CloseAfFailed', driver);
    return status;
  }
  if (family.saps.size > 0 || family.connections.size > 0) {
    const text = `${driver.name} closed the address family ${family.label} although the client has ${family.saps.size} SAPs and ${family.connections.size} VCs on it; pend the close until they are gone, or fail it with NDIS_STATUS_NOT_ACCEPTED`;
    kernel.report('FAMILY_CLOSED_IN_USE', driver, text, 'ndis/nc-ndis-protocol_cm_close_af');
    for (const sap of family.saps) forgetSap(ndis, sap);
    for (const connection of family.connections) dropConnection(ndis, connection);
  }
  apply(kernel, familyStates, family, 'CloseAfComplete', driver);
  forgetFamily(ndis, family);
  return status;
}

/**
 * NdisClCloseAddressFamily: ends what NdisClOpenAddressFamilyEx began. The client's SAPs and VCs should be gone; the
 * call manager else fails the close with NDIS_STATUS_NOT_ACCEPTED or pends it until they are. The handle is invalid for
 * the client from the call on, unless the close fails. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolClCloseAfComplete gets the final status; what the call
 * manager failed with; NDIS_STATUS_FAILURE for a handle that is not open (a finding).
 * Source: ndis/nf-ndis-ndisclcloseaddressfamily.
 */
export const NdisClCloseAddressFamily = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisClCloseAddressFamily(NDIS_HANDLE NdisAfHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: CLOSE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisAfHandle: Handle): NDIS_STATUS => {
      const call = 'NdisClCloseAddressFamily';
      const family = expectConnection(ndis, NdisAfHandle, AddressFamily, driver, 'client', call, CLOSE_PAGE);
      return family === null ? NDIS_STATUS_FAILURE : closeFamily(ndis, family, driver);
    },
});

/** What NdisCmCloseAddressFamilyComplete and its macro for miniports do. */
export function cmCloseFamilyComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  Status: number,
  NdisAfHandle: Address,
): void {
  const family = expectConnection(
    ndis,
    NdisAfHandle,
    AddressFamily,
    driver,
    'callManager',
    call,
    COMPLETE_PAGE,
  );
  if (family === null) return;
  const status = takeCompletion(ndis, family, 'close', Status, driver, call, COMPLETE_PAGE);
  if (status !== null) completeCloseFamily(ndis, family, status);
}

/** Finishes a close that was pending and tells the client. */
export function completeCloseFamily(ndis: NdisLibrary, family: AddressFamily, status: number): void {
  const { client, clientContext } = family;
  const last = finishCloseFamily(ndis, family, status);
  if (!client.gone) client.handlers.closeAfComplete.invoke(last, clientContext.value);
}

/**
 * NdisCmCloseAddressFamilyComplete: a close for which ProtocolCmCloseAf returned NDIS_STATUS_PENDING is complete; calls
 * ProtocolClCloseAfComplete. The handle is invalid from here on. Where nothing is pending: the finding NOT_PENDING.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscmcloseaddressfamilycomplete.
 */
export const NdisCmCloseAddressFamilyComplete = declareFunction('ndis', {
  prototype: 'VOID NdisCmCloseAddressFamilyComplete(NDIS_STATUS Status, NDIS_HANDLE NdisAfHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: COMPLETE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisAfHandle: Handle): void =>
      cmCloseFamilyComplete(ndis, driver, 'NdisCmCloseAddressFamilyComplete', Status, NdisAfHandle),
});

/** What NdisCmNotifyCloseAddressFamily and its macro for miniports do. */
export function cmNotifyCloseFamily(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  NdisAfHandle: Address,
): NDIS_STATUS {
  const family = expectConnection(
    ndis,
    NdisAfHandle,
    AddressFamily,
    driver,
    'callManager',
    call,
    NOTIFY_PAGE,
  );
  if (family === null) return NDIS_STATUS_FAILURE;
  if (family.state !== 'Open' || family.pending.has('notifyClose')) {
    ndis.kernel.note(call, `${family.label} is ${family.state}, or its client was asked before`);
    return NDIS_STATUS_FAILURE;
  }
  // The family stays: such a client closes it in its own time.
  if (family.client.handlers.notifyCloseAf === null) return NDIS_STATUS_NOT_SUPPORTED;
  return notifyClose(ndis, family);
}

/** Asks the client to close a family. */
export function notifyClose(ndis: NdisLibrary, family: AddressFamily): NDIS_STATUS {
  const { client } = family;
  if (client.gone) return NDIS_STATUS_SUCCESS;
  const { notifyCloseAf } = client.handlers;
  if (notifyCloseAf === null) {
    forgetFamily(ndis, family);
    return NDIS_STATUS_NOT_SUPPORTED;
  }
  family.pending.add('notifyClose');
  const answer = notifyCloseAf.invoke(family.clientContext.value);
  const status = settleAnswer(ndis, family, 'notifyClose', statusOf(answer, notifyCloseAf), notifyCloseAf);
  if (status !== NDIS_STATUS_PENDING) forgetFamily(ndis, family);
  return status;
}

/**
 * NdisCmNotifyCloseAddressFamily: a call manager that leaves an adapter asks the client of a family to close it, through
 * ProtocolClNotifyCloseAf, inside the call. NDIS_STATUS_PENDING where the client answers later: then
 * ProtocolCmNotifyCloseAfComplete gets the status. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING, what the client failed with; NDIS_STATUS_NOT_SUPPORTED where that
 * is for NDIS 5; NDIS_STATUS_FAILURE for a family that is not open or whose client was asked already. Source: ndis/nf-ndis-ndiscmnotifycloseaddressfamily.
 */
export const NdisCmNotifyCloseAddressFamily = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisCmNotifyCloseAddressFamily(NDIS_HANDLE NdisAfHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: NOTIFY_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisAfHandle: Handle): NDIS_STATUS =>
      cmNotifyCloseFamily(ndis, driver, 'NdisCmNotifyCloseAddressFamily', NdisAfHandle),
});

/**
 * NdisClNotifyCloseAddressFamilyComplete: the client has answered a notification for which ProtocolClNotifyCloseAf
 * returned NDIS_STATUS_PENDING; calls ProtocolCmNotifyCloseAfComplete. The handle may be used for this although the
 * family is closed. Where nothing is pending: the finding NOT_PENDING. IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndisclnotifycloseaddressfamilycomplete.
 */
export const NdisClNotifyCloseAddressFamilyComplete = declareFunction('ndis', {
  prototype: 'VOID NdisClNotifyCloseAddressFamilyComplete(NDIS_HANDLE NdisAfHandle, NDIS_STATUS Status)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: NOTIFIED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisAfHandle: Handle, Status: NDIS_STATUS): void => {
      const call = 'NdisClNotifyCloseAddressFamilyComplete';
      const family = expectConnection(
        ndis,
        NdisAfHandle,
        AddressFamily,
        driver,
        'client',
        call,
        NOTIFIED_PAGE,
      );
      if (family === null) return;
      const status = takeCompletion(ndis, family, 'notifyClose', Status, driver, call, NOTIFIED_PAGE);
      if (status !== null) completeNotify(ndis, family, status);
    },
});

/** The client's answer goes to the call manager. */
export function completeNotify(ndis: NdisLibrary, family: AddressFamily, status: number): void {
  const { manager, managerContext } = family;
  if (!manager.gone) manager.handlers.notifyCloseAfComplete?.invoke(managerContext.value, status);
  forgetFamily(ndis, family);
}
