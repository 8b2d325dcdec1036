/**
 * Activation: whether the miniport is ready for data on a VC, and with which parameters.
 * Implements nf-ndis-ndiscmactivatevc, nf-ndis-ndiscmdeactivatevc, nf-ndis-ndismcmactivatevc,
 * nf-ndis-ndismcmdeactivatevc and their completions by miniports.
 */

import { type Driver, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { CO_CALL_PARAMETERS } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { refuseTransient, seen, settleAnswer, statusOf, takeCompletion } from './answers.ts';
import { expectConnection } from './connections.ts';
import { VirtualConnection } from './objects.ts';
import { settleConnection } from './settle.ts';
import { activationStates } from './states.ts';

const ACTIVATE_PAGE = 'ndis/nf-ndis-ndiscmactivatevc';
const ACTIVATED_PAGE = 'ndis/nf-ndis-ndismcoactivatevccomplete';
const DEACTIVATE_PAGE = 'ndis/nf-ndis-ndiscmdeactivatevc';
const DEACTIVATED_PAGE = 'ndis/nf-ndis-ndismcodeactivatevccomplete';
const MCM_ACTIVATE_PAGE = 'ndis/nf-ndis-ndismcmactivatevc';
const MCM_DEACTIVATE_PAGE = 'ndis/nf-ndis-ndismcmdeactivatevc';

/** The VC of a call manager that `driver` is, stand-alone or in the miniport. */
function managed(
  ndis: NdisLibrary,
  handle: Handle,
  driver: Driver,
  call: string,
  page: string,
  inMiniport: boolean,
): VirtualConnection | null {
  const connection = expectConnection(ndis, handle, VirtualConnection, driver, 'callManager', call, page);
  if (connection === null || (connection.manager.binding === null) === inMiniport) return connection;
  ndis.kernel.note(call, `${driver.name}: the other kind of call manager calls it`);
  return null;
}

/** The miniport is done with an activation. */
function finishActivation(ndis: NdisLibrary, connection: VirtualConnection, status: number): void {
  const event = status === NDIS_STATUS_SUCCESS ? 'ActivateVcComplete' : 'ActivateVcFailed';
  apply(ndis.kernel, activationStates, connection.activation, event, connection.adapter.miniport.driver);
}

/**
 * NdisCmActivateVc: hands the parameters of a VC to the miniport, which makes itself ready for data; again where they
 * change. MiniportCoActivateVc runs inside the call. A failure of a later activation leaves the earlier in force. The
 * parameters must stay valid until it is complete. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolCmActivateVcComplete gets the final status; what the
 * miniport failed with; NDIS_STATUS_FAILURE in a wrong state (a finding). Source: ndis/nf-ndis-ndiscmactivatevc.
 */
export const NdisCmActivateVc = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisCmActivateVc(NDIS_HANDLE NdisVcHandle, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: ACTIVATE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle, CallParameters: Pointer<CO_CALL_PARAMETERS>): NDIS_STATUS => {
      const call = 'NdisCmActivateVc';
      const connection = managed(ndis, NdisVcHandle, driver, call, ACTIVATE_PAGE, false);
      if (connection === null || connection.deleting) return NDIS_STATUS_FAILURE;
      if (refuseTransient(ndis, driver, call, CallParameters, ACTIVATE_PAGE)) return NDIS_STATUS_FAILURE;
      const activateVc = connection.adapter.miniport.connections?.co?.activateVc ?? null;
      if (activateVc === null) return NDIS_STATUS_FAILURE;
      if (!apply(ndis.kernel, activationStates, connection.activation, 'ActivateVc', driver))
        return NDIS_STATUS_FAILURE;
      connection.pending.add('activate');
      const answer = activateVc.invoke(
        connection.miniportContext.value,
        seen<CO_CALL_PARAMETERS>(CallParameters),
      );
      const status = settleAnswer(ndis, connection, 'activate', statusOf(answer, activateVc), activateVc);
      if (status !== NDIS_STATUS_PENDING) finishActivation(ndis, connection, status);
      return status;
    },
});

/**
 * NdisMCoActivateVcComplete: the miniport has done, or failed, an activation for which MiniportCoActivateVc returned
 * NDIS_STATUS_PENDING; calls ProtocolCmActivateVcComplete. Where nothing is pending: the finding NOT_PENDING.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcoactivatevccomplete.
 */
export const NdisMCoActivateVcComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisMCoActivateVcComplete(NDIS_STATUS Status, NDIS_HANDLE NdisVcHandle, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: ACTIVATED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisVcHandle: Handle, CallParameters: Pointer<CO_CALL_PARAMETERS>): void => {
      const call = 'NdisMCoActivateVcComplete';
      const connection = expectConnection(
        ndis,
        NdisVcHandle,
        VirtualConnection,
        driver,
        'miniport',
        call,
        ACTIVATED_PAGE,
      );
      if (connection === null) return;
      const status = takeCompletion(ndis, connection, 'activate', Status, driver, call, ACTIVATED_PAGE);
      if (status !== null) completeActivation(ndis, connection, status, CallParameters);
    },
});

/** Finishes an activation that was pending and tells the call manager. */
export function completeActivation(
  ndis: NdisLibrary,
  connection: VirtualConnection,
  status: number,
  parameters: number,
): void {
  const { manager, managerContext } = connection;
  finishActivation(ndis, connection, status);
  if (!manager.gone) {
    manager.handlers.activateVcComplete.invoke(
      status,
      managerContext.value,
      seen<CO_CALL_PARAMETERS>(parameters),
    );
  }
  settleConnection(ndis, connection);
}

/** Asks the miniport to deactivate a VC that is active. */
export function deactivateConnection(
  ndis: NdisLibrary,
  connection: VirtualConnection,
  driver: Driver | null,
): NDIS_STATUS {
  if (!apply(ndis.kernel, activationStates, connection.activation, 'DeactivateVc', driver))
    return NDIS_STATUS_FAILURE;
  const deactivateVc = connection.adapter.miniport.connections?.co?.deactivateVc ?? null;
  if (connection.manager.binding === null || deactivateVc === null) {
    return finishDeactivation(ndis, connection, NDIS_STATUS_SUCCESS);
  }
  connection.pending.add('deactivate');
  const answer = deactivateVc.invoke(connection.miniportContext.value);
  const status = settleAnswer(ndis, connection, 'deactivate', statusOf(answer, deactivateVc), deactivateVc);
  return status === NDIS_STATUS_PENDING ? status : finishDeactivation(ndis, connection, status);
}

function finishDeactivation(ndis: NdisLibrary, connection: VirtualConnection, status: number): NDIS_STATUS {
  const { driver } = connection.adapter.miniport;
  const event = status === NDIS_STATUS_SUCCESS ? 'DeactivateVcComplete' : 'DeactivateVcFailed';
  if (status === NDIS_STATUS_SUCCESS && connection.sendsOutstanding > 0) {
    const text = `${driver.name} deactivated the VC ${connection.label} with ${connection.sendsOutstanding} lists of it not completed; complete them first`;
    ndis.kernel.report('DEACTIVATED_WITH_LISTS_OUTSTANDING', driver, text, DEACTIVATED_PAGE);
  }
  apply(ndis.kernel, activationStates, connection.activation, event, driver);
  return status;
}

/**
 * NdisCmDeactivateVc: no more data on a VC; the miniport first completes what is under way. MiniportCoDeactivateVc runs
 * inside the call. The VC may be activated again. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolCmDeactivateVcComplete gets the final status;
 * NDIS_STATUS_NOT_ACCEPTED for a VC that is not active; NDIS_STATUS_FAILURE while an activation is pending (a finding).
 * Source: ndis/nf-ndis-ndiscmdeactivatevc.
 */
export const NdisCmDeactivateVc = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisCmDeactivateVc(NDIS_HANDLE NdisVcHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: DEACTIVATE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle): NDIS_STATUS => {
      const connection = managed(ndis, NdisVcHandle, driver, 'NdisCmDeactivateVc', DEACTIVATE_PAGE, false);
      if (connection === null) return NDIS_STATUS_FAILURE;
      const { state } = connection.activation;
      if (state === 'Inactive' || state === 'Deactivating') return NDIS_STATUS_NOT_ACCEPTED;
      return deactivateConnection(ndis, connection, driver);
    },
});

/**
 * NdisMCoDeactivateVcComplete: the miniport has done a deactivation for which MiniportCoDeactivateVc returned
 * NDIS_STATUS_PENDING: every list sent on the VC is completed and every list indicated is back. Calls
 * ProtocolCmDeactivateVcComplete. Where nothing is pending: the finding NOT_PENDING. IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndismcodeactivatevccomplete.
 */
export const NdisMCoDeactivateVcComplete = declareFunction('ndis', {
  prototype: 'VOID NdisMCoDeactivateVcComplete(NDIS_STATUS Status, NDIS_HANDLE NdisVcHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: DEACTIVATED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisVcHandle: Handle): void => {
      const call = 'NdisMCoDeactivateVcComplete';
      const connection = expectConnection(
        ndis,
        NdisVcHandle,
        VirtualConnection,
        driver,
        'miniport',
        call,
        DEACTIVATED_PAGE,
      );
      if (connection === null) return;
      const status = takeCompletion(ndis, connection, 'deactivate', Status, driver, call, DEACTIVATED_PAGE);
      if (status !== null) completeDeactivation(ndis, connection, status);
    },
});

/** Finishes a deactivation that was pending and tells the call manager. */
export function completeDeactivation(ndis: NdisLibrary, connection: VirtualConnection, status: number): void {
  const { manager, managerContext } = connection;
  const last = finishDeactivation(ndis, connection, status);
  if (!manager.gone) manager.handlers.deactivateVcComplete.invoke(last, managerContext.value);
  settleConnection(ndis, connection);
}

/**
 * NdisMCmActivateVc: a miniport call manager is ready for data on a VC, or goes on with other parameters. Always done
 * when it returns. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_FAILURE for a wrong handle (a finding).
 * Source: ndis/nf-ndis-ndismcmactivatevc.
 */
export const NdisMCmActivateVc = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisMCmActivateVc(NDIS_HANDLE NdisVcHandle, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: MCM_ACTIVATE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle, _CallParameters: Pointer<CO_CALL_PARAMETERS>): NDIS_STATUS => {
      const connection = managed(ndis, NdisVcHandle, driver, 'NdisMCmActivateVc', MCM_ACTIVATE_PAGE, true);
      if (connection === null) return NDIS_STATUS_FAILURE;
      if (!apply(ndis.kernel, activationStates, connection.activation, 'ActivateVc', driver))
        return NDIS_STATUS_FAILURE;
      finishActivation(ndis, connection, NDIS_STATUS_SUCCESS);
      return NDIS_STATUS_SUCCESS;
    },
});

/**
 * NdisMCmDeactivateVc: a miniport call manager transfers no more data on a VC. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_NOT_ACCEPTED for a VC that is not active; NDIS_STATUS_FAILURE for a wrong
 * handle (a finding). Source: ndis/nf-ndis-ndismcmdeactivatevc.
 */
export const NdisMCmDeactivateVc = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisMCmDeactivateVc(NDIS_HANDLE NdisVcHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: MCM_DEACTIVATE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle): NDIS_STATUS => {
      const call = 'NdisMCmDeactivateVc';
      const connection = managed(ndis, NdisVcHandle, driver, call, MCM_DEACTIVATE_PAGE, true);
      if (connection === null) return NDIS_STATUS_FAILURE;
      if (connection.activation.state === 'Inactive') return NDIS_STATUS_NOT_ACCEPTED;
      return deactivateConnection(ndis, connection, driver);
    },
});
