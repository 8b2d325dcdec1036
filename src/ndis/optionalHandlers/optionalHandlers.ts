/**
 * Optional handlers: what a driver registers beside its characteristics, told apart by the type in the header.
 * Implements nf-ndis-ndissetoptionalhandlers.
 */

import { type Driver, declareFunction, type Handle, type Pointer, poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { takeConnectionHandlers } from '../condis/register.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import { readDataHandlers } from '../filter/characteristics.ts';
import { FilterDriver } from '../filter/filterDriver.ts';
import { FilterModule } from '../filter/filterModule.ts';
import {
  NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_MINIPORT_SS_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import {
  type NDIS_DRIVER_OPTIONAL_HANDLERS,
  NDIS_FILTER_PARTIAL_CHARACTERISTICS,
  NDIS_MINIPORT_PNP_CHARACTERISTICS,
  NDIS_MINIPORT_SS_CHARACTERISTICS,
} from '../generated/structures/index.ts';
import type { NdisLibrary, NdisObject } from '../library.ts';
import { freeLibraryMemory } from '../libraryMemory.ts';
import { setSharedMemoryProvider } from '../memory/sharedMemoryProvider.ts';
import { MINIPORT_ADD_DEVICE, MINIPORT_REMOVE_DEVICE } from '../miniport/callbacks.ts';
import { MiniportDriver } from '../miniport/miniportDriver.ts';
import { checkHeader } from '../objectHeader.ts';
import { MINIPORT_PNP_IRP } from '../pnp/startDevice.ts';
import { MINIPORT_CANCEL_IDLE_NOTIFICATION, MINIPORT_IDLE_NOTIFICATION } from '../power/idleFunctions.ts';
import { Binding, ProtocolDriver } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { type Caller, kindOf, type OptionalKind } from './kinds.ts';

const PAGE = 'ndis/nf-ndis-ndissetoptionalhandlers';
const CALL = 'NdisSetOptionalHandlers';

/** Who calls, by the handle, and whether it may call now. */
interface Registrant {
  readonly caller: Caller;
  readonly inTime: boolean;
  readonly owner: ProtocolDriver | MiniportDriver | FilterDriver;
}

function registrantOf(object: NdisObject | null): Registrant | null {
  if (object instanceof ProtocolDriver) {
    return { caller: 'protocol', inTime: object.settingOptions, owner: object };
  }
  if (object instanceof MiniportDriver) {
    return { caller: 'miniport', inTime: object.settingOptions, owner: object };
  }
  if (object instanceof FilterDriver) {
    return { caller: 'filter', inTime: object.settingOptions, owner: object };
  }
  if (object instanceof FilterModule && object.usable) {
    const inTime = object.settingOptions || object.state === 'Restarting';
    return { caller: 'filterModule', inTime, owner: object.filter };
  }
  if (object instanceof Binding && object.openState === 'open') {
    return { caller: 'binding', inTime: object.bindContext.active, owner: object.protocol };
  }
  return null;
}

/** Keeps a copy of what was registered in place of an earlier one; false when memory is short. */
function keep(
  ndis: NdisLibrary,
  owner: Registrant['owner'],
  type: number,
  at: Address,
  size: number,
): boolean {
  const copy = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
  if (copy === 0) return false;
  ndis.memory.u8.copyWithin(copy, at, at + size);
  freeLibraryMemory(ndis, owner.optionalHandlers.get(type) ?? 0);
  owner.optionalHandlers.set(type, copy);
  return true;
}

/** The handlers of NDIS_MINIPORT_PNP_CHARACTERISTICS: those of adding and removing are required. */
function takePnpHandlers(
  ndis: NdisLibrary,
  driver: Driver,
  miniport: MiniportDriver,
  address: Address,
): NDIS_STATUS {
  const view = NDIS_MINIPORT_PNP_CHARACTERISTICS.at(ndis.memory, address);
  const addDevice = driver.callback(view.MiniportAddDeviceHandler, MINIPORT_ADD_DEVICE);
  const removeDevice = driver.callback(view.MiniportRemoveDeviceHandler, MINIPORT_REMOVE_DEVICE);
  if (addDevice === null || removeDevice === null) {
    const missing = addDevice === null ? 'MiniportAddDeviceHandler' : 'MiniportRemoveDeviceHandler';
    ndis.kernel.note(CALL, `${driver.name}: required but missing: ${missing}`);
    return NDIS_STATUS_FAILURE;
  }
  miniport.filterResourceRequirements = driver.callback(
    view.MiniportFilterResourceRequirementsHandler,
    MINIPORT_PNP_IRP,
  );
  miniport.startDevice = driver.callback(view.MiniportStartDeviceHandler, MINIPORT_PNP_IRP);
  miniport.addDevice = addDevice;
  miniport.removeDevice = removeDevice;
  return NDIS_STATUS_SUCCESS;
}

/** The handlers of NDIS_MINIPORT_SS_CHARACTERISTICS; both are required. */
function takeSuspendHandlers(
  ndis: NdisLibrary,
  driver: Driver,
  miniport: MiniportDriver,
  address: Address,
): NDIS_STATUS {
  const view = NDIS_MINIPORT_SS_CHARACTERISTICS.at(ndis.memory, address);
  const notify = driver.callback(view.IdleNotificationHandler, MINIPORT_IDLE_NOTIFICATION);
  const cancel = driver.callback(view.CancelIdleNotificationHandler, MINIPORT_CANCEL_IDLE_NOTIFICATION);
  if (notify === null || cancel === null) {
    const missing = notify === null ? 'IdleNotificationHandler' : 'CancelIdleNotificationHandler';
    ndis.kernel.note(CALL, `${driver.name}: required but missing: ${missing}`);
    return NDIS_STATUS_FAILURE;
  }
  miniport.idleNotification = notify;
  miniport.cancelIdleNotification = cancel;
  return NDIS_STATUS_SUCCESS;
}

function refuse(ndis: NdisLibrary, driver: Driver, kind: OptionalKind, registrant: Registrant): NDIS_STATUS {
  const where = {
    protocol: 'ProtocolSetOptions',
    miniport: 'MiniportSetOptions',
    binding: 'ProtocolBindAdapterEx',
    filter: 'FilterSetOptions',
    filterModule: 'FilterSetModuleOptions',
  };
  const text = registrant.inTime
    ? `${kind.structure} cannot be registered with the handle of a ${registrant.caller}`
    : `${kind.structure} was registered outside of ${where[registrant.caller]}`;
  ndis.kernel.report('OPTIONAL_HANDLERS_REFUSED', driver, `${CALL}: ${text}`, PAGE);
  return NDIS_STATUS_FAILURE;
}

/**
 * NdisSetOptionalHandlers: sets entry points beside those of the characteristics, as Header.Type says: PnP handlers,
 * selective suspend, CoNDIS, network direct, shared memory and chimney characteristics. Protocol drivers call it from
 * ProtocolSetOptions, and what is not CoNDIS also from ProtocolBindAdapterEx with the handle of an open binding;
 * miniport drivers from MiniportSetOptions; filter drivers set the data handlers of a module from
 * FilterSetModuleOptions or FilterRestart, with the handle of the module. The structure is copied; a later one of its kind replaces it. Which NDIS
 * calls: MiniportAddDevice and MiniportRemoveDevice, the provider of shared memory, and connection-oriented handlers; the
 * others are kept for those who provide the service.
 * IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES when memory is short, NDIS_STATUS_NOT_SUPPORTED for a structure
 * that is newer than the NDIS version of the driver, NDIS_STATUS_FAILURE for everything else (at the wrong time, a
 * finding). Source: ndis/nf-ndis-ndissetoptionalhandlers.
 */
export const NdisSetOptionalHandlers = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisSetOptionalHandlers(NDIS_HANDLE NdisHandle, PNDIS_DRIVER_OPTIONAL_HANDLERS OptionalHandlers)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisHandle: Handle, OptionalHandlers: Pointer<NDIS_DRIVER_OPTIONAL_HANDLERS>): NDIS_STATUS => {
      const object = ndis.memory.objects.valueAt(NdisHandle);
      const known =
        object instanceof ProtocolDriver ||
        object instanceof MiniportDriver ||
        object instanceof Binding ||
        object instanceof FilterDriver ||
        object instanceof FilterModule
          ? object
          : null;
      const registrant = registrantOf(known);
      if (known === null || registrant === null) {
        const text = `${CALL}: the handle 0x${NdisHandle.toString(16)} is no driver, no open binding and no filter module`;
        ndis.kernel.report('BAD_HANDLE', driver, text, PAGE);
        return NDIS_STATUS_FAILURE;
      }
      const kind = kindOf(ndis, driver, CALL, OptionalHandlers);
      if (kind === null || checkHeader(ndis, driver, CALL, OptionalHandlers, kind) === null) {
        return NDIS_STATUS_FAILURE;
      }
      if (!registrant.inTime || !kind.callers.includes(registrant.caller)) {
        return refuse(ndis, driver, kind, registrant);
      }
      const { owner } = registrant;
      if (known instanceof FilterModule && kind.type === NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS) {
        const view = NDIS_FILTER_PARTIAL_CHARACTERISTICS.at(ndis.memory, OptionalHandlers);
        known.data = readDataHandlers(driver, view);
        return NDIS_STATUS_SUCCESS;
      }
      if (owner.minorVersion < kind.revisions[0].minorVersion) return NDIS_STATUS_NOT_SUPPORTED;
      if (!keep(ndis, owner, kind.type, OptionalHandlers, kind.revisions[0].size))
        return NDIS_STATUS_RESOURCES;
      if (kind.type === NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS && owner instanceof MiniportDriver) {
        return takePnpHandlers(ndis, driver, owner, OptionalHandlers);
      }
      if (kind.type === NDIS_OBJECT_TYPE_MINIPORT_SS_CHARACTERISTICS && owner instanceof MiniportDriver) {
        return takeSuspendHandlers(ndis, driver, owner, OptionalHandlers);
      }
      if (kind.type === NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS) {
        return setSharedMemoryProvider(ndis, driver, known, OptionalHandlers);
      }
      if (owner instanceof FilterDriver) return NDIS_STATUS_SUCCESS;
      const taken = takeConnectionHandlers(ndis, driver, owner, kind.type, OptionalHandlers);
      return taken ?? NDIS_STATUS_SUCCESS;
    },
});

/** Frees the copies of what a driver registered. */
export function freeOptionalHandlers(ndis: NdisLibrary, owner: Registrant['owner']): void {
  for (const copy of owner.optionalHandlers.values()) freeLibraryMemory(ndis, copy);
  owner.optionalHandlers.clear();
}
