/**
 * Call managers offer address families; every connection-oriented protocol on the adapter is told.
 * Implements nf-ndis-ndiscmregisteraddressfamilyex, nf-ndis-ndismcmregisteraddressfamilyex and
 * nc-ndis-protocol_co_af_register_notify.
 */

import { type Driver, declareFunction, type Handle, type Pointer, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { CO_ADDRESS_FAMILY } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { allocateCertainStructure, freeLibraryMemory } from '../libraryMemory.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { OPEN_THREAD } from '../stack/threads.ts';
import type { NDIS_STATUS } from '../status.ts';
import {
  bindingConnections,
  connectionsOf,
  miniportCallManager,
  OFFERED_FAMILY_LIMIT,
} from './connections.ts';
import type { CallManagerEnd, OfferedFamily } from './objects.ts';

/** Adds a family to what an adapter's clients may open. */
function offer(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  manager: CallManagerEnd,
  at: Address,
): NDIS_STATUS {
  const view = CO_ADDRESS_FAMILY.at(ndis.memory, at);
  const { offered } = connectionsOf(ndis).of(manager.adapter);
  if (offered.some((other) => other.addressFamily === view.AddressFamily)) {
    const text = `${driver.name}: the address family 0x${view.AddressFamily.toString(16)} is offered on ${manager.adapter.label} already`;
    ndis.kernel.note(call, text);
    return NDIS_STATUS_FAILURE;
  }
  if (offered.length >= OFFERED_FAMILY_LIMIT) return NDIS_STATUS_RESOURCES;
  offered.push({
    manager,
    addressFamily: view.AddressFamily,
    majorVersion: view.MajorVersion,
    minorVersion: view.MinorVersion,
    told: new Set(),
  });
  return NDIS_STATUS_SUCCESS;
}

/** The families of a call manager that is going are offered no more. */
export function withdrawFamilies(ndis: NdisLibrary, manager: CallManagerEnd): void {
  const { offered } = connectionsOf(ndis).of(manager.adapter);
  for (let i = offered.length - 1; i >= 0; i--) if (offered[i].manager === manager) offered.splice(i, 1);
}

/** Somebody who is to be told of a family and has not been. */
function nextToTell(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
): { readonly family: OfferedFamily; readonly binding: Binding } | null {
  const { adapters } = connectionsOf(ndis);
  for (const family of adapters.get(adapter)?.offered ?? []) {
    for (const binding of adapter.bindings) {
      if (binding.openState !== 'open' || binding.bindContext.active || binding.unbindContext.active)
        continue;
      if (family.told.has(binding) || binding.protocol.connections === null) continue;
      return { family, binding };
    }
  }
  return null;
}

/** Tells each protocol on an adapter of each family that it does not know. For the end of a bind. */
export const notifyFamilies = procedure<NdisLibrary, { readonly adapter: Address; block: Address }>(
  'NdisNotifyAddressFamilies',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const next = adapter === null ? null : nextToTell(ndis, adapter);
      if (next === null) return step.done(NDIS_STATUS_SUCCESS);
      const { family, binding } = next;
      family.told.add(binding);
      const handler = binding.protocol.connections?.co?.familyNotify ?? null;
      if (handler === null) return step.go('start');
      locals.block = allocateCertainStructure(ndis, CO_ADDRESS_FAMILY, {
        AddressFamily: family.addressFamily,
        MajorVersion: family.majorVersion,
        MinorVersion: family.minorVersion,
      });
      return step.call('told', handler, binding.context, locals.block);
    },
    told: (ndis, locals, step) => {
      freeLibraryMemory(ndis, locals.block);
      return step.go('start');
    },
  },
);

/** Whether somebody is to be told, so that most binds need no more than this look. */
export function familiesToTell(ndis: NdisLibrary, adapter: MiniportAdapter): boolean {
  return nextToTell(ndis, adapter) !== null;
}

/**
 * NdisCmRegisterAddressFamilyEx: offers an address family on a binding of a stand-alone call manager, from
 * ProtocolBindAdapterEx. When the bind is complete, ProtocolCoAfRegisterNotify of every connection-oriented protocol on
 * the adapter runs, and later of each that binds to it. IRQL PASSIVE_LEVEL. At most 64 families on an adapter.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES for more than that; NDIS_STATUS_FAILURE where the caller is no
 * call manager, the miniport is not connection-oriented, the family is offered already, or the binding is not open.
 * Source: ndis/nf-ndis-ndiscmregisteraddressfamilyex.
 */
export const NdisCmRegisterAddressFamilyEx = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisCmRegisterAddressFamilyEx(NDIS_HANDLE NdisBindingHandle, PCO_ADDRESS_FAMILY AddressFamily)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndiscmregisteraddressfamilyex',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle, AddressFamily: Pointer<CO_ADDRESS_FAMILY>): NDIS_STATUS => {
      const page = 'ndis/nf-ndis-ndiscmregisteraddressfamilyex';
      const call = 'NdisCmRegisterAddressFamilyEx';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, call, page);
      if (binding === null || binding.openState !== 'open') return NDIS_STATUS_FAILURE;
      const manager = bindingConnections(binding)?.manager ?? null;
      const { adapter } = binding;
      if (manager === null || manager.driver !== driver || adapter.miniport.connections === null) {
        const text = `${driver.name}: ${binding.label}: not a call manager over a connection-oriented miniport`;
        ndis.kernel.note(call, text);
        return NDIS_STATUS_FAILURE;
      }
      const status = offer(ndis, driver, call, manager, AddressFamily);
      if (status === NDIS_STATUS_SUCCESS && !binding.bindContext.active) {
        ndis.kernel.scheduler.createThread(OPEN_THREAD, notifyFamilies, ndis, {
          adapter: adapter.handle,
          block: 0,
        });
      }
      return status;
    },
});

/**
 * NdisMCmRegisterAddressFamilyEx: offers an address family of a miniport call manager, from MiniportInitializeEx; the
 * protocols that bind to the adapter are told of it. IRQL PASSIVE_LEVEL. At most 64 families on an adapter.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES for more than that; NDIS_STATUS_FAILURE where the miniport driver
 * registered no handlers of a call manager, or the family is offered already.
 * Source: ndis/nf-ndis-ndismcmregisteraddressfamilyex.
 */
export const NdisMCmRegisterAddressFamilyEx = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMCmRegisterAddressFamilyEx(NDIS_HANDLE MiniportAdapterHandle, PCO_ADDRESS_FAMILY AddressFamily)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndismcmregisteraddressfamilyex',
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, AddressFamily: Pointer<CO_ADDRESS_FAMILY>): NDIS_STATUS => {
      const page = 'ndis/nf-ndis-ndismcmregisteraddressfamilyex';
      const call = 'NdisMCmRegisterAddressFamilyEx';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, page);
      const manager = adapter === null ? null : miniportCallManager(ndis, adapter);
      if (adapter === null || manager === null) {
        ndis.kernel.note(call, `${driver.name}: not a connection-oriented miniport with a call manager`);
        return NDIS_STATUS_FAILURE;
      }
      const status = offer(ndis, driver, call, manager, AddressFamily);
      if (status === NDIS_STATUS_SUCCESS && !adapter.initializing) {
        ndis.kernel.scheduler.createThread(OPEN_THREAD, notifyFamilies, ndis, {
          adapter: adapter.handle,
          block: 0,
        });
      }
      return status;
    },
});
