/**
 * Properties of physical devices, and the rights of files: IoGetDeviceProperty (wdm.h), IoGetFileObjectGenericMapping
 * (ntddk.h). A device has the properties that the bus which reports it gives.
 */

import { type Address, poolType } from '../../memory/index.ts';
import type { OutPointer, Pointer } from '../edge.ts';
import {
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER_2,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { type DEVICE_OBJECT, GENERIC_MAPPING } from '../generated/structures/index.ts';
import { perKernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import type { NTSTATUS } from '../status.ts';
import { synchronous } from '../sync/declare.ts';

/** `Genm` */
const TAG = 0x6d6e_6547;
/** DEVICE_REGISTRY_PROPERTY: the first value that is none. */
const PROPERTY_LIMIT = 0x17;
/** FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS. */
const FILE_RIGHTS = [0x0012_0089, 0x0012_0116, 0x0012_00a0, 0x001f_01ff];

/** Properties of a physical device by DEVICE_REGISTRY_PROPERTY: a text ends with a zero, a list with two. */
export type DeviceProperties = ReadonlyMap<number, string | number | Uint8Array>;

/** The properties of physical devices, by device object; buses of the machine fill it. */
export const devicePropertiesOf = perKernel('device properties', () => new Map<Address, DeviceProperties>());

function bytesOf(value: string | number | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'number') return new Uint8Array(new Uint32Array([value]).buffer);
  const text = `${value}\0`;
  const view = new DataView(new ArrayBuffer(text.length * 2));
  for (let index = 0; index < text.length; index++) view.setUint16(index * 2, text.charCodeAt(index), true);
  return new Uint8Array(view.buffer);
}

/**
 * Writes a property of a physical device. PASSIVE_LEVEL. STATUS_BUFFER_TOO_SMALL with the length that is needed,
 * STATUS_INVALID_PARAMETER_2 for what is no property, STATUS_OBJECT_NAME_NOT_FOUND for one that the device does not
 * have, STATUS_INVALID_DEVICE_REQUEST for what is no physical device. @source wdm/nf-wdm-iogetdeviceproperty
 */
export const IoGetDeviceProperty = synchronous(
  'NTSTATUS IoGetDeviceProperty(PDEVICE_OBJECT DeviceObject, DEVICE_REGISTRY_PROPERTY DeviceProperty, ULONG BufferLength, PVOID PropertyBuffer, PULONG ResultLength)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-iogetdeviceproperty',
  (kernel) =>
    (
      DeviceObject: Pointer<DEVICE_OBJECT>,
      DeviceProperty: number,
      BufferLength: number,
      PropertyBuffer: OutPointer,
      ResultLength: OutPointer,
    ): NTSTATUS => {
      const { memory } = kernel;
      memory.u32[ResultLength >> 2] = 0;
      if (DeviceProperty >= PROPERTY_LIMIT) return STATUS_INVALID_PARAMETER_2;
      const properties = devicePropertiesOf(kernel).get(DeviceObject);
      if (properties === undefined) return STATUS_INVALID_DEVICE_REQUEST;
      const value = properties.get(DeviceProperty);
      if (value === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
      const bytes = bytesOf(value);
      memory.u32[ResultLength >> 2] = bytes.length;
      if (PropertyBuffer === 0 || BufferLength < bytes.length) return STATUS_BUFFER_TOO_SMALL;
      if (PropertyBuffer + bytes.length <= memory.size) memory.u8.set(bytes, PropertyBuffer);
      return STATUS_SUCCESS;
    },
);

const mappingOf = perKernel('generic mapping of files', (kernel): Address => {
  const address = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, GENERIC_MAPPING.size, TAG, 0);
  for (const [index, rights] of FILE_RIGHTS.entries()) {
    if (address !== 0) kernel.memory.u32[(address >> 2) + index] = rights;
  }
  return address;
});

/** What the generic rights mean for files: a GENERIC_MAPPING. Any IRQL. @source ntddk/nf-ntddk-iogetfileobjectgenericmapping */
export const IoGetFileObjectGenericMapping = synchronous(
  'PGENERIC_MAPPING IoGetFileObjectGenericMapping(VOID)',
  'any',
  '2000',
  'ntddk/nf-ntddk-iogetfileobjectgenericmapping',
  (kernel) => (): Address => mappingOf(kernel),
);
