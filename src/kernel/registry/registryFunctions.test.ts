import { describe, expect, test } from 'vitest';
import { bytesAt, unicodeString, wideText } from '../../../test/support/cells.ts';
import { createTestKernel, type TestKernel } from '../../../test/support/kernel.ts';
import { readTerminatedUtf16, readUnicodeString, readUtf16 } from '../../memory/index.ts';
import { OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE } from '../generated/constants/basic.ts';
import * as wdm from '../generated/constants/common.ts';
import * as status from '../generated/constants/ntstatus.ts';
import { kernelStructures } from '../generated/structures/all.ts';
import { handlesOf } from '../objects/handleTable.ts';
import { InitializeObjectAttributes } from '../objects/objectAttributes.ts';
import * as objects from '../objects/objectFunctions.ts';
import * as functions from './functions.ts';
import { registryOf } from './registry.ts';

const declarations = { ...functions, ...objects, InitializeObjectAttributes };
const SOFTWARE = '\\Registry\\Machine\\Software\\Test';

function setUp() {
  const machine = createTestKernel(declarations, { structures: (name) => kernelStructures[name] });
  const { kernel, imports } = machine;
  const key = registryOf(kernel).create(SOFTWARE);
  const out = bytesAt(kernel, 64);
  const attributes = (path: string, root = 0, flags = OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE) => {
    const at = bytesAt(kernel, 48);
    imports.InitializeObjectAttributes(at, unicodeString(kernel, path), flags, root, null);
    return at;
  };
  const open = (path: string, access = wdm.KEY_ALL_ACCESS, root = 0) => {
    expect(imports.ZwOpenKey(out, access, attributes(path, root))).toBe(status.STATUS_SUCCESS);
    return kernel.memory.readPointer(out);
  };
  return { ...machine, key, out, attributes, open };
}

describe('opening and creating keys', () => {
  test('ZwOpenKey opens an existing key and says STATUS_OBJECT_NAME_NOT_FOUND for a missing one (wdm/nf-wdm-zwopenkey)', async () => {
    const { run, imports, kernel, out, attributes } = setUp();
    await run(async () => {
      expect(imports.ZwOpenKey(out, wdm.KEY_READ, attributes(SOFTWARE))).toBe(status.STATUS_SUCCESS);
      const handle = kernel.memory.readPointer(out);
      expect(handle >>> 0).toBeGreaterThanOrEqual(0x8000_0000);
      expect(kernel.memory.i32[(out + 4) >> 2]).toBe(-1);
      expect(imports.ZwOpenKey(out, wdm.KEY_READ, attributes(`${SOFTWARE}\\No`))).toBe(
        status.STATUS_OBJECT_NAME_NOT_FOUND,
      );
      expect(imports.ZwOpenKey(out, wdm.KEY_READ, 0)).toBe(status.STATUS_INVALID_PARAMETER);
      expect(imports.ZwOpenKeyEx(out, wdm.KEY_READ, attributes(SOFTWARE), 0x4000)).toBe(
        status.STATUS_INVALID_PARAMETER,
      );
      expect(imports.ZwOpenKeyEx(out, wdm.KEY_READ, attributes(SOFTWARE), 0)).toBe(status.STATUS_SUCCESS);
      expect(await imports.ZwClose(kernel.memory.readPointer(out))).toBe(status.STATUS_SUCCESS);
      expect(await imports.ZwClose(handle)).toBe(status.STATUS_SUCCESS);
      expect(await imports.ZwClose(handle)).toBe(status.STATUS_INVALID_HANDLE);
    });
    expect(handlesOf(kernel).count).toBe(0);
    expect(kernel.findings.map(({ code }) => code)).toEqual(['INVALID_HANDLE']);
  });

  test('ZwCreateKey says whether the key is new and does not make the keys above it (wdm/nf-wdm-zwcreatekey)', async () => {
    const { run, imports, kernel, out, attributes, open } = setUp();
    const disposition = bytesAt(kernel, 4);
    await run(async () => {
      const create = (path: string, root = 0, options = 0) =>
        imports.ZwCreateKey(
          out,
          wdm.KEY_ALL_ACCESS,
          attributes(path, root),
          0,
          'Class',
          options,
          disposition,
        );
      expect(create(`${SOFTWARE}\\New`)).toBe(status.STATUS_SUCCESS);
      expect(kernel.memory.u32[disposition >> 2]).toBe(wdm.REG_CREATED_NEW_KEY);
      expect(registryOf(kernel).open(`${SOFTWARE}\\New`)?.key.className).toBe('Class');
      expect(create(`${SOFTWARE}\\new`)).toBe(status.STATUS_SUCCESS);
      expect(kernel.memory.u32[disposition >> 2]).toBe(wdm.REG_OPENED_EXISTING_KEY);
      expect(create(`${SOFTWARE}\\a\\b`)).toBe(status.STATUS_OBJECT_NAME_NOT_FOUND);
      expect(create('\\Registry\\Other')).toBe(status.STATUS_OBJECT_NAME_INVALID);
      const root = open(SOFTWARE);
      expect(create('Fleeting', root, wdm.REG_OPTION_VOLATILE)).toBe(status.STATUS_SUCCESS);
      const fleeting = kernel.memory.readPointer(out);
      expect(create('Stable', fleeting)).toBe(status.STATUS_CHILD_MUST_BE_VOLATILE);
      expect(create('X', open(SOFTWARE, wdm.KEY_READ))).toBe(status.STATUS_ACCESS_DENIED);
    });
  });

  test('a handle that a driver did not close is named as its own', async () => {
    const { run, driver, open } = setUp();
    await run(() => void open(SOFTWARE));
    expect(driver.owned.map(({ kind, name, releasedBy }) => ({ kind, name, releasedBy }))).toEqual([
      {
        kind: 'handle',
        name: expect.stringMatching(/^0xFFFFFFFF80000004 of Key \\Registry\\Machine\\Software\\Test$/),
        releasedBy: 'ZwClose',
      },
    ]);
  });

  test('ZwDeleteKey needs DELETE access and a key without subkeys (wdm/nf-wdm-zwdeletekey)', async () => {
    const { run, imports, key, open } = setUp();
    key.create('Child');
    await run(() => {
      const parent = open(SOFTWARE);
      expect(imports.ZwDeleteKey(open(SOFTWARE, wdm.KEY_READ))).toBe(status.STATUS_ACCESS_DENIED);
      expect(imports.ZwDeleteKey(parent)).toBe(status.STATUS_CANNOT_DELETE);
      expect(imports.ZwDeleteKey(open(`${SOFTWARE}\\Child`))).toBe(status.STATUS_SUCCESS);
      expect(imports.ZwFlushKey(parent)).toBe(status.STATUS_SUCCESS);
      expect(imports.ZwDeleteKey(parent)).toBe(status.STATUS_SUCCESS);
      expect(imports.ZwFlushKey(parent)).toBe(status.STATUS_KEY_DELETED);
      expect(imports.ZwFlushKey(0x4444)).toBe(status.STATUS_INVALID_HANDLE);
    });
  });
});

describe('values', () => {
  test('ZwQueryValueKey gives size and as much as fits for each class (wdm/nf-wdm-zwqueryvaluekey)', async () => {
    const { run, imports, kernel, key, open } = setUp();
    key.set('Ab', Uint8Array.of(1, 2, 3, 4, 5), wdm.REG_BINARY);
    const { memory } = kernel;
    const buffer = bytesAt(kernel, 64);
    const needed = bytesAt(kernel, 4);
    await run(() => {
      const handle = open(SOFTWARE);
      const query = (informationClass: number, length: number) =>
        imports.ZwQueryValueKey(handle, 'AB', informationClass, buffer, length, needed);
      // Partial: 12 bytes before the data.
      expect(query(2, 11)).toBe(status.STATUS_BUFFER_TOO_SMALL);
      expect(memory.u32[needed >> 2]).toBe(17);
      expect(memory.u8[buffer + 8]).toBe(0);
      expect(query(2, 14)).toBe(status.STATUS_BUFFER_OVERFLOW);
      expect([...memory.u8.subarray(buffer, buffer + 15)]).toEqual([
        0, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 1, 2, 0,
      ]);
      expect(query(2, 17)).toBe(status.STATUS_SUCCESS);
      expect(memory.u8[buffer + 16]).toBe(5);
      // Basic: the name as it was written.
      expect(query(0, 16)).toBe(status.STATUS_SUCCESS);
      expect(readUtf16(memory, buffer + 12, 2)).toBe('Ab');
      // Full: name behind 20 bytes, then the data.
      expect(query(1, 64)).toBe(status.STATUS_SUCCESS);
      expect(memory.u32[(buffer + 8) >> 2]).toBe(24);
      expect(memory.u32[needed >> 2]).toBe(29);
      expect(memory.u8[buffer + 28]).toBe(5);
      expect(query(9, 64)).toBe(status.STATUS_INVALID_PARAMETER);
      expect(imports.ZwQueryValueKey(handle, 'no', 2, buffer, 64, needed)).toBe(
        status.STATUS_OBJECT_NAME_NOT_FOUND,
      );
      expect(imports.ZwQueryValueKey(open(SOFTWARE, wdm.KEY_SET_VALUE), 'Ab', 2, buffer, 64, needed)).toBe(
        status.STATUS_ACCESS_DENIED,
      );
    });
  });

  test('ZwSetValueKey and ZwDeleteValueKey need KEY_SET_VALUE (wdm/nf-wdm-zwsetvaluekey, zwdeletevaluekey)', async () => {
    const { run, imports, kernel, key, open } = setUp();
    const data = bytesAt(kernel, 4);
    kernel.memory.u32[data >> 2] = 7;
    await run(() => {
      const handle = open(SOFTWARE);
      const reader = open(SOFTWARE, wdm.KEY_READ);
      expect(imports.ZwSetValueKey(reader, 'a', 0, wdm.REG_DWORD, data, 4)).toBe(status.STATUS_ACCESS_DENIED);
      expect(imports.ZwSetValueKey(handle, 'a', 0, wdm.REG_DWORD, data, 4)).toBe(status.STATUS_SUCCESS);
      expect(imports.ZwSetValueKey(handle, 'a', 0, wdm.REG_DWORD, data, 0x7fff_ffff)).toBe(
        status.STATUS_INVALID_PARAMETER,
      );
      expect(key.get('a')).toBe(7);
      expect(imports.ZwDeleteValueKey(handle, 'a')).toBe(status.STATUS_SUCCESS);
      expect(imports.ZwDeleteValueKey(handle, 'a')).toBe(status.STATUS_OBJECT_NAME_NOT_FOUND);
      expect(imports.ZwDeleteValueKey(reader, 'a')).toBe(status.STATUS_ACCESS_DENIED);
    });
  });

  test('enumeration ends with STATUS_NO_MORE_ENTRIES (wdm/nf-wdm-zwenumeratekey, zwenumeratevaluekey)', async () => {
    const { run, imports, kernel, key, open } = setUp();
    key.create('b');
    key.create('A');
    key.set('value', 1);
    const { memory } = kernel;
    const buffer = bytesAt(kernel, 128);
    const needed = bytesAt(kernel, 4);
    await run(() => {
      const handle = open(SOFTWARE);
      expect(imports.ZwEnumerateKey(handle, 0, 0, buffer, 128, needed)).toBe(status.STATUS_SUCCESS);
      expect(readUtf16(memory, buffer + 16, 1)).toBe('A');
      expect(imports.ZwEnumerateKey(handle, 1, 0, buffer, 16, needed)).toBe(status.STATUS_BUFFER_OVERFLOW);
      expect(memory.u32[needed >> 2]).toBe(18);
      expect(imports.ZwEnumerateKey(handle, 2, 0, buffer, 128, needed)).toBe(status.STATUS_NO_MORE_ENTRIES);
      expect(imports.ZwEnumerateKey(handle, 0, 3, buffer, 128, needed)).toBe(status.STATUS_INVALID_PARAMETER);
      expect(imports.ZwEnumerateValueKey(handle, 0, 0, buffer, 128, needed)).toBe(status.STATUS_SUCCESS);
      expect(readUtf16(memory, buffer + 12, 5)).toBe('value');
      expect(imports.ZwEnumerateValueKey(handle, 1, 0, buffer, 128, needed)).toBe(
        status.STATUS_NO_MORE_ENTRIES,
      );
    });
  });

  test('ZwQueryKey counts what lies below and gives the full name (wdm/nf-wdm-zwquerykey)', async () => {
    const { run, imports, kernel, key, open } = setUp();
    key.create('abc', { className: 'class' });
    key.set('value', 1);
    const { memory } = kernel;
    const buffer = bytesAt(kernel, 128);
    const needed = bytesAt(kernel, 4);
    await run(() => {
      const handle = open(SOFTWARE);
      expect(imports.ZwQueryKey(handle, 2, buffer, 128, needed)).toBe(status.STATUS_SUCCESS);
      const counts = Array.from(memory.u32.subarray((buffer + 20) >> 2, (buffer + 44) >> 2));
      expect(counts).toEqual([1, 6, 10, 1, 10, 4]);
      expect(imports.ZwQueryKey(handle, 3, buffer, 128, needed)).toBe(status.STATUS_SUCCESS);
      expect(readUtf16(memory, buffer + 4, memory.u32[buffer >> 2] >> 1)).toBe(SOFTWARE);
      expect(imports.ZwQueryKey(handle, 2, buffer, 43, needed)).toBe(status.STATUS_BUFFER_TOO_SMALL);
      expect(imports.ZwQueryKey(handle, 1, buffer, 128, needed)).toBe(status.STATUS_SUCCESS);
      expect(imports.ZwQueryKey(handle, 4, buffer, 128, needed)).toBe(status.STATUS_SUCCESS);
      expect(imports.ZwQueryKey(handle, 7, buffer, 128, needed)).toBe(status.STATUS_INVALID_PARAMETER);
    });
  });
});

describe('Rtl routines', () => {
  test('RtlWriteRegistryValue makes missing keys and RtlDeleteRegistryValue removes (wdm/nf-wdm-rtlwriteregistryvalue)', async () => {
    const { run, imports, kernel } = setUp();
    const data = bytesAt(kernel, 4);
    kernel.memory.u32[data >> 2] = 9;
    await run(() => {
      const services = wdm.RTL_REGISTRY_SERVICES;
      expect(imports.RtlCheckRegistryKey(services, 'x\\Parameters')).toBe(
        status.STATUS_OBJECT_NAME_NOT_FOUND,
      );
      expect(imports.RtlWriteRegistryValue(services, 'x\\Parameters', 'v', 4, data, 4)).toBe(
        status.STATUS_SUCCESS,
      );
      expect(imports.RtlCheckRegistryKey(services, 'x\\Parameters')).toBe(status.STATUS_SUCCESS);
      expect(registryOf(kernel).open('HKLM\\System\\ControlSet001\\Services\\x\\Parameters')?.get('v')).toBe(
        9,
      );
      expect(imports.RtlDeleteRegistryValue(services, 'x\\Parameters', 'v')).toBe(status.STATUS_SUCCESS);
      expect(imports.RtlDeleteRegistryValue(services, 'x\\Parameters', 'v')).toBe(
        status.STATUS_OBJECT_NAME_NOT_FOUND,
      );
      expect(imports.RtlWriteRegistryValue(99, 'x', 'v', 4, data, 4)).toBe(status.STATUS_INVALID_PARAMETER);
      expect(imports.RtlCreateRegistryKey(services, 'y')).toBe(status.STATUS_SUCCESS);
      expect(imports.RtlCreateRegistryKey(99, 'y')).toBe(status.STATUS_INVALID_PARAMETER);
    });
  });

  /** Builds a query table: rows of routine, flags, name, entry context, default type, data, length. */
  function queryTable(
    { kernel, driver }: Pick<TestKernel<unknown>, 'kernel' | 'driver'>,
    rows: readonly Row[],
  ) {
    const table = bytesAt(kernel, (rows.length + 1) * 56);
    rows.forEach((row, index) => {
      const at = table + index * 56;
      const { memory } = kernel;
      memory.writePointer(
        at,
        row.routine === undefined ? 0 : memory.callables.addressOf(row.routine, driver),
      );
      memory.u32[(at + 8) >> 2] = row.flags ?? 0;
      memory.writePointer(at + 16, row.name === undefined ? 0 : wideText(kernel, row.name));
      memory.writePointer(at + 24, row.context ?? 0);
      memory.u32[(at + 32) >> 2] = row.defaultType ?? 0;
      memory.writePointer(at + 40, row.defaultData ?? 0);
      memory.u32[(at + 48) >> 2] = row.defaultLength ?? 0;
    });
    return table;
  }
  interface Row {
    routine?: (...args: never[]) => unknown;
    flags?: number;
    name?: string;
    context?: number;
    defaultType?: number;
    defaultData?: number;
    defaultLength?: number;
  }

  test('RtlQueryRegistryValues tells a routine each value, each text of a REG_MULTI_SZ alone (wdm/nf-wdm-rtlqueryregistryvalues)', async () => {
    const machine = setUp();
    const { run, imports, kernel, key } = machine;
    key.set('number', 5).set('list', ['one', 'two']);
    key.create('Sub').set('inner', 'text');
    const told: string[] = [];
    const routine = (name: number, type: number, data: number, length: number) => {
      const value = type === wdm.REG_SZ ? readTerminatedUtf16(kernel.memory, data) : `${length} bytes`;
      told.push(`${readTerminatedUtf16(kernel.memory, name)} ${type} ${data === 0 ? 'NULL' : value}`);
      return status.STATUS_SUCCESS;
    };
    const rows: Row[] = [
      { routine },
      { routine, name: 'list', flags: wdm.RTL_QUERY_REGISTRY_NOEXPAND },
      { name: 'Sub', flags: wdm.RTL_QUERY_REGISTRY_SUBKEY },
      { routine, name: 'inner', flags: wdm.RTL_QUERY_REGISTRY_DELETE },
      { routine, flags: wdm.RTL_QUERY_REGISTRY_TOPKEY | wdm.RTL_QUERY_REGISTRY_NOVALUE },
      { routine, name: 'missing', defaultType: wdm.REG_SZ, defaultData: wideText(kernel, 'default') },
      { routine, name: 'missing too' },
    ];
    await run(async () => {
      const path = 'Software\\Test';
      const table = queryTable(machine, rows);
      const query = imports.RtlQueryRegistryValues(0, `\\Registry\\Machine\\${path}`, table, null, 0);
      expect(await query).toBe(status.STATUS_SUCCESS);
    });
    expect(told).toEqual([
      'number 4 4 bytes',
      'list 1 one',
      'list 1 two',
      'list 7 18 bytes',
      'inner 1 text',
      ' 0 NULL',
      'missing 1 default',
    ]);
    expect(key.open('Sub')?.get('inner')).toBeUndefined();
  });

  test('a routine that fails ends the query, except with STATUS_BUFFER_TOO_SMALL (wdm/nf-wdm-rtlqueryregistryvalues)', async () => {
    const machine = setUp();
    const { run, imports, key } = machine;
    key.set('a', 1).set('b', 2).set('c', 3);
    const answers = [status.STATUS_BUFFER_TOO_SMALL, status.STATUS_UNSUCCESSFUL];
    let calls = 0;
    const routine = () => answers[calls++] ?? 0;
    await run(async () => {
      const table = queryTable(machine, [{ routine }]);
      expect(await imports.RtlQueryRegistryValues(0, SOFTWARE, table, null, 0)).toBe(
        status.STATUS_UNSUCCESSFUL,
      );
    });
    expect(calls).toBe(2);
  });

  test('direct values go to EntryContext in the form of their type (wdm/nf-wdm-rtlqueryregistryvalues)', async () => {
    const machine = setUp();
    const { run, imports, kernel, key } = machine;
    const { memory } = kernel;
    key
      .set('number', 5)
      .set('text', 'abc')
      .set('bytes', Uint8Array.of(1, 2, 3, 4, 5))
      .set('list', ['a']);
    const number = bytesAt(kernel, 4);
    const text = bytesAt(kernel, 16);
    const small = bytesAt(kernel, 16);
    memory.u16[(small + 2) >> 1] = 6;
    memory.writePointer(small + 8, bytesAt(kernel, 8));
    const bytes = bytesAt(kernel, 16);
    memory.i32[bytes >> 2] = 16;
    const raw = bytesAt(kernel, 16);
    memory.i32[raw >> 2] = -5;
    const flags = wdm.RTL_QUERY_REGISTRY_DIRECT | wdm.RTL_QUERY_REGISTRY_TYPECHECK;
    const expected = (type: number) => (type << 24) >>> 0;
    await run(async () => {
      const query = (...rows: Row[]) =>
        imports.RtlQueryRegistryValues(0, SOFTWARE, queryTable(machine, rows), null, 0);
      expect(
        await query(
          { flags, name: 'number', context: number, defaultType: expected(4) },
          { flags, name: 'text', context: text, defaultType: expected(1) },
          { flags, name: 'bytes', context: bytes, defaultType: expected(3) },
          { flags, name: 'bytes', context: raw, defaultType: expected(3) },
        ),
      ).toBe(status.STATUS_SUCCESS);
      expect(memory.u32[number >> 2]).toBe(5);
      expect(readUnicodeString(memory, text)).toBe('abc');
      expect([...memory.u8.subarray(bytes, bytes + 13)]).toEqual([5, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5]);
      expect([...memory.u8.subarray(raw, raw + 5)]).toEqual([1, 2, 3, 4, 5]);
      expect(await query({ flags, name: 'text', context: number, defaultType: expected(4) })).toBe(
        status.STATUS_OBJECT_TYPE_MISMATCH,
      );
      expect(await query({ flags, name: 'text', context: small, defaultType: expected(1) })).toBe(
        status.STATUS_BUFFER_TOO_SMALL,
      );
      expect(await query({ flags, name: 'list', context: text, defaultType: expected(7) })).toBe(
        status.STATUS_INVALID_PARAMETER,
      );
      const required = flags | wdm.RTL_QUERY_REGISTRY_REQUIRED;
      expect(await query({ flags: required, name: 'no', context: text })).toBe(
        status.STATUS_OBJECT_NAME_NOT_FOUND,
      );
      expect(await query({ flags, name: 'no', context: text })).toBe(status.STATUS_SUCCESS);
      expect(await query({ flags: wdm.RTL_QUERY_REGISTRY_SUBKEY, name: 'no' })).toBe(
        status.STATUS_OBJECT_NAME_NOT_FOUND,
      );
    });
  });

  test('a missing key is an error unless it is optional (wdm/nf-wdm-rtlqueryregistryvalues)', async () => {
    const machine = setUp();
    const { run, imports } = machine;
    await run(async () => {
      const table = queryTable(machine, []);
      const optional = wdm.RTL_REGISTRY_SERVICES | wdm.RTL_REGISTRY_OPTIONAL;
      expect(await imports.RtlQueryRegistryValues(wdm.RTL_REGISTRY_SERVICES, 'no', table, null, 0)).toBe(
        status.STATUS_OBJECT_NAME_NOT_FOUND,
      );
      expect(await imports.RtlQueryRegistryValues(optional >>> 0, 'no', table, null, 0)).toBe(
        status.STATUS_SUCCESS,
      );
    });
  });
});
