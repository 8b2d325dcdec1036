/**
 * The parameters of a driver: values of the key `Parameters` below its service.
 * Implements "Registry Keys for Drivers" and the pages of ZwOpenKey and ZwQueryValueKey (kernel).
 */

import {
  type Address,
  type DriverImports,
  KEY_READ,
  KEY_VALUE_PARTIAL_INFORMATION,
  KeyValuePartialInformation,
  NT_SUCCESS,
  OBJ_CASE_INSENSITIVE,
  OBJ_KERNEL_HANDLE,
  OBJECT_ATTRIBUTES,
  REG_DWORD,
  REG_SZ,
  readUnicodeString,
  STATUS_OBJECT_NAME_NOT_FOUND,
  type UNICODE_STRING,
} from '../../src/machine/index.ts';

/** Bytes of the longest value that is read, with what stands before its data: 255 characters and a zero. */
const VALUE_LIMIT = 524;
const UNREADABLE = Symbol('unreadable');
const VALUE_TYPE = KEY_VALUE_PARTIAL_INFORMATION.offset.Type;
const VALUE_LENGTH = KEY_VALUE_PARTIAL_INFORMATION.offset.DataLength;
const VALUE_DATA = KEY_VALUE_PARTIAL_INFORMATION.offset.Data;

/** The parameters of one driver, read once in DriverEntry. */
export class DriverParameters {
  /** Name of the service, the last part of its registry path. */
  readonly serviceName: string;
  readonly #values = new Map<string, string | number>();
  readonly #unreadable = new Set<string>();

  /** Reads the values called `names`; those that are missing or neither REG_SZ nor REG_DWORD keep their defaults. */
  static async read(
    imports: DriverImports,
    RegistryPath: UNICODE_STRING,
    names: readonly string[],
  ): Promise<DriverParameters> {
    const path = readUnicodeString(imports.memory, RegistryPath.address);
    const parameters = new DriverParameters(path.slice(path.lastIndexOf('\\') + 1));
    const key = openKey(imports, `${path}\\Parameters`);
    if (key === null) return parameters;
    const room = imports.data(VALUE_LIMIT + 16);
    for (const name of names) {
      const value = readValue(imports, key, name, room);
      if (value === UNREADABLE) parameters.#unreadable.add(name);
      else if (value !== null) parameters.#values.set(name, value);
    }
    await imports.ntoskrnl.ZwClose(key);
    return parameters;
  }

  private constructor(serviceName: string) {
    this.serviceName = serviceName;
  }

  /** True for a value that is there but too long or of another type. */
  isUnreadable(name: string): boolean {
    return this.#unreadable.has(name);
  }

  /** A text, or a number as text. */
  text(name: string, fallback: string): string {
    const value = this.#values.get(name);
    return value === undefined ? fallback : String(value);
  }

  /** A whole number from `minimum` to `maximum`; `fallback` where it is missing or no such number. */
  number(name: string, fallback: number, minimum: number, maximum: number): number {
    const value = Number(this.#values.get(name) ?? fallback);
    return Number.isInteger(value) && value >= minimum && value <= maximum ? value : fallback;
  }
}

function openKey(imports: DriverImports, path: string): Address | null {
  const { memory, ntoskrnl } = imports;
  const attributes = imports.data(OBJECT_ATTRIBUTES.size);
  const name = imports.data(16);
  const text = imports.data(path.length * 2 + 2);
  for (let i = 0; i < path.length; i++) memory.u16[(text >> 1) + i] = path.charCodeAt(i);
  memory.u16[name >> 1] = path.length * 2;
  memory.u16[(name + 2) >> 1] = path.length * 2 + 2;
  memory.writePointer(name + 8, text);
  const handle = imports.cell();
  ntoskrnl.InitializeObjectAttributes(attributes, name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, 0, null);
  return NT_SUCCESS(ntoskrnl.ZwOpenKey(handle, KEY_READ, attributes)) ? handle.value : null;
}

/** Null where there is none. */
function readValue(
  imports: DriverImports,
  key: Address,
  name: string,
  room: Address,
): string | number | typeof UNREADABLE | null {
  const { memory, ntoskrnl } = imports;
  const length = imports.cell();
  const status = ntoskrnl.ZwQueryValueKey(key, name, KeyValuePartialInformation, room, VALUE_LIMIT, length);
  if (status === STATUS_OBJECT_NAME_NOT_FOUND) return null;
  if (!NT_SUCCESS(status)) return UNREADABLE;
  const data = room + VALUE_DATA;
  if (memory.u32[(room + VALUE_TYPE) >> 2] === REG_DWORD) return memory.data.getUint32(data, true);
  if (memory.u32[(room + VALUE_TYPE) >> 2] !== REG_SZ) return UNREADABLE;
  let text = '';
  const end = data + memory.u32[(room + VALUE_LENGTH) >> 2];
  for (let at = data; at + 1 < end; at += 2) text += String.fromCharCode(memory.data.getUint16(at, true));
  return text.replace(/\0.*$/s, '');
}
