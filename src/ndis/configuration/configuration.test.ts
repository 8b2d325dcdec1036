/** Conformance tests of configuration handles and parameters. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesAt, unicodeString } from '../../../test/support/cells.ts';
import { createTestLibrary } from '../../../test/support/netBuffers.ts';
import { registryOf } from '../../kernel/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisParameterBinary,
  NdisParameterHexInteger,
  NdisParameterInteger,
  NdisParameterMultiString,
  NdisParameterString,
} from '../generated/constants/index.ts';
import { NDIS_BIND_PARAMETERS, NDIS_CONFIGURATION_PARAMETER } from '../generated/structures/index.ts';
import { NdisObject } from '../library.ts';
import { networkAddressOfText, parameterOfValue, valueOfParameter } from './parameterValue.ts';
import { standardKeyword } from './standardKeywords.ts';

class Owner extends NdisObject {
  readonly configurationKeyPath =
    '\\Registry\\Machine\\System\\CurrentControlSet\\Services\\testdriver\\Parameters';
}

function make() {
  const t = createTestLibrary();
  const registry = registryOf(t.kernel);
  const key = registry.create(new Owner().configurationKeyPath);
  const owner = t.ndis.register(new Owner());
  const [status, output, length] = [t.allocate(16), t.allocate(16), t.allocate(16)];
  const open = (NdisHandle: number, header = {}) =>
    t.imports.NdisOpenConfigurationEx(
      { Header: { Type: 0xa9, Revision: 1, Size: 20, ...header }, NdisHandle, Flags: 0 },
      output,
    );
  const opened = () => {
    expect(open(owner)).toBe(NDIS_STATUS_SUCCESS);
    return t.memory.readPointer(output);
  };
  const statusOf = () => t.memory.u32[status >> 2];
  /** Reads an entry: its type and value, or the status. */
  const read = (handle: number, name: string, type = NdisParameterInteger): unknown => {
    t.imports.NdisReadConfiguration(status, output, handle, name, type);
    if (statusOf() !== NDIS_STATUS_SUCCESS) return statusOf();
    const view = NDIS_CONFIGURATION_PARAMETER.at(t.memory, t.memory.readPointer(output));
    if (view.ParameterType === NdisParameterInteger)
      return [view.ParameterType, view.ParameterData.IntegerData];
    const { Length, Buffer } = view.ParameterData.BinaryData;
    const bytes = t.memory.u8.slice(Buffer, Buffer + Length);
    if (view.ParameterType === NdisParameterBinary) return [view.ParameterType, [...bytes]];
    return [view.ParameterType, new TextDecoder('utf-16le').decode(bytes)];
  };
  return { ...t, registry, key, owner, status, output, length, open, opened, statusOf, read };
}

test('the handle of an object of the library, or the parameters of a bind, leads to its key (ndis/nf-ndis-ndisopenconfigurationex)', async () => {
  const t = make();
  t.key.set('Answer', 42);
  await t.run(() => {
    const handle = t.opened();
    expect(t.read(handle, 'answer')).toEqual([NdisParameterInteger, 42]);
    expect(t.driver.owned.map((owned) => owned.kind)).toEqual(['configuration handle']);
    t.imports.NdisCloseConfiguration(handle);
    const parameters = bytesAt(t.kernel, NDIS_BIND_PARAMETERS.size);
    NDIS_BIND_PARAMETERS.fill(t.memory, parameters, {
      Header: { Type: 0x86, Revision: 4, Size: 16 },
      ProtocolSection: unicodeString(t.kernel, new Owner().configurationKeyPath),
    });
    expect(t.open(parameters)).toBe(NDIS_STATUS_SUCCESS);
    const bind = t.memory.readPointer(t.output);
    expect(t.read(bind, 'Answer')).toEqual([NdisParameterInteger, 42]);
    t.imports.NdisCloseConfiguration(bind);
  });
  expect([t.driver.owned, t.codes()]).toEqual([[], []]);
});

test('a wrong header, a wrong handle, a missing key and short memory give a status and no handle (ndis/nf-ndis-ndisopenconfigurationex)', async () => {
  const t = make();
  await t.run(() => {
    expect(t.open(t.owner, { Type: 0x86 })).toBe(NDIS_STATUS_FAILURE);
    expect(t.open(t.owner, { Size: 19 })).toBe(NDIS_STATUS_FAILURE);
    expect(t.open(0x7000_4440)).toBe(NDIS_STATUS_FAILURE);
    t.failAllocations(true);
    expect(t.open(t.owner)).toBe(NDIS_STATUS_RESOURCES);
    t.failAllocations(false);
    t.key.deleteTree();
    expect(t.open(t.owner)).toBe(NDIS_STATUS_FAILURE);
    expect(t.memory.readPointer(t.output)).toBe(0);
  });
  expect(t.codes()).toEqual(['BAD_HANDLE']);
});

test('a closed handle is refused, and its memory is gone (ndis/nf-ndis-ndiscloseconfiguration)', async () => {
  const t = make();
  await t.run(() => {
    const handle = t.opened();
    t.imports.NdisCloseConfiguration(handle);
    expect(t.read(handle, 'Answer')).toBe(NDIS_STATUS_FAILURE);
    t.imports.NdisCloseConfiguration(handle);
  });
  expect(t.codes()).toEqual(['BAD_HANDLE', 'BAD_HANDLE']);
});

test('subkeys open by name and by number until none is left (ndis/nf-ndis-ndisopenconfigurationkeybyindex)', async () => {
  const t = make();
  t.key.create('Beta').set('Where', 'b');
  t.key.create('Alpha');
  await t.run(() => {
    const handle = t.opened();
    t.imports.NdisOpenConfigurationKeyByName(t.status, handle, 'beta', t.output);
    expect(t.statusOf()).toBe(NDIS_STATUS_SUCCESS);
    const beta = t.memory.readPointer(t.output);
    expect(t.read(beta, 'Where', NdisParameterString)).toEqual([NdisParameterString, 'b']);
    t.imports.NdisCloseConfiguration(beta);
    t.imports.NdisOpenConfigurationKeyByName(t.status, handle, 'gamma', t.output);
    expect(t.statusOf()).toBe(NDIS_STATUS_FAILURE);
    const name = unicodeString(t.kernel, '________');
    const names: string[] = [];
    for (let index = 0; ; index++) {
      t.imports.NdisOpenConfigurationKeyByIndex(t.status, handle, index, name, t.output);
      if (t.statusOf() !== NDIS_STATUS_SUCCESS) break;
      const buffer = t.memory.readPointer(name + 8);
      names.push(
        String.fromCharCode(...t.memory.u16.subarray(buffer >> 1, (buffer + t.memory.u16[name >> 1]) >> 1)),
      );
      t.imports.NdisCloseConfiguration(t.memory.readPointer(t.output));
    }
    expect(names).toEqual(['Alpha', 'Beta']);
    t.imports.NdisOpenConfigurationKeyByIndex(t.status, handle, 0, unicodeString(t.kernel, 'x'), t.output);
    expect(t.statusOf()).toBe(NDIS_STATUS_FAILURE);
    t.imports.NdisCloseConfiguration(handle);
  });
  expect([t.driver.owned, t.codes()]).toEqual([[], []]);
});

test('the type in the registry decides, and digits become a number where one is asked for (ndis/nf-ndis-ndisreadconfiguration)', async () => {
  const t = make();
  t.key.set('Text', '0042').set('Hex', 'fF').set('Number', 0xffff_fffe).set('List', ['a', 'bc']);
  t.key.set('Binary', new Uint8Array([1, 2, 3])).set('Long', 5n);
  await t.run(() => {
    const handle = t.opened();
    expect(t.read(handle, 'Text')).toEqual([NdisParameterInteger, 42]);
    expect(t.read(handle, 'Text', NdisParameterHexInteger)).toEqual([NdisParameterInteger, 0x42]);
    expect(t.read(handle, 'Text', NdisParameterString)).toEqual([NdisParameterString, '0042']);
    expect(t.read(handle, 'Hex', NdisParameterHexInteger)).toEqual([NdisParameterInteger, 255]);
    expect(t.read(handle, 'Hex', NdisParameterInteger)).toBe(NDIS_STATUS_FAILURE);
    expect(t.read(handle, 'Number', NdisParameterString)).toEqual([NdisParameterInteger, 0xffff_fffe]);
    expect(t.read(handle, 'List')).toEqual([NdisParameterMultiString, 'a\0bc\0\0']);
    expect(t.read(handle, 'Binary')).toEqual([NdisParameterBinary, [1, 2, 3]]);
    expect(t.read(handle, 'Long')).toBe(NDIS_STATUS_FAILURE);
    expect(t.read(handle, 'None')).toBe(NDIS_STATUS_FAILURE);
    expect(t.read(handle, 'ProcessorType')).toEqual([NdisParameterInteger, 4]);
    expect(t.read(handle, 'NdisVersion')).toEqual([NdisParameterInteger, 0x0006_0055]);
    t.failAllocations(true);
    expect(t.read(handle, 'Number')).toBe(NDIS_STATUS_RESOURCES);
    t.failAllocations(false);
    t.imports.NdisCloseConfiguration(handle);
  });
});

test('what is written can be read, an unknown type is not supported (ndis/nf-ndis-ndiswriteconfiguration)', async () => {
  const t = make();
  await t.run(() => {
    const handle = t.opened();
    const parameter = bytesAt(t.kernel, NDIS_CONFIGURATION_PARAMETER.size);
    const write = (type: number, integer: number) => {
      t.memory.u32[parameter >> 2] = type;
      t.memory.u32[(parameter + 8) >> 2] = integer;
      t.imports.NdisWriteConfiguration(t.status, handle, `value${type}`, parameter);
      return t.statusOf();
    };
    expect(write(NdisParameterInteger, 7)).toBe(NDIS_STATUS_SUCCESS);
    expect(write(NdisParameterHexInteger, 8)).toBe(NDIS_STATUS_SUCCESS);
    expect(write(5, 0)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(t.key.get('value0')).toBe(7);
    expect(t.key.get('value1')).toBe(8);
    const text = unicodeString(t.kernel, 'hello');
    t.memory.u32[parameter >> 2] = NdisParameterString;
    t.memory.u8.copyWithin(parameter + 8, text, text + 16);
    t.imports.NdisWriteConfiguration(t.status, handle, 'Text', parameter);
    expect(t.key.get('Text')).toBe('hello');
    expect(t.key.getRaw('Text')?.data).toHaveLength(12);
    t.memory.u32[parameter >> 2] = NdisParameterBinary;
    t.imports.NdisWriteConfiguration(t.status, handle, 'Binary', parameter);
    expect(t.key.get('Binary')).toEqual(new Uint8Array([104, 0, 101, 0, 108, 0, 108, 0, 111, 0]));
    t.key.deleteTree();
    t.imports.NdisWriteConfiguration(t.status, handle, 'Binary', parameter);
    expect(t.statusOf()).toBe(NDIS_STATUS_FAILURE);
    t.imports.NdisCloseConfiguration(handle);
  });
});

test('a configured network address comes as bytes, with or without hyphens; only a text is one (ndis/nf-ndis-ndisreadnetworkaddress)', async () => {
  const t = make();
  await t.run(() => {
    const handle = t.opened();
    const address = () => {
      t.imports.NdisReadNetworkAddress(t.status, t.output, t.length, handle);
      if (t.statusOf() !== NDIS_STATUS_SUCCESS) return t.statusOf();
      const at = t.memory.readPointer(t.output);
      return [...t.memory.u8.subarray(at, at + t.memory.u32[t.length >> 2])];
    };
    expect(address()).toBe(NDIS_STATUS_FAILURE);
    t.key.set('NetworkAddress', '02AABBccddee');
    expect(address()).toEqual([2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee]);
    t.key.set('NetworkAddress', '02-00-00-00-00-01');
    expect(address()).toEqual([2, 0, 0, 0, 0, 1]);
    t.key.set('NetworkAddress', 5);
    expect(address()).toBe(NDIS_STATUS_FAILURE);
    t.key.set('NetworkAddress', '');
    expect(address()).toBe(NDIS_STATUS_FAILURE);
    t.imports.NdisCloseConfiguration(handle);
  });
});

test('every integer, text and byte string survives writing and reading', () => {
  const bytes = fc.uint8Array({ maxLength: 64 });
  fc.assert(
    fc.property(
      fc.nat(0xffff_ffff),
      bytes,
      fc.string().filter((text) => !text.includes('\0')),
      (integer, data, text) => {
        const number = valueOfParameter(NdisParameterInteger, integer, data);
        expect(number && parameterOfValue(number, NdisParameterInteger)).toEqual({ type: 0, integer });
        const binary = valueOfParameter(NdisParameterBinary, 0, data);
        expect(binary && parameterOfValue(binary, NdisParameterBinary)).toEqual({ type: 4, bytes: data });
        const units = new Uint8Array(
          Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)).buffer,
        );
        const stored = valueOfParameter(NdisParameterString, 0, units);
        expect(stored && parameterOfValue(stored, NdisParameterString)).toEqual({ type: 2, bytes: units });
        expect(networkAddressOfText([...data].map((b) => b.toString(16).padStart(2, '0')).join('-'))).toEqual(
          data.length === 0 ? null : data,
        );
      },
    ),
  );
});

test('any digits are read as the number they write', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (integer) => {
      const value = (text: string) => ({
        type: 1,
        data: new Uint8Array(
          Uint16Array.from({ length: text.length + 1 }, (_, i) => text.charCodeAt(i)).buffer,
        ),
      });
      const expected = { type: NdisParameterInteger, integer };
      expect(parameterOfValue(value(String(integer)), NdisParameterInteger)).toEqual(expected);
      expect(parameterOfValue(value(integer.toString(16)), NdisParameterHexInteger)).toEqual(expected);
      expect(parameterOfValue(value(`0x${integer.toString(16)}`), NdisParameterHexInteger)).toEqual(expected);
    }),
  );
});

test('the standardized keywords have their documented defaults (network/standardized-inf-keywords-for-network-devices)', () => {
  expect(standardKeyword('*prioritvlantag')).toBeUndefined();
  expect(standardKeyword('*priorityvlantag')?.defaultValue).toBe(3);
  expect(standardKeyword('*JumboPacket')).toEqual({
    name: '*JumboPacket',
    defaultValue: 1514,
    minimum: 1514,
    maximum: null,
  });
});
