import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  buildImage,
  CODE,
  DATA,
  DISCARDABLE,
  directoryEntry,
  type ImageParts,
  OPTIONAL_HEADER,
  SECTION_HEADERS,
  SIGNATURE,
} from '../../../test/support/peBuilder.ts';
import { PAGE_EXECUTE, PAGE_READ, PAGE_WRITE } from '../../memory/index.ts';
import { computeChecksum } from './checksum.ts';
import { PeImageError, type PeImageErrorCode, parseImage } from './index.ts';

/** An image with one of everything. */
const FULL: ImageParts = {
  sections: [
    { name: '.text', contents: new Uint8Array(64).fill(0xc3) },
    { name: '.data', contents: new Uint8Array(64).fill(1), size: 0x3000, flags: DATA },
    { name: 'INIT', contents: [0xc3], flags: CODE | DISCARDABLE },
  ],
  imports: { 'ntoskrnl.exe': ['IoDeleteDevice', 17], 'NDIS.SYS': ['NdisMSendNetBufferListsComplete'] },
  delayedImports: { 'netio.sys': ['WskRegister'] },
  exports: [
    { name: 'Entry', rva: (places) => places.section('.text') },
    { rva: (places) => places.section('.text') + 8 },
    { name: 'Copy', forwarder: 'ntoskrnl.RtlCopyMemory' },
  ],
  relocations: (places) => [places.section('.data'), places.section('.data') + 24],
  loadConfiguration: {
    cookie: (places) => places.section('.data') + 8,
    guardCheck: (places) => places.section('.data') + 16,
    guardDispatch: (places) => places.section('.data') + 32,
    guardFunctions: (places) => [places.section('.text') + 16, places.section('.text')],
  },
};

const SMALL: ImageParts = { sections: [{ name: '.text', contents: [0xc3] }] };

function with32(parts: ImageParts, at: number, value: number): Uint8Array {
  const bytes = buildImage(parts);
  new DataView(bytes.buffer).setUint32(at, value, true);
  return bytes;
}

function with16(parts: ImageParts, at: number, value: number): Uint8Array {
  const bytes = buildImage(parts);
  new DataView(bytes.buffer).setUint16(at, value, true);
  return bytes;
}

function errorOf(bytes: Uint8Array): PeImageError {
  try {
    parseImage(bytes, 'test.sys');
  } catch (error) {
    if (error instanceof PeImageError) return error;
    throw error;
  }
  throw new Error('the image was accepted');
}

describe('debug/pe-format: what an image says', () => {
  const image = parseImage(buildImage(FULL), 'test.sys');
  const sectionAt = (name: string): number => image.sections.find((s) => s.name === name)?.rva ?? 0;

  test('sections with their protections', () => {
    expect(image.sections.slice(0, 3)).toMatchObject([
      { name: '.text', rva: 0x1000, size: 64, protection: PAGE_READ | PAGE_EXECUTE, discardable: false },
      { name: '.data', rva: 0x2000, size: 0x3000, protection: PAGE_READ | PAGE_WRITE },
      { name: 'INIT', rva: 0x5000, protection: PAGE_READ | PAGE_EXECUTE, discardable: true },
    ]);
    expect(image).toMatchObject({ entryPoint: 0x1000, headersSize: 0x400, flat: false, library: false });
    expect(image.contents[0x2000 + 63]).toBe(1);
    expect(image.contents[0x2000 + 64]).toBe(0);
  });

  test('imports by name, by ordinal and with delay', () => {
    expect(image.imports.map(({ dll, symbol, delayed }) => [dll, symbol, delayed])).toEqual([
      ['ntoskrnl.exe', 'IoDeleteDevice', false],
      ['ntoskrnl.exe', 17, false],
      ['NDIS.SYS', 'NdisMSendNetBufferListsComplete', false],
      ['netio.sys', 'WskRegister', true],
    ]);
    expect(image.imports[1].slot).toBe(image.imports[0].slot + 8);
  });

  test('exports by name, by ordinal and forwarded', () => {
    expect(image.exportName).toBe('test.sys');
    expect(image.exports).toEqual([
      { name: 'Entry', ordinal: 1, rva: 0x1000, forwarder: null },
      { name: null, ordinal: 2, rva: 0x1008, forwarder: null },
      { name: 'Copy', ordinal: 3, rva: 0, forwarder: 'ntoskrnl.RtlCopyMemory' },
    ]);
  });

  test('relocations without their padding', () => {
    expect([...image.relocations]).toEqual([0x2000, 0x2018]);
    const three = { ...FULL, relocations: () => [0x2000, 0x2010, 0x2028] };
    expect([...parseImage(buildImage(three), 'test.sys').relocations]).toEqual([0x2000, 0x2010, 0x2028]);
  });

  test('the load configuration', () => {
    const data = sectionAt('.data');
    expect(image.loadConfiguration).toMatchObject({
      securityCookie: data + 8,
      guardCheckSlot: data + 16,
      guardDispatchSlot: data + 32,
      guardFlags: 0x500,
    });
    expect([...image.loadConfiguration.guardFunctions]).toEqual([0x1000, 0x1010]);
  });

  test('members behind the stated size of the load configuration do not exist', () => {
    const bytes = buildImage(FULL);
    const config = image.sections.find((section) => section.name === '.config');
    new DataView(bytes.buffer).setUint32(config?.rawOffset ?? 0, 0x60, true);
    const { loadConfiguration } = parseImage(bytes, 'test.sys');
    expect(loadConfiguration).toMatchObject({ securityCookie: 0x2008, guardCheckSlot: 0, guardFlags: 0 });
    expect(loadConfiguration.guardFunctions).toHaveLength(0);
  });

  test('sections aligned to less than a page make one flat range', () => {
    const flat = parseImage(buildImage({ ...FULL, alignment: 0x20 }), 'test.sys');
    expect(flat).toMatchObject({ flat: true, size: 0x4000 });
    expect(flat.contents[flat.entryPoint]).toBe(0xc3);
    expect(flat.imports).toHaveLength(4);
  });

  test('a checksum that differs is a note', () => {
    const right = buildImage(FULL);
    const checksum = computeChecksum(right, OPTIONAL_HEADER + 64);
    new DataView(right.buffer).setUint32(OPTIONAL_HEADER + 64, checksum, true);
    expect(parseImage(right, 'test.sys')).toMatchObject({ checksum, computedChecksum: checksum, notes: [] });
    right[0x400] ^= 0xff;
    expect(parseImage(right, 'test.sys').notes).toEqual([expect.stringContaining('checksum')]);
  });

  test('what stands behind the last section is ignored', () => {
    const plain = buildImage(FULL);
    const longer = new Uint8Array(plain.length + 1000).fill(0xaa);
    longer.set(plain);
    const { contents } = parseImage(longer, 'test.sys');
    expect(contents).toEqual(image.contents);
  });
});

describe('debug/pe-format: lies of the headers', () => {
  const lies: [what: string, bytes: () => Uint8Array, code: PeImageErrorCode, offset?: number][] = [
    ['an empty file', () => new Uint8Array(0), 'IMAGE_NOT_PE', 0],
    ['a text', () => new TextEncoder().encode('#!/bin/sh\necho hello'), 'IMAGE_NOT_PE', 0],
    ['headers at an odd place', () => with32(SMALL, 60, 0x41), 'IMAGE_NOT_PE', 60],
    ['headers behind the end', () => with32(SMALL, 60, 0xffff_fffc), 'IMAGE_TRUNCATED'],
    ['no signature', () => with32(SMALL, SIGNATURE, 0), 'IMAGE_NOT_PE', SIGNATURE],
    ['32-bit x86', () => buildImage({ ...SMALL, machine: 0x14c }), 'IMAGE_MACHINE', SIGNATURE + 4],
    ['ARM64', () => buildImage({ ...SMALL, machine: 0xaa64 }), 'IMAGE_MACHINE', SIGNATURE + 4],
    ['PE32', () => with16(SMALL, OPTIONAL_HEADER, 0x10b), 'IMAGE_MACHINE', OPTIONAL_HEADER],
    ['no PE32+', () => with16(SMALL, OPTIONAL_HEADER, 0x107), 'IMAGE_HEADER'],
    ['a console program', () => buildImage({ ...SMALL, subsystem: 3 }), 'IMAGE_KIND', OPTIONAL_HEADER + 68],
    ['an EFI driver', () => buildImage({ ...SMALL, subsystem: 11 }), 'IMAGE_KIND'],
    ['an object file', () => buildImage({ ...SMALL, characteristics: 0x20 }), 'IMAGE_KIND'],
    ['no sections', () => with16(SMALL, SIGNATURE + 6, 0), 'IMAGE_SECTIONS'],
    ['97 sections', () => with16(SMALL, SIGNATURE + 6, 97), 'IMAGE_TOO_LARGE'],
    ['a short optional header', () => with16(SMALL, SIGNATURE + 20, 64), 'IMAGE_HEADER'],
    ['more directories than room', () => with16(SMALL, SIGNATURE + 20, 120), 'IMAGE_HEADER'],
    ['an alignment of 0', () => with32(SMALL, OPTIONAL_HEADER + 32, 0), 'IMAGE_HEADER', OPTIONAL_HEADER + 32],
    ['an alignment of 0x1800', () => with32(SMALL, OPTIONAL_HEADER + 32, 0x1800), 'IMAGE_HEADER'],
    ['a file alignment of 0x300', () => with32(SMALL, OPTIONAL_HEADER + 36, 0x300), 'IMAGE_HEADER'],
    ['a file alignment of 0x100', () => with32(SMALL, OPTIONAL_HEADER + 36, 0x100), 'IMAGE_HEADER'],
    ['a file alignment above', () => with32(SMALL, OPTIONAL_HEADER + 36, 0x2000), 'IMAGE_HEADER'],
    ['an odd base', () => with32(SMALL, OPTIONAL_HEADER + 24, 0x1000), 'IMAGE_HEADER'],
    ['an image of 2 GiB', () => with32(SMALL, OPTIONAL_HEADER + 56, 0x8000_0000), 'IMAGE_TOO_LARGE'],
    ['an image of nothing', () => with32(SMALL, OPTIONAL_HEADER + 56, 0), 'IMAGE_HEADER'],
    ['headers behind the file', () => with32(SMALL, OPTIONAL_HEADER + 60, 0x1000), 'IMAGE_TRUNCATED'],
    ['headers too small', () => with32(SMALL, OPTIONAL_HEADER + 60, 0x100), 'IMAGE_HEADER'],
    ['no entry point', () => with32(SMALL, OPTIONAL_HEADER + 16, 0), 'IMAGE_ENTRY_POINT'],
    ['an entry point in the headers', () => with32(SMALL, OPTIONAL_HEADER + 16, 0x40), 'IMAGE_ENTRY_POINT'],
    ['an entry point outside', () => with32(SMALL, OPTIONAL_HEADER + 16, 0x9000), 'IMAGE_ENTRY_POINT'],
    ['an entry point in data', () => with32(FULL, OPTIONAL_HEADER + 16, 0x2000), 'IMAGE_ENTRY_POINT'],
    ['relocations stripped', () => buildImage({ ...SMALL, characteristics: 0x23 }), 'IMAGE_RELOCATIONS'],
  ];
  test.each(lies)('%s', (_, bytes, code, offset) => {
    const error = errorOf(bytes());
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^test\.sys: at file offset 0x/);
    if (offset !== undefined) expect(error.offset).toBe(offset);
  });
});

describe('debug/pe-format: lies of the sections', () => {
  const second = SECTION_HEADERS + 40;
  const lies: [what: string, at: number, value: number, code: PeImageErrorCode][] = [
    ['one over another', second + 12, 0x1000, 'IMAGE_SECTIONS'],
    ['a hole', second + 12, 0x4000, 'IMAGE_SECTIONS'],
    ['an address that wraps', second + 12, 0xffff_f000, 'IMAGE_SECTIONS'],
    ['a size that wraps', second + 8, 0xffff_ffff, 'IMAGE_SECTIONS'],
    ['a size behind the image', SECTION_HEADERS + 2 * 40 + 8, 0x2_0000, 'IMAGE_SECTIONS'],
    ['bytes behind the file', second + 16, 0x10_0000, 'IMAGE_TRUNCATED'],
    ['bytes that wrap', second + 20, 0xffff_fe00, 'IMAGE_TRUNCATED'],
    ['bytes at an odd place', second + 20, 0x401, 'IMAGE_SECTIONS'],
  ];
  test.each(lies)('%s', (_, at, value, code) => {
    expect(errorOf(with32(FULL, at, value)).code).toBe(code);
  });

  test('an empty one', () => {
    const bytes = buildImage(SMALL);
    new DataView(bytes.buffer).setUint32(SECTION_HEADERS + 8, 0, true);
    // Without a size in memory it has the one in the file.
    expect(parseImage(bytes, 'test.sys').sections[0].size).toBe(0x200);
    new DataView(bytes.buffer).setUint32(SECTION_HEADERS + 16, 0, true);
    expect(errorOf(bytes).code).toBe('IMAGE_SECTIONS');
  });

  test('a flat image whose sections lie elsewhere in the file', () => {
    const bytes = with32({ ...FULL, alignment: 0x20 }, second + 20, 0x220);
    expect(errorOf(bytes).code).toBe('IMAGE_SECTIONS');
  });
});

describe('debug/pe-format: lies of the tables', () => {
  const image = parseImage(buildImage(FULL), 'test.sys');
  const fileOffset = (name: string): number => image.sections.find((s) => s.name === name)?.rawOffset ?? 0;
  const [imports, delayed, exports, config, relocations] = [
    '.idata',
    '.didat',
    '.edata',
    '.config',
    '.reloc',
  ].map(fileOffset);
  const lies: [what: string, at: number, value: number, code: PeImageErrorCode][] = [
    ['imports outside', directoryEntry(1), 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['the name of a file outside', imports + 12, 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['slots outside', imports + 16, 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['slots in the headers', imports + 16, 0x40, 'IMAGE_DIRECTORY'],
    ['names outside', imports, 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['names that are none', imports, 0x2000, 'IMAGE_DIRECTORY'],
    ['a delayed file outside', delayed + 4, 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['delayed imports by address', delayed, 0, 'IMAGE_DIRECTORY'],
    ['exports outside', directoryEntry(0), 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['more exports than there are ordinals', exports + 20, 0x1_0001, 'IMAGE_TOO_LARGE'],
    ['a table of exports outside', exports + 28, 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['a function outside', exports + 40, 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['fewer functions than names', exports + 20, 1, 'IMAGE_DIRECTORY'],
    ['a load configuration outside', directoryEntry(10), 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['a load configuration too large', config, 0x1000_0000, 'IMAGE_DIRECTORY'],
    ['a cookie outside', config + 0x58, 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['a cookie in another window', config + 0x5c, 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['endless guard functions', config + 0x88, 0xffff_ffff, 'IMAGE_TOO_LARGE'],
    ['guard functions behind the section', config + 0x88, 0x1000, 'IMAGE_DIRECTORY'],
    ['relocations outside', directoryEntry(5), 0x7fff_0000, 'IMAGE_DIRECTORY'],
    ['a block of relocations that is too small', relocations + 4, 4, 'IMAGE_RELOCATIONS'],
    ['a block of relocations that wraps', relocations + 4, 0xffff_fff8, 'IMAGE_RELOCATIONS'],
    ['a relocation of another type', relocations + 8, 0x3000_3000, 'IMAGE_RELOCATIONS'],
    ['a relocation outside', relocations, 0x7fff_0000, 'IMAGE_RELOCATIONS'],
    ['a relocation of the headers', relocations, 0, 'IMAGE_RELOCATIONS'],
    ['an exception table outside', directoryEntry(3), 0x7fff_0000, 'IMAGE_DIRECTORY'],
  ];
  test.each(lies)('%s', (what, at, value, code) => {
    const bytes = with32(FULL, at, value);
    if (what.startsWith('an exception')) new DataView(bytes.buffer).setUint32(at + 4, 12, true);
    const error = errorOf(bytes);
    expect(error.code).toBe(code);
    expect(error.offset).toBeLessThan(bytes.length);
  });

  test('damaged tables that nobody needs are notes', () => {
    const bytes = buildImage(FULL);
    const data = new DataView(bytes.buffer);
    for (const number of [2, 6]) {
      data.setUint32(directoryEntry(number), 0x7fff_0000, true);
      data.setUint32(directoryEntry(number) + 4, 0x100, true);
    }
    expect(parseImage(bytes, 'test.sys').notes).toEqual([expect.stringContaining('debug directory')]);
  });
});

describe('any bytes', () => {
  const base = buildImage(FULL);
  /** Bytes of headers and tables: everything but code and data. */
  const loads = (bytes: Uint8Array): void => {
    const start = performance.now();
    try {
      parseImage(bytes, 'test.sys');
    } catch (error) {
      if (!(error instanceof PeImageError)) throw error;
    }
    expect(performance.now() - start).toBeLessThan(1000);
  };

  test('each byte changed to several values loads or is refused', () => {
    for (let at = 0; at < base.length; at++) {
      for (const mask of [0x01, 0x10, 0x80, 0xff]) {
        const bytes = base.slice();
        bytes[at] ^= mask;
        loads(bytes);
      }
    }
  });

  test('each truncation loads or is refused', () => {
    for (let length = 0; length < base.length; length++) loads(base.slice(0, length));
    expect(errorOf(base.slice(0, 0x600)).code).toBe('IMAGE_TRUNCATED');
  });

  test('any four bytes anywhere, several times, load or are refused', () => {
    const change = fc.record({
      at: fc.nat(base.length - 4),
      value: fc.oneof(
        fc.constantFrom(0, 1, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 0x1000, 0x2000),
        fc.nat(0x8000),
        fc.integer({ min: 0, max: 0xffff_ffff }),
      ),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = base.slice();
        const data = new DataView(bytes.buffer);
        for (const { at, value } of changes) data.setUint32(at, value, true);
        loads(bytes);
      }),
      { numRuns: 3000 },
    );
  });
});
