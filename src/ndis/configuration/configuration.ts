/**
 * Configuration handles: an open registry key, and the memory that reads through it gave to the driver.
 * Implements NdisOpenConfigurationEx, NdisOpenConfigurationKeyByName, NdisOpenConfigurationKeyByIndex and
 * NdisCloseConfiguration (ndis).
 */

import {
  type Driver,
  type Handle,
  type OutPointer,
  type Pointer,
  poolOf,
  type RegistryKey,
  registryOf,
  sortedSubkeys,
  type TextPointer,
} from '../../kernel/index.ts';
import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  OBJECT_RANGE_START,
  poolType,
  readUnicodeString,
  writeUtf16,
} from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_OBJECT_TYPE_BIND_PARAMETERS,
  NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
  NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_BIND_PARAMETERS, NDIS_CONFIGURATION_OBJECT } from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';

const OPEN_PAGE = 'ndis/nf-ndis-ndisopenconfigurationex';
const BY_NAME_PAGE = 'ndis/nf-ndis-ndisopenconfigurationkeybyname';
const BY_INDEX_PAGE = 'ndis/nf-ndis-ndisopenconfigurationkeybyindex';
const CLOSE_PAGE = 'ndis/nf-ndis-ndiscloseconfiguration';
/** `NdCf` */
const CONFIGURATION_TAG = 0x6643_644e;

/** An object of the library whose parameters lie in the registry. */
export interface ConfigurationOwner {
  /** `\Registry\Machine\...` */
  readonly configurationKeyPath: string;
}

/** What stands behind a configuration handle. */
export class Configuration extends NdisObject {
  readonly key: RegistryKey;
  readonly #ndis: NdisLibrary;
  readonly #driver: Driver;
  /** Pool blocks that live until the handle is closed. */
  readonly #blocks: Address[] = [];

  constructor(ndis: NdisLibrary, driver: Driver, key: RegistryKey) {
    super();
    this.#ndis = ndis;
    this.#driver = driver;
    this.key = key;
  }

  /** Zeroed memory that lives until the handle is closed; 0 when memory is short. */
  allocate(size: number): Address {
    const address = poolOf(this.#ndis.kernel).allocateZeroed(poolType.nonPagedNx, size, CONFIGURATION_TAG, 0);
    if (address !== 0) this.#blocks.push(address);
    return address;
  }

  /** Gives the handle; the driver owns it until it is closed. */
  open(): Handle {
    const handle = this.#ndis.register(this);
    this.#driver.own(`configuration handle ${handle}`, {
      kind: 'configuration handle',
      name: this.key.name,
      releasedBy: 'NdisCloseConfiguration',
      release: () => this.#release(),
    });
    return handle;
  }

  /** Takes the handle back and frees what was read through it. */
  close(): void {
    this.#driver.disown(`configuration handle ${this.handle}`);
    this.#release();
  }

  #release(): void {
    this.#ndis.unregister(this);
    const pool = poolOf(this.#ndis.kernel);
    for (const block of this.#blocks.splice(0)) pool.free(block, CONFIGURATION_TAG);
  }
}

const headerRule: HeaderRule = {
  structure: 'NDIS_CONFIGURATION_OBJECT',
  type: NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
  revisions: [{ revision: 1, size: NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1, minorVersion: 0 }],
  page: 'ndis/ns-ndis-_ndis_configuration_object',
};

export function isConfigurationOwner(value: unknown): value is ConfigurationOwner {
  return (
    value instanceof NdisObject &&
    'configurationKeyPath' in value &&
    typeof value.configurationKeyPath === 'string'
  );
}

/** The key path of what NdisHandle names: an object of the library, or NDIS_BIND_PARAMETERS; null for neither. */
function keyPathOf(ndis: NdisLibrary, handle: Address): string | null {
  const { memory } = ndis;
  if (handle >= OBJECT_RANGE_START) {
    const owner = memory.objects.valueAt(handle);
    return isConfigurationOwner(owner) ? owner.configurationKeyPath : null;
  }
  if (handle < FIRST_MAPPED_ADDRESS || handle + NDIS_BIND_PARAMETERS.size > memory.size) return null;
  if (memory.u8[handle] !== NDIS_OBJECT_TYPE_BIND_PARAMETERS) return null;
  return readUnicodeString(memory, memory.readPointer(handle + NDIS_BIND_PARAMETERS.offset.ProtocolSection));
}

/** Opens a handle for a key and writes it to `output`. */
function open(ndis: NdisLibrary, driver: Driver, key: RegistryKey, output: Address): void {
  ndis.memory.writePointer(output, new Configuration(ndis, driver, key).open());
}

/**
 * Opens the registry key with the parameters of what `ConfigObject.NdisHandle` names: a driver, a miniport adapter,
 * a binding, or the NDIS_BIND_PARAMETERS of a bind in progress.
 * @returns NDIS_STATUS_FAILURE for a wrong structure or handle and where there is no such key; NDIS_STATUS_RESOURCES
 * when memory is short. PASSIVE_LEVEL. ndis/nf-ndis-ndisopenconfigurationex
 */
export const NdisOpenConfigurationEx = synchronous(
  'NDIS_STATUS NdisOpenConfigurationEx(PNDIS_CONFIGURATION_OBJECT ConfigObject, PNDIS_HANDLE ConfigurationHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  OPEN_PAGE,
  (ndis, driver) =>
    (ConfigObject: Pointer<NDIS_CONFIGURATION_OBJECT>, ConfigurationHandle: OutPointer): number => {
      const call = 'NdisOpenConfigurationEx';
      const { kernel, memory } = ndis;
      memory.writePointer(ConfigurationHandle, 0);
      if (checkHeader(ndis, driver, call, ConfigObject, headerRule) === null) return NDIS_STATUS_FAILURE;
      const handle = memory.readPointer(ConfigObject + NDIS_CONFIGURATION_OBJECT.offset.NdisHandle);
      const path = keyPathOf(ndis, handle);
      if (path === null) {
        kernel.report(
          'BAD_HANDLE',
          driver,
          `${call}: NdisHandle 0x${handle.toString(16)} names nothing with parameters in the registry`,
          OPEN_PAGE,
        );
        return NDIS_STATUS_FAILURE;
      }
      return openConfigurationPath(ndis, driver, call, path, ConfigurationHandle);
    },
);

/** Opens a handle for the key at `path` and writes it to `output`; the status of the functions that open one. */
export function openConfigurationPath(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  path: string,
  output: Address,
): number {
  const { key } = registryOf(ndis.kernel).openPath(path);
  if (key === null) {
    ndis.kernel.note(call, `${driver.name}: there is no key ${path}`);
    return NDIS_STATUS_FAILURE;
  }
  // Windows keeps a block for each handle; so memory that is short shows here.
  const configuration = new Configuration(ndis, driver, key);
  if (configuration.allocate(NDIS_CONFIGURATION_OBJECT.size) === 0) return NDIS_STATUS_RESOURCES;
  ndis.memory.writePointer(output, configuration.open());
  return NDIS_STATUS_SUCCESS;
}

/** Opens a subkey by name; `Status` gets NDIS_STATUS_FAILURE where there is none. IRQL < DISPATCH_LEVEL. ndis/nf-ndis-ndisopenconfigurationkeybyname */
export const NdisOpenConfigurationKeyByName = synchronous(
  'VOID NdisOpenConfigurationKeyByName(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle, PNDIS_STRING SubKeyName, PNDIS_HANDLE SubKeyHandle)',
  '<=APC_LEVEL',
  '5.1',
  BY_NAME_PAGE,
  (ndis, driver) =>
    (
      Status: OutPointer,
      ConfigurationHandle: Handle,
      SubKeyName: TextPointer,
      SubKeyHandle: OutPointer,
    ): void => {
      const { memory, kernel } = ndis;
      const call = 'NdisOpenConfigurationKeyByName';
      memory.u32[Status >> 2] = NDIS_STATUS_FAILURE;
      const configuration = ndis.expect(ConfigurationHandle, Configuration, driver, call, BY_NAME_PAGE);
      if (configuration === null) return;
      const name = readUnicodeString(memory, SubKeyName);
      const { key } = registryOf(kernel).openKey(configuration.key, name);
      if (name === '' || key === null) return;
      open(ndis, driver, key, SubKeyHandle);
      memory.u32[Status >> 2] = NDIS_STATUS_SUCCESS;
    },
);

/**
 * Opens the subkey number `Index` (from 0, in the order of their names) and writes its name to the caller's buffer.
 * `Status` gets NDIS_STATUS_FAILURE beyond the last, and where the name does not fit. IRQL < DISPATCH_LEVEL.
 * ndis/nf-ndis-ndisopenconfigurationkeybyindex
 */
export const NdisOpenConfigurationKeyByIndex = synchronous(
  'VOID NdisOpenConfigurationKeyByIndex(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle, ULONG Index, PNDIS_STRING KeyName, PNDIS_HANDLE KeyHandle)',
  '<=APC_LEVEL',
  '5.1',
  BY_INDEX_PAGE,
  (ndis, driver) =>
    (
      Status: OutPointer,
      ConfigurationHandle: Handle,
      Index: number,
      KeyName: TextPointer,
      KeyHandle: OutPointer,
    ): void => {
      const { memory } = ndis;
      const call = 'NdisOpenConfigurationKeyByIndex';
      memory.u32[Status >> 2] = NDIS_STATUS_FAILURE;
      const configuration = ndis.expect(ConfigurationHandle, Configuration, driver, call, BY_INDEX_PAGE);
      const key = configuration === null ? undefined : sortedSubkeys(configuration.key)[Index >>> 0];
      if (key === undefined) return;
      const bytes = key.name.length * 2;
      const buffer = memory.readPointer(KeyName + 8);
      if (buffer === 0 || memory.u16[(KeyName + 2) >> 1] < bytes) return;
      memory.u16[KeyName >> 1] = writeUtf16(memory, buffer, key.name);
      open(ndis, driver, key, KeyHandle);
      memory.u32[Status >> 2] = NDIS_STATUS_SUCCESS;
    },
);

/** Closes a configuration handle and frees what was read through it. PASSIVE_LEVEL. ndis/nf-ndis-ndiscloseconfiguration */
export const NdisCloseConfiguration = synchronous(
  'VOID NdisCloseConfiguration(NDIS_HANDLE ConfigurationHandle)',
  'PASSIVE_LEVEL',
  '5.1',
  CLOSE_PAGE,
  (ndis, driver) =>
    (ConfigurationHandle: Handle): void => {
      ndis.expect(ConfigurationHandle, Configuration, driver, 'NdisCloseConfiguration', CLOSE_PAGE)?.close();
    },
);
