/**
 * Devices of NDIS drivers: a device object with dispatch routines of its own, and a name that programs see.
 * Implements NdisRegisterDeviceEx, NdisDeregisterDeviceEx, NdisGetDeviceReservedExtension (ndis) and
 * ns-ndis-_ndis_device_object_attributes.
 */

import {
  DEVICE_OBJECT,
  DO_DEVICE_INITIALIZING,
  type DRIVER_OBJECT,
  type Driver,
  deleteDevice,
  FILE_DEVICE_NETWORK,
  type Handle,
  IoCreateDevice,
  IRP_MJ_PNP,
  IRP_MJ_POWER,
  ioManagerOf,
  MAJOR_FUNCTIONS,
  NT_SUCCESS,
  type OutPointer,
  type Pointer,
  STATUS_OBJECT_NAME_COLLISION,
  type TextPointer,
} from '../../kernel/index.ts';
import { type Address, readUnicodeString } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES,
  NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_DEVICE_OBJECT_ATTRIBUTES } from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject, perNdis } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { Binding, ProtocolDriver } from '../protocol/protocolDriver.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndisregisterdeviceex';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndisderegisterdeviceex';
const EXTENSION_PAGE = 'ndis/nf-ndis-ndisgetdevicereservedextension';

const headerRule: HeaderRule = {
  structure: 'NDIS_DEVICE_OBJECT_ATTRIBUTES',
  type: NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES,
  revisions: [{ revision: 1, size: NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1, minorVersion: 0 }],
  page: 'ndis/ns-ndis-_ndis_device_object_attributes',
};

/** What stands behind the handle of a device. */
export class NdisDevice extends NdisObject {
  readonly driver: Driver;
  readonly device: Address;
  /** Empty for none. */
  readonly symbolicName: string;
  /** Bytes that the driver asked for. */
  readonly extensionSize: number;
  constructor(driver: Driver, device: Address, symbolicName: string, extensionSize: number) {
    super();
    this.driver = driver;
    this.device = device;
    this.symbolicName = symbolicName;
    this.extensionSize = extensionSize;
  }
}

/** The devices of NDIS drivers by the address of their device object. */
const devicesOf = perNdis('devices', () => new Map<Address, NdisDevice>());

/** Bytes of the extension before what the driver asked for: NDIS' own, which the driver must not touch. */
const LIBRARY_EXTENSION = 16;

/** The dispatch routines of the attributes; PnP and power routines are a finding and left out. */
function dispatchTable(ndis: NdisLibrary, driver: Driver, array: Address): Address[] {
  const table: Address[] = [];
  for (let major = 0; major < MAJOR_FUNCTIONS; major++) {
    const routine = array === 0 ? 0 : ndis.memory.readPointer(array + major * 8);
    const forbidden = routine !== 0 && (major === IRP_MJ_PNP || major === IRP_MJ_POWER);
    if (forbidden) {
      ndis.kernel.report(
        'PNP_ROUTINE_FOR_NDIS_DEVICE',
        driver,
        `NdisRegisterDeviceEx: MajorFunctions[${major}] is set, but such a device gets no PnP or power requests; leave it NULL`,
        headerRule.page,
      );
    }
    table.push(forbidden ? 0 : routine);
  }
  return table;
}

function remove(ndis: NdisLibrary, device: NdisDevice): void {
  const { kernel } = ndis;
  if (device.symbolicName !== '') ioManagerOf(kernel).removeName(device.symbolicName);
  devicesOf(ndis).delete(device.device);
  ndis.unregister(device);
  deleteDevice(kernel, device.driver, device.device);
}

function register(
  ndis: NdisLibrary,
  driver: Driver,
  attributes: Address,
  output: OutPointer,
  handle: Address,
): number {
  const { kernel, memory } = ndis;
  const { offset } = NDIS_DEVICE_OBJECT_ATTRIBUTES;
  const size = memory.u32[(attributes + offset.ExtensionSize) >> 2];
  const table = dispatchTable(ndis, driver, memory.readPointer(attributes + offset.MajorFunctions));
  const name = memory.readPointer(attributes + offset.DeviceName);
  const status = IoCreateDevice.implement(kernel, driver)(
    // An address that the kernel made for a DRIVER_OBJECT.
    driver.driverObject as Pointer<DRIVER_OBJECT>,
    LIBRARY_EXTENSION + size,
    // An address of a UNICODE_STRING, as the member's type says.
    name as TextPointer,
    FILE_DEVICE_NETWORK,
    0,
    false,
    output,
  );
  if (!NT_SUCCESS(status)) return status;
  const address = memory.readPointer(output);
  driver.disown(`device ${address}`);
  const manager = ioManagerOf(kernel);
  const symbolicName = readUnicodeString(memory, memory.readPointer(attributes + offset.SymbolicName));
  const target = readUnicodeString(memory, name);
  if (symbolicName !== '' && !manager.addName(symbolicName, { kind: 'link', target })) {
    deleteDevice(kernel, driver, address);
    memory.writePointer(output, 0);
    return STATUS_OBJECT_NAME_COLLISION;
  }
  manager.deviceDispatch.set(address, table);
  memory.u32[(address + DEVICE_OBJECT.offset.Flags) >> 2] &= ~DO_DEVICE_INITIALIZING;
  const device = new NdisDevice(driver, address, symbolicName, size);
  devicesOf(ndis).set(address, device);
  memory.writePointer(handle, ndis.register(device));
  driver.own(`NDIS device ${address}`, {
    kind: 'NDIS device',
    name: target === '' ? `0x${address.toString(16)}` : target,
    releasedBy: 'NdisDeregisterDeviceEx',
    release: () => remove(ndis, device),
  });
  return NDIS_STATUS_SUCCESS;
}

/**
 * Creates a device object with dispatch routines of its own and a symbolic link. DefaultSDDLString is not enforced:
 * a machine has no users.
 * @returns NDIS_STATUS_NOT_SUPPORTED for a handle that is none of a miniport or filter driver,
 * NDIS_STATUS_INVALID_PARAMETER for a wrong structure, else the status of IoCreateDevice or of the link.
 * `pDeviceObject` is NULL then. PASSIVE_LEVEL. ndis/nf-ndis-ndisregisterdeviceex
 */
export const NdisRegisterDeviceEx = synchronous(
  'NDIS_STATUS NdisRegisterDeviceEx(NDIS_HANDLE NdisHandle, PNDIS_DEVICE_OBJECT_ATTRIBUTES DeviceObjectAttributes, PDEVICE_OBJECT *pDeviceObject, PNDIS_HANDLE NdisDeviceHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  REGISTER_PAGE,
  (ndis, driver) =>
    (
      NdisHandle: Handle,
      DeviceObjectAttributes: Pointer<NDIS_DEVICE_OBJECT_ATTRIBUTES>,
      pDeviceObject: OutPointer,
      NdisDeviceHandle: OutPointer,
    ): number => {
      const call = 'NdisRegisterDeviceEx';
      ndis.memory.writePointer(pDeviceObject, 0);
      const owner = ndis.expect(NdisHandle, NdisObject, driver, call, REGISTER_PAGE);
      if (owner === null || owner instanceof ProtocolDriver || owner instanceof Binding)
        return NDIS_STATUS_NOT_SUPPORTED;
      if (checkHeader(ndis, driver, call, DeviceObjectAttributes, headerRule) === null)
        return NDIS_STATUS_INVALID_PARAMETER;
      return register(ndis, driver, DeviceObjectAttributes, pDeviceObject, NdisDeviceHandle);
    },
);

/** Removes the device, its extension and its symbolic link; it stays until its last file is closed. PASSIVE_LEVEL. ndis/nf-ndis-ndisderegisterdeviceex */
export const NdisDeregisterDeviceEx = synchronous(
  'VOID NdisDeregisterDeviceEx(NDIS_HANDLE NdisDeviceHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  DEREGISTER_PAGE,
  (ndis, driver) =>
    (NdisDeviceHandle: Handle): void => {
      const device = ndis.expect(
        NdisDeviceHandle,
        NdisDevice,
        driver,
        'NdisDeregisterDeviceEx',
        DEREGISTER_PAGE,
      );
      if (device === null) return;
      driver.disown(`NDIS device ${device.device}`);
      remove(ndis, device);
    },
);

/** The extension of a device that NdisRegisterDeviceEx made; NULL where it has none or is another device. Any IRQL. ndis/nf-ndis-ndisgetdevicereservedextension */
export const NdisGetDeviceReservedExtension = synchronous(
  'PVOID NdisGetDeviceReservedExtension(PDEVICE_OBJECT DeviceObject)',
  'any',
  '6.0',
  EXTENSION_PAGE,
  (ndis) => {
    const devices = devicesOf(ndis);
    return (DeviceObject: Pointer<DEVICE_OBJECT>): Address => {
      const device = devices.get(DeviceObject);
      if (device === undefined || device.extensionSize === 0) return 0;
      return ndis.memory.readPointer(DeviceObject + DEVICE_OBJECT.offset.DeviceExtension) + LIBRARY_EXTENSION;
    };
  },
);
