/**
 * The device objects of an adapter: the physical device that its bus reports, and the functional device that NDIS puts
 * on it. Implements nf-ndis-ndismgetdeviceproperty.
 */

import {
  DEVICE_OBJECT,
  devicePropertiesOf,
  type Handle,
  type OutPointer,
  objectsOf,
  poolOf,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import { resourceListOf } from '../hardware/adapterHardware.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { MiniportAdapter } from './miniportAdapter.ts';

/** `NdDv` */
const TAG = 0x7644_644e;
const IO_TYPE_DEVICE = 3;
const FILE_DEVICE_PHYSICAL_NETCARD = 0x17;
const NETWORK_CLASS = '{4D36E972-E325-11CE-BFC1-08002BE10318}';
const PAGE = 'ndis/nf-ndis-ndismgetdeviceproperty';
/** DEVICE_REGISTRY_PROPERTY. */
const property = {
  description: 0,
  className: 5,
  classGuid: 6,
  driverKeyName: 7,
  manufacturer: 8,
  friendlyName: 9,
  physicalDeviceObjectName: 11,
  enumeratorName: 15,
  address: 16,
  uiNumber: 17,
  installState: 18,
} as const;

interface AdapterDevices {
  readonly physical: Address;
  readonly functional: Address;
}

const devicesOf = perNdis('devices of adapters', () => new Map<MiniportAdapter, AdapterDevices>());

function createDevice(ndis: NdisLibrary, adapter: MiniportAdapter, name: string, stackSize: number): Address {
  const { kernel, memory } = ndis;
  const address = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, DEVICE_OBJECT.size, TAG, 0);
  if (address === 0) return 0;
  const device = DEVICE_OBJECT.at(memory, address);
  device.Type = IO_TYPE_DEVICE;
  device.Size = DEVICE_OBJECT.size;
  device.ReferenceCount = 1;
  device.DeviceType = FILE_DEVICE_PHYSICAL_NETCARD;
  device.StackSize = stackSize;
  // Requests to them go to the miniport driver's dispatch routines, which are those of NDIS unless it replaced them.
  device.DriverObject = adapter.miniport.driver.driverObject;
  objectsOf(kernel).create('Device', `${name} of ${adapter.label}`, adapter.miniport.driver.id, address);
  return address;
}

/** The devices of an adapter, made when a driver first asks for them; null when memory is short. */
function adapterDevices(ndis: NdisLibrary, adapter: MiniportAdapter): AdapterDevices | null {
  const known = devicesOf(ndis).get(adapter);
  if (known !== undefined) return known;
  const physical = createDevice(ndis, adapter, 'physical device', 1);
  const functional = createDevice(ndis, adapter, 'functional device', 2);
  const devices = { physical, functional };
  if (physical === 0 || functional === 0) {
    release(ndis, devices);
    return null;
  }
  ndis.memory.writePointer(physical + DEVICE_OBJECT.offset.AttachedDevice, functional);
  devicePropertiesOf(ndis.kernel).set(physical, propertiesOf(adapter));
  devicesOf(ndis).set(adapter, devices);
  return devices;
}

/** The DEVICE_OBJECT that the bus reports for an adapter; 0 when memory is short. */
export function physicalDeviceOf(ndis: NdisLibrary, adapter: MiniportAdapter): Address {
  return adapterDevices(ndis, adapter)?.physical ?? 0;
}

function propertiesOf(adapter: MiniportAdapter): Map<number, string | number> {
  return new Map<number, string | number>([
    [property.description, adapter.instanceName],
    [property.className, 'Net'],
    [property.classGuid, NETWORK_CLASS],
    [property.driverKeyName, `${NETWORK_CLASS}\\${String(adapter.ifIndex).padStart(4, '0')}`],
    [property.manufacturer, 'ndisbox'],
    [property.friendlyName, adapter.instanceName],
    [property.physicalDeviceObjectName, `\\Device\\NTPNP_ADAPTER${adapter.ifIndex}`],
    [property.enumeratorName, 'ROOT'],
    [property.address, 0xffff_ffff],
    [property.uiNumber, 0xffff_ffff],
    // InstallStateInstalled
    [property.installState, 0],
  ]);
}

function release(ndis: NdisLibrary, { physical, functional }: AdapterDevices): void {
  const { kernel } = ndis;
  devicePropertiesOf(kernel).delete(physical);
  for (const device of [physical, functional]) {
    if (device === 0) continue;
    const object = objectsOf(kernel).at(device);
    // What a driver still refers to stays; it is a small block of a machine that is taken down.
    if (object !== undefined && object.pointerCount > 1) continue;
    if (object !== undefined) objectsOf(kernel).release(object);
    poolOf(kernel).free(device, TAG);
  }
}

/** The functional device that NDIS put on the physical one of an adapter; 0 when memory is short. */
export function functionalDeviceOf(ndis: NdisLibrary, adapter: MiniportAdapter): Address {
  return adapterDevices(ndis, adapter)?.functional ?? 0;
}

/** The adapter is gone: so are its devices. */
export function releaseAdapterDevices(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const devices = devicesOf(ndis).get(adapter);
  if (devices === undefined) return;
  devicesOf(ndis).delete(adapter);
  release(ndis, devices);
}

/**
 * Writes the device objects of an adapter and its resources, which are NULL for one without hardware. Each pointer may
 * be NULL. IRQL PASSIVE_LEVEL. Without memory, and for a wrong handle (a finding), all are NULL.
 * ndis/nf-ndis-ndismgetdeviceproperty
 */
export const NdisMGetDeviceProperty = synchronous(
  'VOID NdisMGetDeviceProperty(NDIS_HANDLE MiniportAdapterHandle, PDEVICE_OBJECT* PhysicalDeviceObject, PDEVICE_OBJECT* FunctionalDeviceObject, PDEVICE_OBJECT* NextDeviceObject, PCM_RESOURCE_LIST* AllocatedResources, PCM_RESOURCE_LIST* AllocatedResourcesTranslated)',
  'PASSIVE_LEVEL',
  '5.1',
  PAGE,
  (ndis, driver) =>
    (
      MiniportAdapterHandle: Handle,
      PhysicalDeviceObject: OutPointer,
      FunctionalDeviceObject: OutPointer,
      NextDeviceObject: OutPointer,
      AllocatedResources: OutPointer,
      AllocatedResourcesTranslated: OutPointer,
    ): void => {
      const call = 'NdisMGetDeviceProperty';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, PAGE);
      const devices = adapter === null ? null : adapterDevices(ndis, adapter);
      const write = (to: Address, value: Address): void => {
        if (to !== 0) ndis.memory.writePointer(to, value);
      };
      write(PhysicalDeviceObject, devices?.physical ?? 0);
      write(FunctionalDeviceObject, devices?.functional ?? 0);
      write(NextDeviceObject, devices?.physical ?? 0);
      const resources = adapter === null ? 0 : resourceListOf(ndis, adapter);
      write(AllocatedResources, resources);
      write(AllocatedResourcesTranslated, resources);
    },
);
