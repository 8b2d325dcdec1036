import { describe, expect, test } from 'vitest';
import { buildImage, directoryEntry, READ_ONLY } from '../../../test/support/peBuilder.ts';
import { parseImage } from './index.ts';

const u16 = (value: number): number[] => [value & 0xff, value >>> 8];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
const codes = (text: string): number[] => Array.from(text, (unit) => unit.charCodeAt(0));
const utf16 = (text: string): number[] => codes(`${text}\0`).flatMap(u16);
const pad4 = (bytes: number[]): number[] => [...bytes, ...new Uint8Array(-bytes.length & 3)];

/** A node of a version resource: length, length of its value, type, key, value, children. */
function node(key: string, value: number[], children: number[][] = [], valueLength = value.length): number[] {
  const head = pad4([0, 0, 0, 0, 0, 0, ...utf16(key)]);
  const body = children.reduce((all, child) => [...pad4(all), ...child], [...head, ...value]);
  return [...u16(body.length), ...u16(valueLength), ...u16(1), ...body.slice(6)];
}

const FIXED = [
  ...u32(0xfeef04bd),
  ...u32(0x1_0000),
  ...[2, 1, 4, 3].flatMap(u16),
  ...[6, 5, 8, 7].flatMap(u16),
  ...new Uint8Array(28),
];
const text = (key: string, value: string): number[] => node(key, utf16(value), [], value.length + 1);
const VERSION = node('VS_VERSION_INFO', FIXED, [
  node('VarFileInfo', [], [node('Translation', u32(0x04b0_0409))]),
  node(
    'StringFileInfo',
    [],
    [node('040904b0', [], [text('CompanyName', 'Some'), text('FileDescription', 'A driver')])],
  ),
]);

/** A directory of resources with one entry on each level, at the start of a section. */
function resources(rva: number, type: number): number[] {
  const level = (id: number, target: number): number[] => [
    ...new Uint8Array(14),
    ...u16(1),
    ...u32(id),
    ...u32(target),
  ];
  return [
    ...level(type, 0x8000_0018),
    ...level(1, 0x8000_0030),
    ...level(0x409, 0x48),
    ...[rva + 0x58, VERSION.length, 0, 0].flatMap(u32),
    ...VERSION,
  ];
}

function withDirectory(number: number, contents: (rva: number) => number[], size?: number): Uint8Array {
  const bytes = buildImage({
    sections: [
      { name: '.text', contents: [0xc3] },
      { name: '.rsrc', contents: (places) => contents(places.section('.rsrc')), flags: READ_ONLY },
    ],
  });
  const data = new DataView(bytes.buffer);
  data.setUint32(directoryEntry(number), 0x2000, true);
  data.setUint32(directoryEntry(number) + 4, size ?? contents(0x2000).length, true);
  return bytes;
}

describe('menurc/vs-versioninfo: the version of an image', () => {
  test('file version, product version and texts', () => {
    const { version, notes } = parseImage(
      withDirectory(2, (rva) => resources(rva, 16)),
      'test.sys',
    );
    expect(version).toEqual({
      fileVersion: '1.2.3.4',
      productVersion: '5.6.7.8',
      strings: new Map([
        ['CompanyName', 'Some'],
        ['FileDescription', 'A driver'],
      ]),
    });
    expect(notes).toEqual([]);
  });

  test('other resources are no version', () => {
    const { version, notes } = parseImage(
      withDirectory(2, (rva) => resources(rva, 24)),
      'test.sys',
    );
    expect(version).toBeNull();
    expect(notes).toEqual([]);
  });

  test('a damaged one keeps nobody from loading: whatever byte of it is changed', () => {
    const whole = withDirectory(2, (rva) => resources(rva, 16));
    const start = parseImage(whole, 'test.sys').sections[1].rawOffset;
    let damaged = 0;
    for (let at = start; at < start + VERSION.length + 0x58; at++) {
      for (const mask of [1, 0x80, 0xff]) {
        const bytes = whole.slice();
        bytes[at] ^= mask;
        const { version, notes } = parseImage(bytes, 'test.sys');
        if (notes.length > 0) {
          expect(notes).toEqual(['test.sys: the version resource is damaged']);
          expect(version).toBeNull();
          damaged++;
        }
      }
    }
    expect(damaged).toBeGreaterThan(20);
  });
});

describe('debug/pe-format: the name of the symbol file', () => {
  const entry = (rva: number, type: number, size: number): number[] =>
    [0, 0, 0, type, size, rva, 0].flatMap(u32);
  const codeView = [
    ...u32(0x53445352),
    ...u32(0x112233),
    ...[0x4455, 0x6677, 0x9988, 0x0201, 0x0403, 0x0605].flatMap(u16),
    ...u32(7),
    ...codes('C:\\out\\test.pdb\0'),
  ];

  test('path, GUID and age of the CodeView entry', () => {
    const contents = (rva: number): number[] => [
      ...entry(0, 13, 0),
      ...entry(rva + 56, 2, codeView.length),
      ...codeView,
    ];
    expect(parseImage(withDirectory(6, contents, 56), 'test.sys').debugName).toEqual({
      path: 'C:\\out\\test.pdb',
      guid: '00112233-4455-6677-8899-010203040506',
      age: 7,
    });
  });

  test('one that lies nowhere is a note', () => {
    const { debugName, notes } = parseImage(
      withDirectory(6, () => entry(0x9000, 2, 40), 28),
      'test.sys',
    );
    expect(debugName).toBeNull();
    expect(notes).toEqual(['test.sys: the debug directory is damaged']);
  });
});
