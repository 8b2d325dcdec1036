import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  REG_BINARY,
  REG_DWORD_BIG_ENDIAN,
  REG_EXPAND_SZ,
  REG_MULTI_SZ,
  REG_NONE,
  REG_SZ,
} from '../generated/constants/common.ts';
import {
  STATUS_CANNOT_DELETE,
  STATUS_CHILD_MUST_BE_VOLATILE,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_KEY_DELETED,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_REGISTRY_QUOTA_LIMIT,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { DEEPEST_KEY, foldName, LARGEST_VALUE, LONGEST_KEY_NAME, LONGEST_VALUE_NAME } from './key.ts';
import { Registry } from './registry.ts';

function createRegistry() {
  let now = 0;
  return { registry: new Registry(() => now), advance: (time: number) => (now += time) };
}

describe('host interface', () => {
  test('values of every type come back as they were set', () => {
    const key = createRegistry().registry.create('HKLM\\Software\\Test');
    key
      .set('text', 'a\u00e4')
      .set('number', 0xffff_fffe)
      .set('big', 2n ** 63n)
      .set('list', ['one', 'two']);
    key.set('bytes', Uint8Array.of(1, 2)).set('', 'default').set('negative', -1);
    key.set('expand', '%PATH%', REG_EXPAND_SZ).set('swapped', 0x0102_0304, REG_DWORD_BIG_ENDIAN);
    expect(Object.fromEntries(key.values().map(({ name, data }) => [name, data]))).toEqual({
      text: 'a\u00e4',
      number: 0xffff_fffe,
      big: 2n ** 63n,
      list: ['one', 'two'],
      bytes: Uint8Array.of(1, 2),
      '': 'default',
      negative: 0xffff_ffff,
      expand: '%PATH%',
      swapped: 0x0102_0304,
    });
    expect(key.getRaw('text')).toEqual({ type: REG_SZ, data: Uint8Array.of(0x61, 0, 0xe4, 0, 0, 0) });
    expect(key.getRaw('swapped')?.data).toEqual(Uint8Array.of(1, 2, 3, 4));
  });

  test('a value whose bytes do not fit its type comes back as bytes', () => {
    const key = createRegistry().registry.create('HKLM\\Software\\Test');
    key.set('odd', Uint8Array.of(1, 2, 3), 4);
    expect(key.get('odd')).toEqual(Uint8Array.of(1, 2, 3));
    key.set('none', Uint8Array.of(), REG_NONE).set('unterminated', Uint8Array.of(0x61, 0), REG_MULTI_SZ);
    expect(key.get('unterminated')).toEqual(['a']);
  });

  test('what does not fit a type is refused with a code', () => {
    const key = createRegistry().registry.create('HKLM\\Software\\Test');
    expect(() => key.set('x', 'text', 4)).toThrow(expect.objectContaining({ code: 'REGISTRY_VALUE_TYPE' }));
    expect(() => key.set('x', 1.5)).toThrow(expect.objectContaining({ code: 'REGISTRY_VALUE_TYPE' }));
    expect(() => key.set('x', ['a', ''])).toThrow(expect.objectContaining({ code: 'REGISTRY_VALUE_TYPE' }));
  });

  test('a path below no known root is refused with a code', () => {
    expect(() => createRegistry().registry.open('C:\\Windows')).toThrow(
      expect.objectContaining({ code: 'REGISTRY_PATH' }),
    );
  });

  test('names compare without case and keep the case of the first writer', () => {
    const { registry } = createRegistry();
    registry.create('HKLM\\Software\\Acme').set('Speed', 1);
    const key = registry.open('\\REGISTRY\\machine\\SOFTWARE\\ACME');
    expect(key?.name).toBe('Acme');
    key?.set('SPEED', 2);
    expect(key?.values()).toEqual([{ name: 'Speed', type: 4, data: 2 }]);
    expect(key?.delete('speed')).toBe(true);
    expect(key?.delete('speed')).toBe(false);
  });

  test('CurrentControlSet is an alias of ControlSet001', () => {
    const { registry } = createRegistry();
    registry.create('\\Registry\\Machine\\System\\CurrentControlSet\\Services\\x').set('Start', 3);
    const key = registry.open('HKLM\\System\\ControlSet001\\Services\\X');
    expect(key?.get('start')).toBe(3);
    expect(key?.path).toBe('\\Registry\\Machine\\System\\ControlSet001\\Services\\x');
  });

  test('subkeys are listed sorted without case', () => {
    const key = createRegistry().registry.create('HKLM\\Software\\Test');
    for (const name of ['b', 'A', 'c', 'B2']) key.create(name);
    expect(key.keys()).toEqual(['A', 'b', 'B2', 'c']);
  });
});

describe('limits and statuses', () => {
  test('names and depth are bounded as Windows bounds them (registry element size limits)', () => {
    const { registry } = createRegistry();
    const { key } = registry.create('HKLM\\Software\\Test');
    expect(registry.createKey(key, 'k'.repeat(LONGEST_KEY_NAME)).status).toBe(STATUS_SUCCESS);
    expect(registry.createKey(key, 'k'.repeat(LONGEST_KEY_NAME + 1)).status).toBe(STATUS_INVALID_PARAMETER);
    const none = new Uint8Array(0);
    expect(registry.setValue(key, 'v'.repeat(LONGEST_VALUE_NAME), 0, none)).toBe(STATUS_SUCCESS);
    expect(registry.setValue(key, 'v'.repeat(LONGEST_VALUE_NAME + 1), 0, none)).toBe(
      STATUS_INVALID_PARAMETER,
    );
    expect(registry.setValue(key, 'big', 0, new Uint8Array(LARGEST_VALUE))).toBe(STATUS_SUCCESS);
    expect(registry.setValue(key, 'big', 0, new Uint8Array(LARGEST_VALUE + 1))).toBe(
      STATUS_INSUFFICIENT_RESOURCES,
    );
    // Test lies three levels below the root.
    const deepest = Array.from({ length: DEEPEST_KEY - 3 }, () => 'd').join('\\');
    expect(registry.createKey(key, deepest).status).toBe(STATUS_SUCCESS);
    expect(registry.createKey(key, `${deepest}\\d`).status).toBe(STATUS_INVALID_PARAMETER);
    expect(registry.deleteTree(key)).toBe(STATUS_SUCCESS);
  });

  test('the whole registry is bounded, and deleting gives back what was used', () => {
    const { registry } = createRegistry();
    const before = registry.used;
    const { key } = registry.create('HKLM\\Software\\Test');
    const big = new Uint8Array(LARGEST_VALUE);
    let status: number = STATUS_SUCCESS;
    for (let i = 0; status === STATUS_SUCCESS && i < 100; i++)
      status = registry.setValue(key, `v${i}`, REG_BINARY, big);
    expect(status).toBe(STATUS_REGISTRY_QUOTA_LIMIT);
    expect(registry.deleteKey(key)).toBe(STATUS_SUCCESS);
    expect(registry.used).toBe(before);
  });

  test('paths with empty names are refused', () => {
    const { registry } = createRegistry();
    expect(registry.openKey(registry.root, 'a\\\\b').status).toBe(STATUS_OBJECT_NAME_INVALID);
    expect(registry.openKey(registry.root, '\\').status).toBe(STATUS_OBJECT_NAME_INVALID);
    expect(registry.openPath('Registry\\Machine').status).toBe(STATUS_OBJECT_PATH_SYNTAX_BAD);
    expect(registry.openPath('\\Device').status).toBe(STATUS_OBJECT_NAME_NOT_FOUND);
  });

  test('a key with subkeys cannot be deleted, and a deleted key answers STATUS_KEY_DELETED', () => {
    const { registry } = createRegistry();
    const { key } = registry.create('HKLM\\Software\\Test');
    const child = registry.create('HKLM\\Software\\Test\\Child').key;
    expect(registry.deleteKey(key)).toBe(STATUS_CANNOT_DELETE);
    expect(registry.deleteKey(child)).toBe(STATUS_SUCCESS);
    expect(registry.setValue(child, 'x', 0, new Uint8Array(1))).toBe(STATUS_KEY_DELETED);
    expect(registry.openKey(child, '').status).toBe(STATUS_KEY_DELETED);
    expect(registry.deleteKey(registry.root)).toBe(STATUS_CANNOT_DELETE);
  });

  test('a key below a volatile key must be volatile', () => {
    const { registry } = createRegistry();
    const { key } = registry.create('HKLM\\Software\\Test', { volatile: true });
    expect(registry.createKey(key, 'stable').status).toBe(STATUS_CHILD_MUST_BE_VOLATILE);
    expect(registry.createKey(key, 'fleeting', { volatile: true }).status).toBe(STATUS_SUCCESS);
  });
});

test('changes raise the sequence of their key and reach the watchers above', () => {
  const { registry, advance } = createRegistry();
  const key = registry.create('HKLM\\Software\\Test');
  const other = registry.create('HKLM\\Software\\Other');
  const seen: string[] = [];
  const stop = key.watch((change) => seen.push(`${change.kind} ${change.key.name} ${change.valueName}`));
  const before = key.sequence;
  advance(5);
  key.set('a', 1);
  expect(key.sequence).toBeGreaterThan(before);
  expect(key.key.lastWriteTime).toBe(5);
  other.set('b', 1);
  const child = key.create('Child');
  child.delete('nothing');
  child.deleteTree();
  stop();
  key.set('a', 2);
  expect(seen).toEqual(['valueSet Test a', 'keyCreated Child ', 'keyDeleted Child ']);
});

test('the registry behaves as a map with folded names', () => {
  const name = fc.string({ unit: 'binary', minLength: 0, maxLength: 4 });
  const step = fc.record({ name, remove: fc.boolean(), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { registry } = createRegistry();
      const key = registry.create('HKLM\\Software\\Test');
      const model = new Map<string, number>();
      for (const { name: text, remove, byte } of steps) {
        if (remove) expect(key.delete(text)).toBe(model.delete(foldName(text)));
        else {
          key.set(text, Uint8Array.of(byte));
          model.set(foldName(text), byte);
        }
      }
      expect(key.values().map((value) => [foldName(value.name), value.data])).toEqual(
        [...model].map(([folded, byte]) => [folded, Uint8Array.of(byte)]),
      );
    }),
  );
});

test('a registry is plain data that a structured clone holds', () => {
  const { registry } = createRegistry();
  registry.create('HKLM\\Software\\Test').set('a', 'b');
  const copy = structuredClone(registry.root);
  expect(copy).toEqual(registry.root);
});
