/**
 * Reading and writing parameters through a configuration handle.
 * Implements NdisReadConfiguration, NdisWriteConfiguration and NdisReadNetworkAddress (ndis).
 */

import {
  type Handle,
  NT_SUCCESS,
  type OutPointer,
  type Pointer,
  REG_SZ,
  registryOf,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_REGISTRY_QUOTA_LIMIT,
  type TextPointer,
  utf16Text,
} from '../../kernel/index.ts';
import { type Address, type KernelMemory, readUnicodeString } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisEnvironmentWindowsNt,
  NdisParameterBinary,
  NdisParameterInteger,
  NdisParameterString,
  NdisProcessorAmd64,
} from '../generated/constants/index.ts';
import { NDIS_CONFIGURATION_PARAMETER } from '../generated/structures/index.ts';
import { NDIS_LIBRARY_VERSION } from '../versions.ts';
import { Configuration } from './configuration.ts';
import {
  networkAddressOfText,
  type ParameterValue,
  parameterOfValue,
  untilZero,
  valueOfParameter,
} from './parameterValue.ts';

const READ_PAGE = 'ndis/nf-ndis-ndisreadconfiguration';
const WRITE_PAGE = 'ndis/nf-ndis-ndiswriteconfiguration';
const ADDRESS_PAGE = 'ndis/nf-ndis-ndisreadnetworkaddress';
/** Offset of NDIS_CONFIGURATION_PARAMETER.ParameterData, and of the Buffer of its texts and binary data. */
const DATA = 8;
const BUFFER = 16;

/** Entries that every key has without being in the registry. */
const predefined = new Map<string, number>([
  ['environment', NdisEnvironmentWindowsNt],
  ['processortype', NdisProcessorAmd64],
  ['ndisversion', NDIS_LIBRARY_VERSION],
]);

/** Puts a parameter into memory of the handle; 0 when memory is short. */
function placeParameter(memory: KernelMemory, configuration: Configuration, value: ParameterValue): Address {
  const bytes = 'bytes' in value ? value.bytes : new Uint8Array(0);
  // Two zeros behind a text: it is a terminated string as well.
  const address = configuration.allocate(NDIS_CONFIGURATION_PARAMETER.size + bytes.length + 2);
  if (address === 0) return 0;
  memory.u32[address >> 2] = value.type;
  if (value.type === NdisParameterInteger) memory.u32[(address + DATA) >> 2] = value.integer;
  else {
    const data = address + NDIS_CONFIGURATION_PARAMETER.size;
    memory.u8.set(bytes, data);
    memory.u16[(address + DATA) >> 1] = bytes.length;
    if (value.type === NdisParameterString) memory.u16[(address + DATA + 2) >> 1] = bytes.length + 2;
    else if (value.type !== NdisParameterBinary) memory.u16[(address + DATA + 2) >> 1] = bytes.length;
    memory.writePointer(address + BUFFER, data);
  }
  return address;
}

/**
 * Reads the entry `Keyword`. `ParameterValue` gets a structure that lives until the handle is closed. The type in
 * the registry decides its type; a text gives a number where an integer type is asked for.
 * `Status` gets NDIS_STATUS_FAILURE where there is no such entry or it cannot be converted, NDIS_STATUS_RESOURCES
 * when memory is short. PASSIVE_LEVEL. ndis/nf-ndis-ndisreadconfiguration
 */
export const NdisReadConfiguration = synchronous(
  'VOID NdisReadConfiguration(PNDIS_STATUS Status, PNDIS_CONFIGURATION_PARAMETER *ParameterValue, NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword, NDIS_PARAMETER_TYPE ParameterType)',
  'PASSIVE_LEVEL',
  '5.1',
  READ_PAGE,
  (ndis, driver) =>
    (
      Status: OutPointer,
      ParameterValue: OutPointer,
      ConfigurationHandle: Handle,
      Keyword: TextPointer,
      ParameterType: number,
    ): void => {
      const { memory, kernel } = ndis;
      memory.u32[Status >> 2] = NDIS_STATUS_FAILURE;
      memory.writePointer(ParameterValue, 0);
      const call = 'NdisReadConfiguration';
      const configuration = ndis.expect(ConfigurationHandle, Configuration, driver, call, READ_PAGE);
      if (configuration === null) return;
      const name = readUnicodeString(memory, Keyword);
      const fixed = predefined.get(name.toLowerCase());
      const stored = registryOf(kernel).value(configuration.key, name);
      const value: ParameterValue | null =
        fixed !== undefined
          ? { type: NdisParameterInteger, integer: fixed }
          : stored === undefined
            ? null
            : parameterOfValue(stored, ParameterType);
      if (value === null) {
        if (stored !== undefined)
          kernel.note(call, `${driver.name}: "${name}" is of no type that NDIS can give, or too long`);
        return;
      }
      const address = placeParameter(memory, configuration, value);
      memory.writePointer(ParameterValue, address);
      memory.u32[Status >> 2] = address === 0 ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS;
    },
);

/** The bytes that the text or binary data of a parameter points to. */
function bytesOfParameter(memory: KernelMemory, parameter: Address): Uint8Array | null {
  const length = memory.u16[(parameter + DATA) >> 1];
  const buffer = memory.readPointer(parameter + BUFFER);
  if (length === 0) return new Uint8Array(0);
  if (buffer <= 0 || buffer + length > memory.size) return null;
  return memory.u8.slice(buffer, buffer + length);
}

/**
 * Writes the entry `Keyword`, new or in place of the old. Integers become REG_DWORD, texts REG_SZ, lists of texts
 * REG_MULTI_SZ, binary data REG_BINARY. `Status` gets NDIS_STATUS_NOT_SUPPORTED for an unknown type,
 * NDIS_STATUS_RESOURCES where the registry is full, else NDIS_STATUS_FAILURE. PASSIVE_LEVEL.
 * ndis/nf-ndis-ndiswriteconfiguration
 */
export const NdisWriteConfiguration = synchronous(
  'VOID NdisWriteConfiguration(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword, PNDIS_CONFIGURATION_PARAMETER ParameterValue)',
  'PASSIVE_LEVEL',
  '5.1',
  WRITE_PAGE,
  (ndis, driver) => {
    const { memory, kernel } = ndis;
    const write = (handle: Handle, keyword: Address, parameter: Address): number => {
      const configuration = ndis.expect(handle, Configuration, driver, 'NdisWriteConfiguration', WRITE_PAGE);
      if (configuration === null) return NDIS_STATUS_FAILURE;
      const type = memory.u32[parameter >> 2];
      const bytes = type < NdisParameterString ? new Uint8Array(0) : bytesOfParameter(memory, parameter);
      if (bytes === null) return NDIS_STATUS_FAILURE;
      const value = valueOfParameter(type, memory.u32[(parameter + DATA) >> 2], bytes);
      if (value === null) return NDIS_STATUS_NOT_SUPPORTED;
      const name = readUnicodeString(memory, keyword);
      const status = registryOf(kernel).setValue(configuration.key, name, value.type, value.data);
      if (NT_SUCCESS(status)) return NDIS_STATUS_SUCCESS;
      return status === STATUS_INSUFFICIENT_RESOURCES || status === STATUS_REGISTRY_QUOTA_LIMIT
        ? NDIS_STATUS_RESOURCES
        : NDIS_STATUS_FAILURE;
    };
    return (
      Status: OutPointer,
      ConfigurationHandle: Handle,
      Keyword: TextPointer,
      ParameterValue: Pointer<NDIS_CONFIGURATION_PARAMETER>,
    ): void => {
      memory.u32[Status >> 2] = write(ConfigurationHandle, Keyword, ParameterValue);
    };
  },
);

/**
 * Reads the address that was configured in place of the permanent one: the text `NetworkAddress`, pairs of
 * hexadecimal digits with or without hyphens. The bytes live until the handle is closed; NDIS does not check that
 * they are an address. `Status` gets NDIS_STATUS_FAILURE where there is no such text. PASSIVE_LEVEL.
 * ndis/nf-ndis-ndisreadnetworkaddress
 */
export const NdisReadNetworkAddress = synchronous(
  'VOID NdisReadNetworkAddress(PNDIS_STATUS Status, PVOID *NetworkAddress, PUINT NetworkAddressLength, NDIS_HANDLE ConfigurationHandle)',
  'PASSIVE_LEVEL',
  '5.1',
  ADDRESS_PAGE,
  (ndis, driver) =>
    (
      Status: OutPointer,
      NetworkAddress: OutPointer,
      NetworkAddressLength: OutPointer,
      ConfigurationHandle: Handle,
    ): void => {
      const { memory, kernel } = ndis;
      memory.u32[Status >> 2] = NDIS_STATUS_FAILURE;
      const call = 'NdisReadNetworkAddress';
      const configuration = ndis.expect(ConfigurationHandle, Configuration, driver, call, ADDRESS_PAGE);
      if (configuration === null) return;
      const stored = registryOf(kernel).value(configuration.key, 'NetworkAddress');
      if (stored === undefined || stored.type !== REG_SZ) return;
      const bytes = networkAddressOfText(untilZero(utf16Text(stored.data)));
      const address = bytes === null ? 0 : configuration.allocate(bytes.length);
      if (bytes === null || address === 0) return;
      memory.u8.set(bytes, address);
      memory.writePointer(NetworkAddress, address);
      memory.u32[NetworkAddressLength >> 2] = bytes.length;
      memory.u32[Status >> 2] = NDIS_STATUS_SUCCESS;
    },
);
