/**
 * Service access points: where a client wants to be called.
 * Implements nf-ndis-ndisclregistersap, nf-ndis-ndisclderegistersap and their completions by call managers.
 */

import {
  type Context,
  type Driver,
  declareFunction,
  type Handle,
  type OutPointer,
  type Pointer,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { CO_SAP } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { refuseTransient, seen, settleAnswer, statusOf, takeCompletion } from './answers.ts';
import { admit, contextCell, expectConnection, heldContext, writtenContext } from './connections.ts';
import { forgetSap } from './forget.ts';
import { AddressFamily, Sap } from './objects.ts';
import { settleFamily } from './settle.ts';
import { sapStates } from './states.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndisclregistersap';
const REGISTERED_PAGE = 'ndis/nf-ndis-ndiscmregistersapcomplete';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndisclderegistersap';
const DEREGISTERED_PAGE = 'ndis/nf-ndis-ndiscmderegistersapcomplete';

/** The call manager has registered a SAP, or refused it. */
function finishRegister(ndis: NdisLibrary, sap: Sap, status: number): void {
  const registered = status === NDIS_STATUS_SUCCESS;
  const event = registered ? 'RegisterSapComplete' : 'RegisterSapFailed';
  apply(ndis.kernel, sapStates, sap, event, sap.family.manager.driver);
  if (!registered) forgetSap(ndis, sap);
  settleFamily(ndis, sap.family);
}

/**
 * NdisClRegisterSap: asks for the incoming calls of a SAP. ProtocolCmRegisterSap runs inside the call; calls may come
 * while the registration is pending. The CO_SAP must stay valid until it is complete. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolClRegisterSapComplete gets the final status; what the
 * call manager failed with; NDIS_STATUS_FAILURE for a family that is not open, NDIS_STATUS_RESOURCES.
 * Source: ndis/nf-ndis-ndisclregistersap.
 */
export const NdisClRegisterSap = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisClRegisterSap(NDIS_HANDLE NdisAfHandle, NDIS_HANDLE ProtocolSapContext, PCO_SAP Sap, PNDIS_HANDLE NdisSapHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: REGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisAfHandle: Handle,
      ProtocolSapContext: Context,
      SapAt: Pointer<CO_SAP>,
      NdisSapHandle: OutPointer,
    ): NDIS_STATUS => {
      const call = 'NdisClRegisterSap';
      const family = expectConnection(
        ndis,
        NdisAfHandle,
        AddressFamily,
        driver,
        'client',
        call,
        REGISTER_PAGE,
      );
      if (family === null || family.state !== 'Open') return NDIS_STATUS_FAILURE;
      if (refuseTransient(ndis, driver, call, SapAt, REGISTER_PAGE)) return NDIS_STATUS_FAILURE;
      const sap = new Sap(family, heldContext(ndis, ProtocolSapContext), SapAt);
      if (!admit(ndis, sap)) return NDIS_STATUS_RESOURCES;
      family.saps.add(sap);
      ndis.memory.writePointer(NdisSapHandle, sap.handle);
      apply(ndis.kernel, sapStates, sap, 'RegisterSap', driver);
      if (family.manager.gone) {
        finishRegister(ndis, sap, NDIS_STATUS_FAILURE);
        return NDIS_STATUS_FAILURE;
      }
      sap.pending.add('register');
      const { registerSap } = family.manager.handlers;
      const answer = registerSap.invoke(
        family.managerContext.value,
        seen<CO_SAP>(SapAt),
        sap.handle,
        contextCell(ndis, sap),
      );
      const status = settleAnswer(ndis, sap, 'register', statusOf(answer, registerSap), registerSap);
      if (status === NDIS_STATUS_PENDING) return status;
      if (status === NDIS_STATUS_SUCCESS) sap.managerContext = writtenContext(ndis, sap);
      else ndis.memory.writePointer(NdisSapHandle, 0);
      finishRegister(ndis, sap, status);
      return status;
    },
});

/** What NdisCmRegisterSapComplete and its macro for miniports do. */
export function cmRegisterSapComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  Status: number,
  NdisSapHandle: Address,
  CallMgrSapContext: Address,
): void {
  const sap = expectConnection(ndis, NdisSapHandle, Sap, driver, 'callManager', call, REGISTERED_PAGE);
  if (sap === null) return;
  const status = takeCompletion(ndis, sap, 'register', Status, driver, call, REGISTERED_PAGE);
  if (status === null) return;
  if (status === NDIS_STATUS_SUCCESS) sap.managerContext = heldContext(ndis, CallMgrSapContext);
  completeRegisterSap(ndis, sap, status);
}

/** Finishes a registration that was pending and tells the client. */
export function completeRegisterSap(ndis: NdisLibrary, sap: Sap, status: number): void {
  const { client } = sap.family;
  const handle = status === NDIS_STATUS_SUCCESS ? sap.handle : 0;
  finishRegister(ndis, sap, status);
  if (client.gone) return;
  client.handlers.registerSapComplete.invoke(
    status,
    sap.clientContext.value,
    seen<CO_SAP>(sap.specification),
    handle,
  );
}

/**
 * NdisCmRegisterSapComplete: the call manager's decision where ProtocolCmRegisterSap returned NDIS_STATUS_PENDING; calls
 * ProtocolClRegisterSapComplete. After a failure the handle is invalid. Where nothing is pending: the finding
 * NOT_PENDING. IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscmregistersapcomplete.
 */
export const NdisCmRegisterSapComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisCmRegisterSapComplete(NDIS_STATUS Status, NDIS_HANDLE NdisSapHandle, NDIS_HANDLE CallMgrSapContext)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: REGISTERED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisSapHandle: Handle, CallMgrSapContext: Context): void =>
      cmRegisterSapComplete(
        ndis,
        driver,
        'NdisCmRegisterSapComplete',
        Status,
        NdisSapHandle,
        CallMgrSapContext,
      ),
});

/** Asks the call manager to give a SAP up. */
export function deregisterSap(ndis: NdisLibrary, sap: Sap, driver: Driver | null): NDIS_STATUS {
  if (!apply(ndis.kernel, sapStates, sap, 'DeregisterSap', driver)) return NDIS_STATUS_FAILURE;
  const { manager } = sap.family;
  if (manager.gone) return finishDeregister(ndis, sap, NDIS_STATUS_SUCCESS);
  sap.pending.add('deregister');
  const { deregisterSap: handler } = manager.handlers;
  const answer = handler.invoke(sap.managerContext.value);
  const status = settleAnswer(ndis, sap, 'deregister', statusOf(answer, handler), handler);
  return status === NDIS_STATUS_PENDING ? status : finishDeregister(ndis, sap, status);
}

function finishDeregister(ndis: NdisLibrary, sap: Sap, status: number): NDIS_STATUS {
  const gone = status === NDIS_STATUS_SUCCESS;
  const event = gone ? 'DeregisterSapComplete' : 'DeregisterSapFailed';
  apply(ndis.kernel, sapStates, sap, event, sap.family.manager.driver);
  if (gone) forgetSap(ndis, sap);
  return status;
}

/**
 * NdisClDeregisterSap: no more incoming calls of a SAP; calls that came before are not touched. The handle is invalid for
 * the client from the call on. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolClDeregisterSapComplete gets the final status;
 * NDIS_STATUS_FAILURE for a SAP that is being closed already. Source: ndis/nf-ndis-ndisclderegistersap.
 */
export const NdisClDeregisterSap = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisClDeregisterSap(NDIS_HANDLE NdisSapHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: DEREGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisSapHandle: Handle): NDIS_STATUS => {
      const call = 'NdisClDeregisterSap';
      // A redundant call is a documented failure, not a finding.
      if (ndis.resolve(NdisSapHandle, Sap)?.state === 'Deregistering') return NDIS_STATUS_FAILURE;
      const sap = expectConnection(ndis, NdisSapHandle, Sap, driver, 'client', call, DEREGISTER_PAGE);
      if (sap === null) return NDIS_STATUS_FAILURE;
      const { family } = sap;
      const status = deregisterSap(ndis, sap, driver);
      settleFamily(ndis, family);
      return status;
    },
});

/** What NdisCmDeregisterSapComplete and its macro for miniports do. */
export function cmDeregisterSapComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  Status: number,
  NdisSapHandle: Address,
): void {
  const sap = expectConnection(ndis, NdisSapHandle, Sap, driver, 'callManager', call, DEREGISTERED_PAGE);
  if (sap === null) return;
  const status = takeCompletion(ndis, sap, 'deregister', Status, driver, call, DEREGISTERED_PAGE);
  if (status !== null) completeDeregisterSap(ndis, sap, status);
}

/** Finishes a deregistration that was pending and tells the client. */
export function completeDeregisterSap(ndis: NdisLibrary, sap: Sap, status: number): void {
  const { client } = sap.family;
  const last = finishDeregister(ndis, sap, status);
  if (!client.gone) client.handlers.deregisterSapComplete.invoke(last, sap.clientContext.value);
  settleFamily(ndis, sap.family);
}

/**
 * NdisCmDeregisterSapComplete: a deregistration for which ProtocolCmDeregisterSap returned NDIS_STATUS_PENDING is
 * complete; calls ProtocolClDeregisterSapComplete. The handle is invalid from here on. Where nothing is pending: the
 * finding NOT_PENDING. IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscmderegistersapcomplete.
 */
export const NdisCmDeregisterSapComplete = declareFunction('ndis', {
  prototype: 'VOID NdisCmDeregisterSapComplete(NDIS_STATUS Status, NDIS_HANDLE NdisSapHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: DEREGISTERED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisSapHandle: Handle): void =>
      cmDeregisterSapComplete(ndis, driver, 'NdisCmDeregisterSapComplete', Status, NdisSapHandle),
});
