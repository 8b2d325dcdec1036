/**
 * Opening and offering address families by drivers for NDIS 5, which register their handlers with it.
 * Implements NdisClOpenAddressFamily, NdisCmRegisterAddressFamily and NdisMCmRegisterAddressFamily (ddk/ndis.h).
 */

import type { Context, Driver, Handle, OutPointer, Pointer } from '../../../kernel/index.ts';
import { bindingConnections, miniportCallManager } from '../../condis/connections.ts';
import type { CallManagerHandlers, ClientHandlers } from '../../condis/handlers.ts';
import { NdisCmRegisterAddressFamilyEx, NdisMCmRegisterAddressFamilyEx } from '../../condis/offerFamily.ts';
import { NdisClOpenAddressFamilyEx } from '../../condis/openFamily.ts';
import { NDIS_STATUS_FAILURE } from '../../generated/constants/index.ts';
import type {
  CO_ADDRESS_FAMILY,
  NDIS_CALL_MANAGER_CHARACTERISTICS,
  NDIS_CLIENT_CHARACTERISTICS,
} from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';
import { legacyAdapterAt } from '../miniport/throughBlock.ts';
import { type LegacyBinding, legacyBindingAt } from '../protocol/legacyBinding.ts';
import { readCallManagerCharacteristics, readClientCharacteristics } from './characteristics.ts';

/** The binding makes a client; one that is a client already stays the one that it is. */
function becomeClient(to: LegacyBinding, handlers: ClientHandlers): boolean {
  const { binding } = to;
  const connections = bindingConnections(binding);
  if (connections === null) return false;
  const { driver } = binding.protocol;
  connections.client ??= { driver, binding, handlers, gone: false };
  return true;
}

/** The same for a call manager. */
function becomeCallManager(to: LegacyBinding, handlers: CallManagerHandlers): boolean {
  const { binding } = to;
  const connections = bindingConnections(binding);
  if (connections === null) return false;
  const { driver } = binding.protocol;
  connections.manager ??= { driver, adapter: binding.adapter, binding, handlers, gone: false };
  return true;
}

function noteConnectionless(ndis: NdisLibrary, driver: Driver, call: string): NDIS_STATUS {
  ndis.kernel.note(call, `${driver.name}: registered no connection-oriented handlers`);
  return NDIS_STATUS_FAILURE;
}

/**
 * NdisClOpenAddressFamily: registers a client and opens an address family that a call manager offers on the adapter of a
 * binding, from ProtocolCoAfRegisterNotify. ProtocolCmOpenAf runs inside the call. NDIS_STATUS_PENDING where that
 * returned it, and else as the seed chooses; ProtocolClOpenAfComplete then gets the final status. A binding is one
 * client: the handlers of its first call are those of all families that it opens. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING, what the call manager failed with; NDIS_STATUS_BAD_VERSION and
 * NDIS_STATUS_BAD_CHARACTERISTICS (the trace says why); NDIS_STATUS_RESOURCES; NDIS_STATUS_FAILURE for a binding that is
 * not open, a driver without connection-oriented handlers, and a family that nobody offers.
 */
export const NdisClOpenAddressFamily = legacyFunction(
  'NDIS_STATUS NdisClOpenAddressFamily(NDIS_HANDLE NdisBindingHandle, PCO_ADDRESS_FAMILY AddressFamily, NDIS_HANDLE ProtocolAfContext, PNDIS_CLIENT_CHARACTERISTICS ClCharacteristics, UINT SizeOfClCharacteristics, PNDIS_HANDLE NdisAfHandle)',
  'PASSIVE_LEVEL',
  (ndis, driver) => {
    const call = 'NdisClOpenAddressFamily';
    const open = NdisClOpenAddressFamilyEx.implement(ndis, driver);
    return (
      NdisBindingHandle: Handle,
      AddressFamily: Pointer<CO_ADDRESS_FAMILY>,
      ProtocolAfContext: Context,
      ClCharacteristics: Pointer<NDIS_CLIENT_CHARACTERISTICS>,
      SizeOfClCharacteristics: number,
      NdisAfHandle: OutPointer,
    ): NDIS_STATUS => {
      const to = legacyBindingAt(ndis, driver, NdisBindingHandle, call);
      if (to === null || to.binding.openState !== 'open') return NDIS_STATUS_FAILURE;
      const read = readClientCharacteristics(ndis, driver, call, ClCharacteristics, SizeOfClCharacteristics);
      if (typeof read === 'number') return read;
      if (!becomeClient(to, read)) return noteConnectionless(ndis, driver, call);
      return open(NdisBindingHandle, AddressFamily, ProtocolAfContext, NdisAfHandle);
    };
  },
);

/**
 * NdisCmRegisterAddressFamily: registers a stand-alone call manager and offers an address family on a binding, from
 * ProtocolBindAdapter; connection-oriented protocols on the adapter are told. A binding is one call manager: the
 * handlers of its first call are those of all its families. IRQL PASSIVE_LEVEL. At most 64 families on an adapter.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_BAD_VERSION and NDIS_STATUS_BAD_CHARACTERISTICS (the trace says why);
 * NDIS_STATUS_RESOURCES for more families than that; NDIS_STATUS_FAILURE where the miniport or the caller is not
 * connection-oriented, the family is offered already, or the binding is not open.
 */
export const NdisCmRegisterAddressFamily = legacyFunction(
  'NDIS_STATUS NdisCmRegisterAddressFamily(NDIS_HANDLE NdisBindingHandle, PCO_ADDRESS_FAMILY AddressFamily, PNDIS_CALL_MANAGER_CHARACTERISTICS CmCharacteristics, UINT SizeOfCmCharacteristics)',
  'PASSIVE_LEVEL',
  (ndis, driver) => {
    const call = 'NdisCmRegisterAddressFamily';
    const offer = NdisCmRegisterAddressFamilyEx.implement(ndis, driver);
    return (
      NdisBindingHandle: Handle,
      AddressFamily: Pointer<CO_ADDRESS_FAMILY>,
      CmCharacteristics: Pointer<NDIS_CALL_MANAGER_CHARACTERISTICS>,
      SizeOfCmCharacteristics: number,
    ): NDIS_STATUS => {
      const to = legacyBindingAt(ndis, driver, NdisBindingHandle, call);
      if (to === null || to.binding.openState !== 'open') return NDIS_STATUS_FAILURE;
      const read = readCallManagerCharacteristics(
        ndis,
        driver,
        call,
        CmCharacteristics,
        SizeOfCmCharacteristics,
      );
      if (typeof read === 'number') return read;
      if (!becomeCallManager(to, read)) return noteConnectionless(ndis, driver, call);
      return offer(NdisBindingHandle, AddressFamily);
    };
  },
);

/**
 * NdisMCmRegisterAddressFamily: registers the call manager in a miniport driver and offers an address family, from
 * MiniportInitialize; the protocols that bind to the adapter are told of it. The handlers of a driver's first call are
 * those of all its families. IRQL PASSIVE_LEVEL. At most 64 families on an adapter.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_BAD_VERSION and NDIS_STATUS_BAD_CHARACTERISTICS (the trace says why);
 * NDIS_STATUS_RESOURCES for more families than that; NDIS_STATUS_FAILURE for a wrong handle (a finding), a miniport
 * driver that is not connection-oriented, and a family that is offered already.
 */
export const NdisMCmRegisterAddressFamily = legacyFunction(
  'NDIS_STATUS NdisMCmRegisterAddressFamily(NDIS_HANDLE MiniportAdapterHandle, PCO_ADDRESS_FAMILY AddressFamily, PNDIS_CALL_MANAGER_CHARACTERISTICS CmCharacteristics, UINT SizeOfCmCharacteristics)',
  'PASSIVE_LEVEL',
  (ndis, driver) => {
    const call = 'NdisMCmRegisterAddressFamily';
    const offer = NdisMCmRegisterAddressFamilyEx.implement(ndis, driver);
    return (
      MiniportAdapterHandle: Handle,
      AddressFamily: Pointer<CO_ADDRESS_FAMILY>,
      CmCharacteristics: Pointer<NDIS_CALL_MANAGER_CHARACTERISTICS>,
      SizeOfCmCharacteristics: number,
    ): NDIS_STATUS => {
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, legacyPage(call));
      if (legacy === null) return NDIS_STATUS_FAILURE;
      const read = readCallManagerCharacteristics(
        ndis,
        driver,
        call,
        CmCharacteristics,
        SizeOfCmCharacteristics,
      );
      if (typeof read === 'number') return read;
      const { connections } = legacy.adapter.miniport;
      if (connections === null) return noteConnectionless(ndis, driver, call);
      connections.callManager ??= read;
      miniportCallManager(ndis, legacy.adapter);
      return offer(MiniportAdapterHandle, AddressFamily);
    };
  },
);
