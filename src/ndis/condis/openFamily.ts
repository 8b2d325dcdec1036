/**
 * Opening an address family: the client asks, the call manager agrees.
 * Implements nf-ndis-ndisclopenaddressfamilyex, nf-ndis-ndiscmopenaddressfamilycomplete and
 * nc-ndis-protocol_cl_open_af_complete_ex.
 */

import {
  type Context,
  type Driver,
  declareFunction,
  type Handle,
  type OutPointer,
  type Pointer,
  procedure,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { CO_ADDRESS_FAMILY } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { OPEN_THREAD } from '../stack/threads.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { seen, settleAnswer, statusOf, takeCompletion } from './answers.ts';
import {
  admit,
  bindingConnections,
  connectionsOf,
  contextCell,
  expectConnection,
  heldContext,
  writtenContext,
} from './connections.ts';
import { forgetFamily } from './forget.ts';
import { AddressFamily } from './objects.ts';
import { settleFamily } from './settle.ts';
import { familyStates } from './states.ts';

const OPEN_PAGE = 'ndis/nf-ndis-ndisclopenaddressfamilyex';
const COMPLETE_PAGE = 'ndis/nf-ndis-ndiscmopenaddressfamilycomplete';

/** The call manager has decided. False where the open failed and the family is no more. */
export function finishOpenFamily(ndis: NdisLibrary, family: AddressFamily, status: number): boolean {
  const opened = status === NDIS_STATUS_SUCCESS;
  apply(ndis.kernel, familyStates, family, opened ? 'OpenAfComplete' : 'OpenAfFailed', family.manager.driver);
  if (!opened) forgetFamily(ndis, family);
  return opened;
}

/** Calls ProtocolClOpenAfCompleteEx at PASSIVE_LEVEL. */
export const completeOpenFamily = procedure<
  NdisLibrary,
  { readonly family: Address; readonly status: number }
>('NdisCompleteOpenAddressFamily', {
  start: (ndis, locals, step) => {
    const family = ndis.resolve(locals.family, AddressFamily);
    if (family === null || family.state !== 'Opening') return step.done(NDIS_STATUS_SUCCESS);
    const opened = finishOpenFamily(ndis, family, locals.status);
    const { client } = family;
    if (client.gone) {
      settleFamily(ndis, family);
      return step.done(NDIS_STATUS_SUCCESS);
    }
    return step.call(
      'over',
      client.handlers.openAfComplete,
      family.clientContext.value,
      opened ? family.handle : 0,
      locals.status,
    );
  },
  over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/** Lets a thread of the library complete an open. */
export function completeOpenLater(ndis: NdisLibrary, family: AddressFamily, status: number): void {
  ndis.kernel.scheduler.createThread(OPEN_THREAD, completeOpenFamily, ndis, {
    family: family.handle,
    status,
  });
}

function open(
  ndis: NdisLibrary,
  binding: Binding,
  at: Address,
  context: Address,
  handleAt: Address,
): NDIS_STATUS {
  const connections = bindingConnections(binding);
  const client = connections?.client ?? null;
  const number = ndis.memory.u32[(at + CO_ADDRESS_FAMILY.offset.AddressFamily) >> 2];
  const adapterConnections = connectionsOf(ndis).of(binding.adapter);
  const offered = adapterConnections.offered.find((family) => family.addressFamily === number);
  if (connections === null || client === null || offered === undefined) {
    const why = client === null ? 'is no client' : `0x${number.toString(16)} is not offered`;
    ndis.kernel.note('NdisClOpenAddressFamilyEx', `${binding.label}: ${why}`);
    return NDIS_STATUS_FAILURE;
  }
  const { manager } = offered;
  const family = new AddressFamily(client, manager, number, heldContext(ndis, context));
  if (!admit(ndis, family)) return NDIS_STATUS_RESOURCES;
  ndis.memory.writePointer(handleAt, family.handle);
  connections.opened.add(family);
  manager.binding?.connections?.served.add(family);
  adapterConnections.families.add(family);
  apply(ndis.kernel, familyStates, family, 'OpenAf', client.driver);
  family.pending.add('open');
  const { openAf } = manager.handlers;
  const bindingContext = manager.binding === null ? manager.adapter.context : manager.binding.context;
  const answer = openAf.invoke(
    bindingContext,
    seen<CO_ADDRESS_FAMILY>(at),
    family.handle,
    contextCell(ndis, family),
  );
  const status = settleAnswer(ndis, family, 'open', statusOf(answer, openAf), openAf);
  if (status === NDIS_STATUS_PENDING) return status;
  if (status === NDIS_STATUS_SUCCESS) {
    family.managerContext = writtenContext(ndis, family);
    if (ndis.kernel.random.chance(1, 2)) {
      completeOpenLater(ndis, family, status);
      return NDIS_STATUS_PENDING;
    }
  }
  if (!finishOpenFamily(ndis, family, status)) ndis.memory.writePointer(handleAt, 0);
  return status;
}

/**
 * NdisClOpenAddressFamilyEx: opens an address family that a call manager offers on the adapter of a binding, from
 * ProtocolCoAfRegisterNotify. ProtocolCmOpenAf runs inside the call. NDIS_STATUS_PENDING where that returned it, and else
 * as the seed chooses; ProtocolClOpenAfCompleteEx then gets the final status. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING, what the call manager failed with; NDIS_STATUS_FAILURE for a
 * binding that is not open or no client's, and for a family that nobody offers; NDIS_STATUS_RESOURCES.
 * Source: ndis/nf-ndis-ndisclopenaddressfamilyex.
 */
export const NdisClOpenAddressFamilyEx = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisClOpenAddressFamilyEx(NDIS_HANDLE NdisBindingHandle, PCO_ADDRESS_FAMILY AddressFamily, NDIS_HANDLE ClientAfContext, PNDIS_HANDLE NdisAfHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: OPEN_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisBindingHandle: Handle,
      AddressFamilyAt: Pointer<CO_ADDRESS_FAMILY>,
      ClientAfContext: Context,
      NdisAfHandle: OutPointer,
    ): NDIS_STATUS => {
      const call = 'NdisClOpenAddressFamilyEx';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, call, OPEN_PAGE);
      if (binding === null || binding.openState !== 'open' || binding.protocol.driver !== driver) {
        return NDIS_STATUS_FAILURE;
      }
      return open(ndis, binding, AddressFamilyAt, ClientAfContext, NdisAfHandle);
    },
});

/** What NdisCmOpenAddressFamilyComplete and its macro for miniports do. */
export function cmOpenFamilyComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  Status: number,
  NdisAfHandle: Address,
  CallMgrAfContext: Address,
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
  const status = takeCompletion(ndis, family, 'open', Status, driver, call, COMPLETE_PAGE);
  if (status === null) return;
  if (status === NDIS_STATUS_SUCCESS) family.managerContext = heldContext(ndis, CallMgrAfContext);
  completeOpenLater(ndis, family, status);
}

/**
 * NdisCmOpenAddressFamilyComplete: the call manager's decision where ProtocolCmOpenAf returned NDIS_STATUS_PENDING.
 * ProtocolClOpenAfCompleteEx of the client runs later, at PASSIVE_LEVEL. Where nothing is pending: the finding
 * NOT_PENDING. IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscmopenaddressfamilycomplete.
 */
export const NdisCmOpenAddressFamilyComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisCmOpenAddressFamilyComplete(NDIS_STATUS Status, NDIS_HANDLE NdisAfHandle, NDIS_HANDLE CallMgrAfContext)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: COMPLETE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisAfHandle: Handle, CallMgrAfContext: Context): void =>
      cmOpenFamilyComplete(
        ndis,
        driver,
        'NdisCmOpenAddressFamilyComplete',
        Status,
        NdisAfHandle,
        CallMgrAfContext,
      ),
});
