/**
 * What connection-oriented drivers left pending when nothing else will happen: each is a finding, and NDIS goes on as
 * if the driver had completed it. Part of what `completeForDrivers` does.
 * Implements the remarks of the nc-ndis-protocol_cm_*, nc-ndis-protocol_cl_* and nc-ndis-miniport_co_* pages: who
 * returns NDIS_STATUS_PENDING has to complete.
 */

import type { Driver } from '../../kernel/index.ts';
import {
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { completeActivation, completeDeactivation } from './activateVc.ts';
import { completeNotify } from './closeFamily.ts';
import { connectionsOf } from './connections.ts';
import { abandonConnectionRequests } from './coOidRequest.ts';
import { completeOffer } from './incomingCall.ts';
import type { AddressFamily, ConnectionObject, PendingName, VirtualConnection } from './objects.ts';
import { abandonClient, abandonManager, answerForManager } from './teardown.ts';

/** The call that completes what is pending. */
const COMPLETION: Readonly<Record<PendingName, string>> = {
  open: 'NdisCmOpenAddressFamilyComplete',
  close: 'NdisCmCloseAddressFamilyComplete',
  notifyClose: 'NdisClNotifyCloseAddressFamilyComplete',
  register: 'NdisCmRegisterSapComplete',
  deregister: 'NdisCmDeregisterSapComplete',
  makeCall: 'NdisCmMakeCallComplete',
  modifyCallQoS: 'NdisCmModifyCallQoSComplete',
  incomingCall: 'NdisClIncomingCallComplete',
  closeCall: 'NdisCmCloseCallComplete',
  activate: 'NdisMCoActivateVcComplete',
  deactivate: 'NdisMCoDeactivateVcComplete',
  addParty: 'NdisCmAddPartyComplete',
  dropParty: 'NdisCmDropPartyComplete',
};

function report(
  ndis: NdisLibrary,
  object: ConnectionObject,
  names: Iterable<PendingName>,
  driver: Driver,
): void {
  for (const name of names) {
    const call = COMPLETION[name];
    const text = `an operation on ${object.label} is pending and was never completed; call ${call}`;
    ndis.kernel.report('NEVER_COMPLETED', driver, text, `ndis/nf-ndis-${call.toLowerCase()}`);
  }
}

const OF_CLIENT: ReadonlySet<PendingName> = new Set(['notifyClose', 'incomingCall']);
const OF_MINIPORT: ReadonlySet<PendingName> = new Set(['activate', 'deactivate']);
const ofManager = (object: ConnectionObject): PendingName[] =>
  [...object.pending].filter((name) => !OF_CLIENT.has(name) && !OF_MINIPORT.has(name));

/** Completes what the miniport owes for a VC. */
function completeForMiniport(ndis: NdisLibrary, connection: VirtualConnection): number {
  const { driver } = connection.adapter.miniport;
  const owed = [...connection.pending].filter((name) => OF_MINIPORT.has(name));
  report(ndis, connection, owed, driver);
  if (connection.pending.delete('activate')) completeActivation(ndis, connection, NDIS_STATUS_FAILURE, 0);
  if (connection.pending.delete('deactivate')) completeDeactivation(ndis, connection, NDIS_STATUS_SUCCESS);
  return owed.length;
}

/** Completes what the client owes for a family. */
function completeForClient(ndis: NdisLibrary, family: AddressFamily): number {
  const { driver } = family.client;
  let count = 0;
  if (family.pending.has('notifyClose')) {
    count++;
    report(ndis, family, ['notifyClose'], driver);
    family.pending.delete('notifyClose');
    completeNotify(ndis, family, NDIS_STATUS_CLOSING);
  }
  for (const connection of family.connections) {
    if (!connection.pending.has('incomingCall')) continue;
    count++;
    report(ndis, connection, ['incomingCall'], driver);
    connection.pending.delete('incomingCall');
    completeOffer(ndis, connection, NDIS_STATUS_FAILURE, 0);
  }
  return count;
}

/** Completes what the call manager owes for a family. */
function completeForManager(ndis: NdisLibrary, family: AddressFamily): number {
  const objects: ConnectionObject[] = [
    family,
    ...family.saps,
    ...family.connections,
    ...[...family.connections].flatMap((connection) => [...connection.parties]),
  ];
  for (const object of objects) report(ndis, object, ofManager(object), family.manager.driver);
  return answerForManager(ndis, family);
}

/**
 * Completes what drivers owe, of everybody or of what touches one binding.
 * @returns how many operations were completed, or ends given up because they did not go on by themselves.
 */
export function completeStalledConnections(ndis: NdisLibrary, binding: Binding | null = null): number {
  let count = abandonConnectionRequests(ndis, binding, null);
  for (const { families, connections } of connectionsOf(ndis).adapters.values()) {
    for (const connection of connections) {
      if (binding === null || connection.owner === binding || connection.manager.binding === binding)
        count += completeForMiniport(ndis, connection);
    }
    for (const family of families) {
      if (binding !== null && family.client.binding !== binding && family.manager.binding !== binding)
        continue;
      count += completeForManager(ndis, family) + completeForClient(ndis, family);
    }
  }
  return count > 0 ? count : giveUpEnds(ndis, binding);
}

/** A binding waits to be closed and nobody owes anything: the other ends do not do their part. */
function giveUpEnds(ndis: NdisLibrary, only: Binding | null): number {
  let count = 0;
  const never = (driver: Driver, family: AddressFamily, call: string): void => {
    count++;
    const text = `${family.label} is to be closed and ${driver.name} does not go on; call ${call}`;
    ndis.kernel.report('NEVER_COMPLETED', driver, text, `ndis/nf-ndis-${call.toLowerCase()}`);
  };
  for (const protocol of inventoryOf(ndis).protocols) {
    for (const binding of protocol.bindings) {
      const { connections } = binding;
      if (connections === null || connections.drained || binding.openState !== 'closing') continue;
      if (only !== null && binding !== only) continue;
      for (const family of connections.served) {
        if (family.client.gone) continue;
        never(family.client.driver, family, 'NdisClCloseAddressFamily');
        abandonClient(ndis, family.client, family.client.binding.connections?.opened ?? []);
      }
      for (const family of connections.opened) {
        const { manager } = family;
        if (manager.gone) continue;
        never(manager.driver, family, 'NdisCmDeactivateVc');
        const served = manager.binding?.connections;
        const families = served?.served ?? connectionsOf(ndis).of(manager.adapter).families;
        abandonManager(ndis, manager, families, served?.own ?? []);
      }
    }
  }
  return count;
}
