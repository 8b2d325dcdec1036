import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildImage, CODE, DATA, DISCARDABLE, type ImageParts } from '../../../test/support/peBuilder.ts';
import { Random } from '../../kernel/index.ts';
import {
  KERNEL_WINDOW_HIGH,
  KernelMemory,
  PAGE_EXECUTE,
  PAGE_NONE,
  PAGE_READ,
  PAGE_SIZE,
  PAGE_WRITE,
  Pages,
} from '../../memory/index.ts';
import { PeImageError, parseImage } from '../pe/index.ts';
import { type ImportModule, importResolver, type MapOptions, mapImage } from './index.ts';

const COOKIE = [0x32, 0xa2, 0xdf, 0x2d, 0x99, 0x2b, 0, 0];
/** The address 0x140002010 of the image at its preferred base, at the start; a cookie at 8. */
const DATA_BYTES = [0x10, 0x20, 0, 0x40, 1, 0, 0, 0, ...COOKIE, ...new Uint8Array(32).fill(0)];
const PARTS: ImageParts = {
  sections: [
    { name: '.text', contents: new Uint8Array(16).fill(0xc3) },
    { name: '.data', contents: DATA_BYTES, size: 0x2000, flags: DATA },
    { name: 'INIT', contents: [0xc3], flags: CODE | DISCARDABLE },
    { name: 'RWX', contents: [0xc3], flags: 0xe000_0020 },
  ],
  imports: { 'ntoskrnl.exe': ['IoDeleteDevice', 17], 'NDIS.SYS': ['NdisSend'] },
  exports: [{ name: 'Entry', rva: (places) => places.section('.text') + 4 }],
  relocations: (places) => [places.section('.data')],
  loadConfiguration: {
    cookie: (places) => places.section('.data') + 8,
    guardCheck: (places) => places.section('.data') + 16,
    guardDispatch: (places) => places.section('.data') + 24,
    guardFunctions: (places) => [places.section('.text')],
  },
};

const RESOLVE = (_: string, symbol: string | number): number => (symbol === 17 ? 0x2_0000 : 0x7800_0010);

function map(parts: ImageParts = PARTS, options: Partial<MapOptions> = {}) {
  const memory = new KernelMemory(0x10_0000);
  const pages = new Pages(memory);
  const random = new Random(1);
  const image = parseImage(buildImage(parts), 'test.sys');
  // Whatever was in the pages before must not show.
  memory.u8.fill(0xaa);
  const loaded = mapImage(pages, image, { resolve: RESOLVE, random: () => random.next(), ...options });
  return { memory, pages, loaded, image, base: loaded.base };
}

describe('mapping an image', () => {
  test('contents, zeros behind them, and addresses moved to the base', () => {
    const { memory, base, loaded, image } = map();
    expect([...memory.u8.subarray(base + 0x1000, base + 0x1011)]).toEqual([
      ...new Uint8Array(16).fill(0xc3),
      0,
    ]);
    expect(memory.u8[base + 0x3fff]).toBe(0);
    expect(memory.readPointer(base + 0x2000)).toBe(base + 0x2010);
    expect(memory.i32[(base + 0x2004) >> 2]).toBe(KERNEL_WINDOW_HIGH);
    expect(loaded.entryPoint).toBe(base + 0x1000);
    expect(loaded.size).toBe(image.size);
  });

  test('any address of the image moves with it, whatever its preferred base is', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 0xffff_ffff_ffffn), fc.nat(0xffff), (high, rva) => {
        const preferred = high << 16n;
        const bytes = buildImage({ ...PARTS, loadConfiguration: {} });
        const data = new DataView(bytes.buffer);
        data.setBigUint64(0x58 + 24, preferred, true);
        const image = parseImage(bytes, 'test.sys');
        new DataView(image.contents.buffer).setBigUint64(0x2000, preferred + BigInt(rva), true);
        const memory = new KernelMemory(0x10_0000);
        const { base } = mapImage(new Pages(memory), image, { resolve: RESOLVE, random: () => 0 });
        expect(memory.data.getBigUint64(base + 0x2000, true)).toBe(
          0xffff_8000_0000_0000n + BigInt(base + rva),
        );
      }),
    );
  });

  test('pages are protected as the sections say', () => {
    const { pages, base } = map();
    const at = (rva: number): number => pages.protectionAt(base + rva);
    expect(at(0)).toBe(PAGE_READ);
    expect(at(0x1000)).toBe(PAGE_READ | PAGE_EXECUTE);
    expect(at(0x3000)).toBe(PAGE_READ | PAGE_WRITE);
    expect(at(0x5000)).toBe(PAGE_READ | PAGE_WRITE | PAGE_EXECUTE);
  });

  test('a flat image is one range that may be read, written and executed', () => {
    const { pages, base, loaded } = map({ ...PARTS, alignment: 0x20 });
    for (let rva = 0; rva < loaded.size; rva += PAGE_SIZE) {
      expect(pages.protectionAt(base + rva)).toBe(PAGE_READ | PAGE_WRITE | PAGE_EXECUTE);
    }
    expect(loaded.code).toEqual([{ start: base, end: base + loaded.size }]);
    loaded.discardInit();
    expect(pages.protectionAt(base)).toBe(PAGE_READ | PAGE_WRITE | PAGE_EXECUTE);
  });

  test('import slots hold functions and variables', () => {
    const { memory, base, image } = map();
    const slots = image.imports.map(({ slot }) => memory.readPointer(base + slot));
    expect(slots).toEqual([0x7800_0010, 0x2_0000, 0x7800_0010]);
    expect(memory.i32[(base + image.imports[0].slot + 4) >> 2]).toBe(KERNEL_WINDOW_HIGH);
  });

  test('all unknown imports are listed by file, and nothing is left in memory', () => {
    const memory = new KernelMemory(0x10_0000);
    const pages = new Pages(memory);
    const image = parseImage(buildImage(PARTS), 'test.sys');
    let error: unknown;
    try {
      mapImage(pages, image, { resolve: () => null, random: () => 0 });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(PeImageError);
    expect(error).toMatchObject({
      code: 'IMAGE_IMPORTS_UNKNOWN',
      message: expect.stringContaining('ntoskrnl.exe: IoDeleteDevice, #17; ndis.sys: NdisSend'),
      imports: [
        { dll: 'ntoskrnl.exe', symbol: 'IoDeleteDevice' },
        { dll: 'ntoskrnl.exe', symbol: 17 },
        { dll: 'NDIS.SYS', symbol: 'NdisSend' },
      ],
    });
    expect(pages.used).toBe(0);
  });

  test('unknown imports may be stubbed instead', () => {
    const missing: unknown[] = [];
    const { memory, base, image } = map(PARTS, {
      resolve: (dll, symbol) => (dll === 'NDIS.SYS' ? null : RESOLVE(dll, symbol)),
      stubMissing: (what) => {
        missing.push(what);
        return 0x7800_0550;
      },
    });
    expect(missing).toEqual([{ dll: 'NDIS.SYS', symbol: 'NdisSend' }]);
    expect(memory.readPointer(base + image.imports[2].slot)).toBe(0x7800_0550);
  });

  test('without memory for it an image is refused', () => {
    const parts = {
      ...PARTS,
      sections: [...PARTS.sections, { name: '.bss', contents: [], size: 0x20_0000, flags: DATA }],
    };
    expect(() => map(parts)).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }));
  });

  test('the security cookie is random, 48 bits long, and the same for the same seed', () => {
    const read = (seed: number): bigint => {
      const random = new Random(seed);
      const { memory, base } = map(PARTS, { random: () => random.next() });
      return memory.data.getBigUint64(base + 0x2008, true);
    };
    expect(read(1)).toBe(read(1));
    expect(read(1)).not.toBe(read(2));
    expect(read(1)).not.toBe(0x2b99_2ddf_a232n);
    expect(read(1) >> 48n).toBe(0n);
  });

  test('a cookie that the image chose itself stays', () => {
    const sections = PARTS.sections.map((section) =>
      section.name === '.data' ? { ...section, contents: new Uint8Array(32).fill(7) } : section,
    );
    const { memory, base } = map({ ...PARTS, sections });
    expect(memory.data.getBigUint64(base + 0x2008, true)).toBe(0x0707_0707_0707_0707n);
  });

  test("control-flow guard's pointers lead to the machine's functions", () => {
    const { memory, base, loaded } = map(PARTS, { guard: { check: 0x7800_0100, dispatch: 0x7800_0110 } });
    expect(memory.readPointer(base + 0x2010)).toBe(0x7800_0100);
    expect(memory.readPointer(base + 0x2018)).toBe(0x7800_0110);
    expect(loaded.isCallTarget(base + 0x1000)).toBe(true);
    expect(loaded.isCallTarget(base + 0x1004)).toBe(false);
  });
});

describe('an image in memory', () => {
  test('INIT is gone after it is discarded, and its code is reported as gone', () => {
    const gone: unknown[] = [];
    const { memory, pages, loaded, base } = map(PARTS, { codeGone: (range) => gone.push(range) });
    const init = base + 0x4000;
    expect(loaded.code).toHaveLength(3);
    loaded.discardInit();
    expect(pages.protectionAt(init)).toBe(PAGE_NONE);
    expect(pages.allocate(1, PAGE_READ)).not.toBe(init);
    expect(memory.u8[init]).toBe(0xcc);
    expect(loaded.isDiscarded(init)).toBe(true);
    expect(loaded.isDiscarded(base + 0x1000)).toBe(false);
    expect(gone).toEqual([{ start: init, end: init + 1 }]);
    expect(loaded.code).toHaveLength(2);
    loaded.discardInit();
    expect(gone).toHaveLength(1);
  });

  test('unmapped, it gives all pages back', () => {
    const gone: unknown[] = [];
    const { pages, loaded, base } = map(PARTS, { codeGone: (range) => gone.push(range) });
    loaded.discardInit();
    loaded.unmap();
    loaded.unmap();
    expect(pages.used).toBe(0);
    expect(pages.protectionAt(base + 0x1000)).toBe(PAGE_NONE);
    expect(gone).toHaveLength(3);
    expect(loaded.mapped).toBe(false);
  });

  test('addresses are called by exports, or by their distance from the base', () => {
    const { loaded, base } = map();
    expect(loaded.describeAddress(base + 0x1004)).toBe('test.sys!Entry');
    expect(loaded.describeAddress(base + 0x1005)).toBe('test.sys+0x1005');
    expect(loaded.find('Entry')).toBe(base + 0x1004);
    expect(loaded.find(1)).toBe(base + 0x1004);
    expect(loaded.find('Other')).toBeNull();
    expect(loaded.sectionAt(base + 0x2fff)?.name).toBe('.data');
    expect(loaded.sectionAt(base)).toBeNull();
    expect(loaded.contains(base + loaded.size)).toBe(false);
  });
});

describe('where imports come from', () => {
  const moduleOf = (entries: Record<string, number | string>): ImportModule => ({
    find: (symbol) => entries[symbol] ?? null,
  });
  const resolve = importResolver(
    new Map([
      ['ntoskrnl', moduleOf({ KeWait: 1, RtlCopy: 2, 9: 3 })],
      ['hal', moduleOf({ HalGet: 4, KeOld: 'ntoskrnl.KeWait' })],
      [
        'ndis',
        moduleOf({ NdisCopy: 'NTOSKRNL.RtlCopy', NdisNine: 'ntoskrnl.#9', NdisLoop: 'ndis.NdisLoop' }),
      ],
    ]),
  );

  test('files are found whatever their case and extension', () => {
    expect(resolve('NTOSKRNL.EXE', 'KeWait')).toBe(1);
    expect(resolve('ntkrnlmp.exe', 'KeWait')).toBe(1);
    expect(resolve('fltmgr.sys', 'FltRegister')).toBeNull();
  });

  test('kernel and HAL stand in for each other', () => {
    expect(resolve('hal.dll', 'RtlCopy')).toBe(2);
    expect(resolve('ntoskrnl.exe', 'HalGet')).toBe(4);
    expect(resolve('ndis.sys', 'RtlCopy')).toBeNull();
  });

  test('forwarders are followed, by name and ordinal, but not in circles', () => {
    expect(resolve('hal.dll', 'KeOld')).toBe(1);
    expect(resolve('ndis.sys', 'NdisCopy')).toBe(2);
    expect(resolve('ndis.sys', 'NdisNine')).toBe(3);
    expect(resolve('ndis.sys', 'NdisLoop')).toBeNull();
  });
});
