/**
 * Creating virtual connections: NDIS tells the miniport and the other end before the creator's call returns.
 * Implements nf-ndis-ndiscocreatevc, nf-ndis-ndismcmcreatevc and "Creating a VC" (network).
 */

import {
  type Context,
  type Driver,
  declareFunction,
  type Handle,
  type OutPointer,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { statusOf } from './answers.ts';
import {
  admit,
  bindingConnections,
  connectionsOf,
  contextCell,
  heldContext,
  miniportCallManager,
  writtenContext,
} from './connections.ts';
import { forgetConnection } from './forget.ts';
import { AddressFamily, type CallManagerEnd, VirtualConnection } from './objects.ts';

const CREATE_PAGE = 'ndis/nf-ndis-ndiscocreatevc';
const MCM_CREATE_PAGE = 'ndis/nf-ndis-ndismcmcreatevc';

/** A VC that must not be created later: what its driver returned NDIS_STATUS_PENDING for. */
function refusePending(ndis: NdisLibrary, driver: Driver, role: string, page: string): NDIS_STATUS {
  const text = `${role} of ${driver.name} returned NDIS_STATUS_PENDING; a VC is created before it returns. NDIS deletes it`;
  ndis.kernel.report('CREATE_VC_PENDING', driver, text, page);
  return NDIS_STATUS_FAILURE;
}

/** Tells the miniport of a VC of a stand-alone call manager. */
function tellMiniport(ndis: NdisLibrary, connection: VirtualConnection): NDIS_STATUS {
  const { adapter } = connection;
  const createVc = adapter.miniport.connections?.co?.createVc ?? null;
  if (createVc === null) return NDIS_STATUS_FAILURE;
  const cell = contextCell(ndis, connection);
  const status = statusOf(createVc.invoke(adapter.context, connection.handle, cell), createVc);
  connection.miniportContext = writtenContext(ndis, connection);
  if (status !== NDIS_STATUS_PENDING) return status;
  deleteAtMiniport(connection);
  return refusePending(ndis, createVc.driver, 'MiniportCoCreateVc', createVc.declaration.page);
}

/** MiniportCoDeleteVc, where the miniport has it. */
export function deleteAtMiniport(connection: VirtualConnection): number {
  const deleteVc = connection.adapter.miniport.connections?.co?.deleteVc ?? null;
  if (connection.manager.binding === null || deleteVc === null) return NDIS_STATUS_SUCCESS;
  return statusOf(deleteVc.invoke(connection.miniportContext.value), deleteVc);
}

/** Tells the end that did not create the VC. */
function tellOtherEnd(ndis: NdisLibrary, connection: VirtualConnection): NDIS_STATUS {
  const { family, manager } = connection;
  if (family === null) return NDIS_STATUS_SUCCESS;
  const toManager = connection.creator === 'client';
  const end = toManager ? manager : family.client;
  if (end.gone) return NDIS_STATUS_FAILURE;
  const { createVc, deleteVc } = end.handlers;
  const familyContext = toManager ? family.managerContext : family.clientContext;
  const cell = contextCell(ndis, connection);
  const status = statusOf(createVc.invoke(familyContext.value, connection.handle, cell), createVc);
  const context = writtenContext(ndis, connection);
  if (toManager) connection.managerContext = context;
  else connection.clientContext = context;
  if (status !== NDIS_STATUS_PENDING) return status;
  statusOf(deleteVc.invoke(context.value), deleteVc);
  return refusePending(ndis, end.driver, 'ProtocolCoCreateVc', createVc.declaration.page);
}

function create(
  ndis: NdisLibrary,
  manager: CallManagerEnd,
  family: AddressFamily | null,
  creator: 'client' | 'callManager',
  context: Address,
  handleAt: Address,
): NDIS_STATUS {
  const co = manager.adapter.miniport.connections?.co ?? null;
  if (co === null) return NDIS_STATUS_FAILURE;
  const connections = connectionsOf(ndis);
  const number = connections.nextNumber++;
  const connection = new VirtualConnection(manager, family, creator, number, co.send.invoke);
  if (!admit(ndis, connection)) return NDIS_STATUS_RESOURCES;
  const held = heldContext(ndis, context);
  if (creator === 'client') connection.clientContext = held;
  else connection.managerContext = held;
  connections.of(manager.adapter).connections.add(connection);
  if (family === null) manager.binding?.connections?.own.add(connection);
  else family.connections.add(connection);
  const status = tellAll(ndis, connection);
  if (status !== NDIS_STATUS_SUCCESS) {
    forgetConnection(ndis, connection);
    return status;
  }
  connection.ownerContext = (family === null ? connection.managerContext : connection.clientContext).value;
  const owner = connection.owner?.protocol.connections?.co ?? null;
  connection.receive = owner?.receive.invoke ?? null;
  connection.sendComplete = owner?.sendComplete.invoke ?? null;
  ndis.memory.writePointer(handleAt, connection.handle);
  return NDIS_STATUS_SUCCESS;
}

function tellAll(ndis: NdisLibrary, connection: VirtualConnection): NDIS_STATUS {
  const standAlone = connection.manager.binding !== null;
  const atMiniport = standAlone ? tellMiniport(ndis, connection) : NDIS_STATUS_SUCCESS;
  if (atMiniport !== NDIS_STATUS_SUCCESS) return atMiniport;
  const atOtherEnd = tellOtherEnd(ndis, connection);
  if (atOtherEnd !== NDIS_STATUS_SUCCESS) deleteAtMiniport(connection);
  // A miniport call manager has one context for both of its parts.
  else if (!standAlone) connection.miniportContext = connection.managerContext;
  return atOtherEnd;
}

/** Reports a variable for the handle that does not hold NULL. */
function checkVariable(ndis: NdisLibrary, driver: Driver, call: string, at: Address, page: string): void {
  if (ndis.memory.readPointer(at) === 0) return;
  const text = `${call}: the variable for the handle holds 0x${ndis.memory.readPointer(at).toString(16)}; set it to NULL before the call`;
  ndis.kernel.report('VC_HANDLE_NOT_NULL', driver, text, page);
}

/**
 * NdisCoCreateVc: creates a VC: a client for a call that it will make, a stand-alone call manager for a call that it
 * will indicate to the client of the address family, or with a NULL address family for signaling of its own.
 * MiniportCoCreateVc and ProtocolCoCreateVc of the other end run inside the call. The variable for the handle must hold
 * NULL. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES; NDIS_STATUS_FAILURE for a wrong handle, and where the caller is
 * neither end; what the miniport or the other end failed with. Source: ndis/nf-ndis-ndiscocreatevc.
 */
export const NdisCoCreateVc = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisCoCreateVc(NDIS_HANDLE NdisBindingHandle, NDIS_HANDLE NdisAfHandle, NDIS_HANDLE ProtocolVcContext, PNDIS_HANDLE NdisVcHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: CREATE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisBindingHandle: Handle,
      NdisAfHandle: Handle,
      ProtocolVcContext: Context,
      NdisVcHandle: OutPointer,
    ): NDIS_STATUS => {
      const call = 'NdisCoCreateVc';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, call, CREATE_PAGE);
      if (binding === null || binding.openState !== 'open') return NDIS_STATUS_FAILURE;
      checkVariable(ndis, driver, call, NdisVcHandle, CREATE_PAGE);
      if (NdisAfHandle === 0) {
        const manager = bindingConnections(binding)?.manager ?? null;
        if (manager === null) return NDIS_STATUS_FAILURE;
        return create(ndis, manager, null, 'callManager', ProtocolVcContext, NdisVcHandle);
      }
      const family = ndis.expect(NdisAfHandle, AddressFamily, driver, call, CREATE_PAGE);
      if (family === null) return NDIS_STATUS_FAILURE;
      const creator =
        family.client.binding === binding
          ? 'client'
          : family.manager.binding === binding
            ? 'callManager'
            : null;
      if (creator === null || family.state !== 'Open') {
        ndis.kernel.note(call, `${binding.label}: not an end of ${family.label}, or it is ${family.state}`);
        return NDIS_STATUS_FAILURE;
      }
      return create(ndis, family.manager, family, creator, ProtocolVcContext, NdisVcHandle);
    },
});

/**
 * NdisMCmCreateVc: creates a VC on which a miniport call manager will indicate a call to the client of the address
 * family. ProtocolCoCreateVc of the client runs inside the call. The variable for the handle must hold NULL.
 * IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES; NDIS_STATUS_FAILURE for a wrong handle; what the client failed
 * with. Source: ndis/nf-ndis-ndismcmcreatevc.
 */
export const NdisMCmCreateVc = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMCmCreateVc(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE NdisAfHandle, NDIS_HANDLE MiniportVcContext, PNDIS_HANDLE NdisVcHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: MCM_CREATE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportAdapterHandle: Handle,
      NdisAfHandle: Handle,
      MiniportVcContext: Context,
      NdisVcHandle: OutPointer,
    ): NDIS_STATUS => {
      const call = 'NdisMCmCreateVc';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, MCM_CREATE_PAGE);
      const manager = adapter === null ? null : miniportCallManager(ndis, adapter);
      const family = ndis.expect(NdisAfHandle, AddressFamily, driver, call, MCM_CREATE_PAGE);
      if (manager === null || family === null) return NDIS_STATUS_FAILURE;
      if (family.manager !== manager || family.state !== 'Open') return NDIS_STATUS_FAILURE;
      checkVariable(ndis, driver, call, NdisVcHandle, MCM_CREATE_PAGE);
      return create(ndis, manager, family, 'callManager', MiniportVcContext, NdisVcHandle);
    },
});
