/**
 * Interface providers and the interfaces that they register.
 * Implements nf-ndis-ndisifregisterprovider, nf-ndis-ndisifderegisterprovider, nf-ndis-ndisifregisterinterface and
 * nf-ndis-ndisifderegisterinterface.
 */

import {
  type Context,
  type Driver,
  type Handle,
  type OutPointer,
  type Pointer,
  STATUS_DUPLICATE_OBJECTID,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_OBJECT_REVISION_1,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_IF_PROVIDER_CHARACTERISTICS_REVISION_1,
  NDIS_SIZEOF_NET_IF_INFORMATION_REVISION_1,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_IF_PROVIDER_CHARACTERISTICS, NET_IF_INFORMATION } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import {
  IF_QUERY_OBJECT,
  IF_SET_OBJECT,
  InterfaceProvider,
  interfacesOf,
  type NetworkInterface,
} from './networkInterface.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndisifregisterprovider';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndisifderegisterprovider';
const REGISTER_INTERFACE_PAGE = 'ndis/nf-ndis-ndisifregisterinterface';
const DEREGISTER_INTERFACE_PAGE = 'ndis/nf-ndis-ndisifderegisterinterface';

function headerRule(structure: string, size: number, page: string): HeaderRule {
  return {
    structure,
    type: NDIS_OBJECT_TYPE_DEFAULT,
    revisions: [{ revision: NDIS_OBJECT_REVISION_1, size, minorVersion: 0 }],
    page,
  };
}

const providerRule = headerRule(
  'NDIS_IF_PROVIDER_CHARACTERISTICS',
  NDIS_SIZEOF_IF_PROVIDER_CHARACTERISTICS_REVISION_1,
  REGISTER_PAGE,
);
const informationRule = headerRule(
  'NET_IF_INFORMATION',
  NDIS_SIZEOF_NET_IF_INFORMATION_REVISION_1,
  REGISTER_INTERFACE_PAGE,
);

const providerKey = (provider: InterfaceProvider): string => `interface provider ${provider.handle}`;
const interfaceKey = (ifIndex: number): string => `interface ${ifIndex}`;

function forgetInterface(ndis: NdisLibrary, known: NetworkInterface): void {
  if (known.owner.kind !== 'provider') return;
  const { provider } = known.owner;
  provider.interfaces.delete(known);
  provider.driver.disown(interfaceKey(known.ifIndex));
  interfacesOf(ndis).remove(known.ifIndex);
}

function forgetProvider(ndis: NdisLibrary, provider: InterfaceProvider): void {
  if (provider.handle === 0) return;
  for (const known of provider.interfaces) forgetInterface(ndis, known);
  provider.driver.disown(providerKey(provider));
  ndis.unregister(provider);
}

/**
 * NdisIfRegisterProvider: registers a driver of any kind as a provider of network interfaces. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_NOT_SUPPORTED for a revision that does not exist;
 * NDIS_STATUS_INVALID_PARAMETER for a wrong header or no handler for queries.
 * Source: ndis/nf-ndis-ndisifregisterprovider.
 */
export const NdisIfRegisterProvider = synchronous(
  'NDIS_STATUS NdisIfRegisterProvider(PNDIS_IF_PROVIDER_CHARACTERISTICS ProviderCharacteristics, NDIS_HANDLE IfProviderContext, PNDIS_HANDLE pNdisIfProviderHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  REGISTER_PAGE,
  (ndis, driver) =>
    (
      ProviderCharacteristics: Pointer<NDIS_IF_PROVIDER_CHARACTERISTICS>,
      IfProviderContext: Context,
      pNdisIfProviderHandle: OutPointer,
    ): number => {
      const given: Address = ProviderCharacteristics;
      if (checkHeader(ndis, driver, 'NdisIfRegisterProvider', given, providerRule) === null) {
        return ndis.memory.u8[given + 1] < NDIS_OBJECT_REVISION_1
          ? NDIS_STATUS_NOT_SUPPORTED
          : NDIS_STATUS_INVALID_PARAMETER;
      }
      const view = NDIS_IF_PROVIDER_CHARACTERISTICS.at(ndis.memory, given);
      const query = driver.callback(view.QueryObjectHandler, IF_QUERY_OBJECT);
      if (query === null) return NDIS_STATUS_INVALID_PARAMETER;
      const set = driver.callback(view.SetObjectHandler, IF_SET_OBJECT);
      const provider = new InterfaceProvider(driver, ndis.contextValue(IfProviderContext), query, set);
      ndis.memory.writePointer(pNdisIfProviderHandle, ndis.register(provider));
      driver.own(providerKey(provider), {
        kind: 'interface provider',
        name: driver.name,
        releasedBy: 'NdisIfDeregisterProvider',
        release: () => forgetProvider(ndis, provider),
      });
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * NdisIfDeregisterProvider: undoes NdisIfRegisterProvider. Its interfaces have to be deregistered before: those that are
 * not are the finding INTERFACES_REGISTERED and go with it. IRQL PASSIVE_LEVEL.
 * Source: ndis/nf-ndis-ndisifderegisterprovider.
 */
export const NdisIfDeregisterProvider = synchronous(
  'VOID NdisIfDeregisterProvider(NDIS_HANDLE NdisProviderHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  DEREGISTER_PAGE,
  (ndis, driver) =>
    (NdisProviderHandle: Handle): void => {
      const call = 'NdisIfDeregisterProvider';
      const provider = ndis.expect(NdisProviderHandle, InterfaceProvider, driver, call, DEREGISTER_PAGE);
      if (provider === null) return;
      if (provider.interfaces.size > 0) {
        const indexes = [...provider.interfaces].map(({ ifIndex }) => ifIndex).join(', ');
        ndis.kernel.report(
          'INTERFACES_REGISTERED',
          driver,
          `NdisIfDeregisterProvider: the interfaces with index ${indexes} are still registered; call NdisIfDeregisterInterface for each`,
          DEREGISTER_PAGE,
        );
      }
      forgetProvider(ndis, provider);
    },
);

/** A copy of what the provider says of an interface, with the arrays behind it; null where they lie elsewhere. */
function readInformation(ndis: NdisLibrary, driver: Driver, given: Address): Uint8Array | null {
  if (checkHeader(ndis, driver, 'NdisIfRegisterInterface', given, informationRule) === null) return null;
  const view = NET_IF_INFORMATION.at(ndis.memory, given);
  const arrays = [
    [view.PhysAddressOffset, view.PhysAddressLength],
    [view.PermanentPhysAddressOffset, view.PhysAddressLength],
    [view.FriendlyNameOffset, view.FriendlyNameLength],
  ];
  let size = NET_IF_INFORMATION.size;
  for (const [offset, length] of arrays) {
    if (length > 0 && offset < NET_IF_INFORMATION.size) return null;
    if (length > 0) size = Math.max(size, offset + length);
  }
  return given + size > ndis.memory.size ? null : ndis.memory.u8.slice(given, given + size);
}

/**
 * NdisIfRegisterInterface: adds an interface to those of the computer and gives it an index. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_DUPLICATE_OBJECTID for a NET_LUID that is registered;
 * NDIS_STATUS_INVALID_PARAMETER for a wrong provider handle, a wrong NET_IF_INFORMATION or a NET_LUID without index;
 * NDIS_STATUS_RESOURCES when INTERFACE_LIMIT interfaces are registered.
 * Source: ndis/nf-ndis-ndisifregisterinterface.
 */
export const NdisIfRegisterInterface = synchronous(
  'NDIS_STATUS NdisIfRegisterInterface(NDIS_HANDLE NdisProviderHandle, NET_LUID NetLuid, NDIS_HANDLE ProviderIfContext, PNET_IF_INFORMATION pIfInfo, PNET_IFINDEX pfIndex)',
  'PASSIVE_LEVEL',
  '6.0',
  REGISTER_INTERFACE_PAGE,
  (ndis, driver) =>
    (
      NdisProviderHandle: Handle,
      NetLuid: bigint,
      ProviderIfContext: Context,
      pIfInfo: Pointer<NET_IF_INFORMATION>,
      pfIndex: OutPointer,
    ): number => {
      const call = 'NdisIfRegisterInterface';
      const provider = ndis.expect(
        NdisProviderHandle,
        InterfaceProvider,
        driver,
        call,
        REGISTER_INTERFACE_PAGE,
      );
      if (provider === null || NetLuid === 0n) return NDIS_STATUS_INVALID_PARAMETER;
      const information = readInformation(ndis, driver, pIfInfo);
      if (information === null) return NDIS_STATUS_INVALID_PARAMETER;
      const interfaces = interfacesOf(ndis);
      if (interfaces.withNetLuid(NetLuid) !== null) return STATUS_DUPLICATE_OBJECTID;
      if (interfaces.full) return NDIS_STATUS_RESOURCES;
      const context = ndis.contextValue(ProviderIfContext);
      const added: NetworkInterface = {
        ifIndex: interfaces.takeIndex(),
        netLuid: NetLuid,
        owner: { kind: 'provider', provider, context, information },
      };
      interfaces.add(added);
      provider.interfaces.add(added);
      driver.own(interfaceKey(added.ifIndex), {
        kind: 'network interface',
        name: `interface ${added.ifIndex}`,
        releasedBy: 'NdisIfDeregisterInterface',
        release: () => forgetInterface(ndis, added),
      });
      ndis.memory.u32[pfIndex >> 2] = added.ifIndex;
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * NdisIfDeregisterInterface: removes an interface and its entries of the interface stack table. An index that this
 * driver has not registered is the finding BAD_INTERFACE. IRQL PASSIVE_LEVEL.
 * Source: ndis/nf-ndis-ndisifderegisterinterface.
 */
export const NdisIfDeregisterInterface = synchronous(
  'VOID NdisIfDeregisterInterface(NET_IFINDEX ifIndex)',
  'PASSIVE_LEVEL',
  '6.0',
  DEREGISTER_INTERFACE_PAGE,
  (ndis, driver) =>
    (ifIndex: number): void => {
      const known = interfacesOf(ndis).at(ifIndex);
      if (known?.owner.kind === 'provider' && known.owner.provider.driver === driver)
        return forgetInterface(ndis, known);
      ndis.kernel.report(
        'BAD_INTERFACE',
        driver,
        `NdisIfDeregisterInterface: ${ifIndex} is no interface that this driver registered`,
        DEREGISTER_INTERFACE_PAGE,
      );
    },
);
