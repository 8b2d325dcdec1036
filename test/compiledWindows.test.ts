/**
 * What machine code finds around it: the windows of the address space, exported variables, structures that inlined code
 * reads and calls through, and what becomes of the pointers it hands to functions.
 */

import { describe, expect, test } from 'vitest';
import { BugCheckError, processesOf } from '../src/kernel/index.ts';
import { Machine } from '../src/machine/index.ts';
import { Assembler } from './support/assembler.ts';
import { buildImage, DATA, type ImageParts } from './support/peBuilder.ts';

const KERNEL = 0xffff_8000_0000_0000n;

/** A driver whose DriverEntry is this code between a prologue with room for calls, and `return STATUS_SUCCESS`. */
function driver(
  write: (code: Assembler, rva: (section: string) => number) => void,
  imports: ImageParts['imports'] = {},
): Uint8Array {
  return buildImage({
    sections: [
      {
        name: '.text',
        contents: (places) => {
          const code = new Assembler(places, '.text');
          // sub rsp, 68h ... add rsp, 68h; xor eax, eax; ret
          code.bytes(0x48, 0x83, 0xec, 0x68);
          write(code, (section) => places.section(section));
          return code.bytes(0x48, 0x83, 0xc4, 0x68, 0x31, 0xc0, 0xc3).done();
        },
      },
      { name: '.data', contents: [0], size: 0x1000, flags: DATA },
    ],
    imports,
  });
}

/** mov [rip-relative data + at], rax. */
function store(code: Assembler, data: number, at: number): void {
  code.address('r10', data).bytes(0x49, 0x89, 0x82, at & 0xff, at >> 8, 0, 0);
}

interface Ran {
  readonly machine: Machine;
  /** The 64-bit value at an offset of .data. */
  readonly value: (at: number) => bigint;
}

async function run(image: Uint8Array): Promise<Ran> {
  const machine = new Machine({ memorySize: 32 * 1024 * 1024 });
  expect(await machine.load('code', image)).toBe(0);
  const { memory } = machine.kernel;
  // The marker lies at the end of the page of data.
  const at = memory.u64.indexOf(MARKER);
  expect(at).toBeGreaterThan(0);
  return { machine, value: (offset) => memory.u64[at - 0x1f0 + (offset >> 3)] };
}

const MARKER = 0x6e_6469_7362_6f78n;
const marked = (code: Assembler, data: number): Assembler => {
  code.move('rax', MARKER);
  store(code, data, 0xf80);
  return code;
};

async function bugCheckOf(image: Uint8Array): Promise<string> {
  const machine = new Machine({ memorySize: 32 * 1024 * 1024 });
  const error: unknown = await machine.load('code', image).catch((reason: unknown) => reason);
  if (!(error instanceof BugCheckError)) throw new Error(`no bug check: ${String(error)}`);
  expect(error.message).not.toMatch(/TypeError|RangeError/);
  return error.bugCheckCode.toString(16);
}

describe('inline reads', () => {
  test('of KUSER_SHARED_DATA give the version and the time', async () => {
    const { value, machine } = await run(
      driver((code, rva) => {
        marked(code, rva('.data'));
        // mov eax, [rcx + 26Ch]; mov rax, [rcx + 14h]
        code.move('rcx', 0xffff_f780_0000_0000n).bytes(0x8b, 0x81, 0x6c, 2, 0, 0);
        store(code, rva('.data'), 0);
        code.bytes(0x48, 0x8b, 0x41, 0x14);
        store(code, rva('.data'), 8);
      }),
    );
    expect(value(0)).toBe(10n);
    const now = machine.kernel.clock.readSystemTime();
    expect(value(8)).toBeLessThanOrEqual(now);
    expect(value(8)).toBeGreaterThan(now - 10_000_000n);
  });

  test('through gs give the KPCR, the processor and the thread', async () => {
    const { value } = await run(
      driver(
        (code, rva) => {
          marked(code, rva('.data'));
          // mov rax, gs:[offset]
          const read = (offset: number) =>
            code.bytes(0x65, 0x48, 0x8b, 0x04, 0x25, offset & 0xff, offset >> 8, 0, 0);
          read(0x188);
          store(code, rva('.data'), 0);
          code.callImport('KeGetCurrentThread');
          store(code, rva('.data'), 8);
          read(0x18);
          store(code, rva('.data'), 16);
          // mov rax, [rax + 18h]
          code.bytes(0x48, 0x8b, 0x40, 0x18);
          store(code, rva('.data'), 24);
        },
        { 'ntoskrnl.exe': ['KeGetCurrentThread'] },
      ),
    );
    expect(value(0)).toBe(value(8));
    expect(value(0) >> 32n).toBe(KERNEL >> 32n);
    expect(value(16)).toBe(value(24));
  });

  test('of exported variables go through the import', async () => {
    const { value, machine } = await run(
      driver(
        (code, rva) => {
          marked(code, rva('.data'));
          code.importSlot('rax', 'PsInitialSystemProcess').bytes(0x48, 0x8b, 0);
          store(code, rva('.data'), 0);
          code.importSlot('rax', 'NtBuildNumber').bytes(0x8b, 0);
          store(code, rva('.data'), 8);
        },
        { 'ntoskrnl.exe': ['PsInitialSystemProcess', 'NtBuildNumber'] },
      ),
    );
    expect(value(0) & 0xffff_ffffn).toBe(BigInt(processesOf(machine.kernel).system.address));
    expect(value(8)).toBe(0xf000_65f4n);
  });
});

test('an inlined lookaside list calls what stands in the list, with the tag and a size beyond 64 KiB', async () => {
  const { value, machine } = await run(
    driver(
      (code, rva) => {
        marked(code, rva('.data'));
        const data = rva('.data');
        // ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 0x20000, 'tag1', 0)
        code.move('rax', 0x2_0000n).bytes(0x48, 0x89, 0x44, 0x24, 0x20);
        code.move('rax', 0x3167_6174n).bytes(0x48, 0x89, 0x44, 0x24, 0x28);
        code.address('rcx', data + 0x100).bytes(0x31, 0xd2, 0x45, 0x31, 0xc0, 0x45, 0x31, 0xc9);
        code.callImport('ExInitializeNPagedLookasideList');
        // Allocate(Type, Size, Tag): mov ecx, [list+36]; mov edx, [list+44]; mov r8d, [list+40]; call [list+48]
        code.address('r11', data + 0x100);
        code.bytes(0x41, 0x8b, 0x4b, 36, 0x41, 0x8b, 0x53, 44, 0x45, 0x8b, 0x43, 40, 0x41, 0xff, 0x53, 48);
        store(code, data, 0);
        // Free(Entry): mov rcx, rax; call [list+56]
        code
          .bytes(0x48, 0x89, 0xc1)
          .address('r11', data + 0x100)
          .bytes(0x41, 0xff, 0x53, 56);
        code.address('rcx', data + 0x100).callImport('ExDeleteNPagedLookasideList');
      },
      { 'ntoskrnl.exe': ['ExInitializeNPagedLookasideList', 'ExDeleteNPagedLookasideList'] },
    ),
  );
  expect(value(0) >> 32n).toBe(KERNEL >> 32n);
  expect(machine.kernel.findings.map(({ code }) => code)).toEqual(['NOTHING_REGISTERED']);
});

test('the dispatch routines of a new driver object can be called', async () => {
  const { value } = await run(
    driver((code, rva) => {
      // rcx is the DRIVER_OBJECT: mov rax, [rcx + 70h + 14 * 8]
      code.bytes(0x48, 0x8b, 0x81, 0xe0, 0, 0, 0);
      store(code, rva('.data'), 0);
      marked(code, rva('.data'));
    }),
  );
  expect(value(0) >> 32n).toBe(KERNEL >> 32n);
  expect(value(0) & 0xffff_ffffn).toBeGreaterThanOrEqual(0x7800_0000n);
});

describe('a pointer to', () => {
  const given = (pointer: bigint) =>
    driver((code) => code.move('rcx', pointer).bytes(0x31, 0xd2, 0x45, 0x31, 0xc0).callImport('KeSetEvent'), {
      'ntoskrnl.exe': ['KeSetEvent'],
    });
  test.each([
    ['NULL', 0n, '7e'],
    ['a small integer', 5n, '7e'],
    ['the right place in no window', 0x2_0000n, '7e'],
    ['user memory that is not there', 0x1a0_0002_0000n, '7e'],
    ['no canonical address', 0x4141_4141_4141_4141n, '7e'],
    ['the registers of the engine', KERNEL + 0x1000n, '50'],
    ['behind memory', KERNEL + 0x3fff_fff0n, '50'],
    ['an object', KERNEL + 0x7000_0010n, '50'],
    ['a function of the host', KERNEL + 0x7800_0010n, '50'],
  ])('%s is a fault: %s', async (_what, pointer, code) => {
    expect(await bugCheckOf(given(pointer))).toBe(code);
  });

  test('a range that memcpy cannot copy changes nothing', async () => {
    const image = driver(
      (code, rva) =>
        code.move('rcx', 0x1000n).address('rdx', rva('.data')).move('r8', 0x1000n).callImport('memcpy'),
      { 'ntoskrnl.exe': ['memcpy'] },
    );
    expect(await bugCheckOf(image)).toBe('7e');
  });
});

test('a context that is any 64-bit value comes back bit for bit', async () => {
  const { value } = await run(
    driver(
      (code, rva) => {
        const data = rva('.data');
        marked(code, data);
        // KeInitializeDpc(&dpc, DriverEntry, context); mov rax, [dpc + DeferredContext]
        code
          .address('rcx', data + 0x100)
          .address('rdx', rva('.text'))
          .move('r8', 0xdead_beef_0bad_f00dn);
        code
          .callImport('KeInitializeDpc')
          .address('r11', data + 0x100)
          .bytes(0x49, 0x8b, 0x43, 32);
        store(code, data, 0);
      },
      { 'ntoskrnl.exe': ['KeInitializeDpc'] },
    ),
  );
  expect(value(0)).toBe(0xdead_beef_0bad_f00dn);
});
