/**
 * Bad drivers: damaged images, and code that runs astray by itself. Each is an error with a stable code or the bug
 * check that Windows documents; the process lives, and so does every other machine in it.
 */

import { describe, expect, test } from 'vitest';
import { macrotask, NdisboxError } from '../src/kernel/index.ts';
import { bugCheckOf, driver, failureOf, GOOD, MEMORY, newMachine } from './support/hostileDriver.ts';
import { buildImage, OPTIONAL_HEADER } from './support/peBuilder.ts';

describe('damaged images', () => {
  const bad: [what: string, image: Uint8Array, code: string][] = [
    ['nothing', new Uint8Array(0), 'IMAGE_NOT_PE'],
    ['a text', new TextEncoder().encode('import { defineDriver } from "ndisbox";'), 'IMAGE_NOT_PE'],
    ['half of a file', GOOD.slice(0, 0x280), 'IMAGE_TRUNCATED'],
    [
      'a driver for ARM64',
      buildImage({ sections: [{ name: '.text', contents: [0xc3] }], machine: 0xaa64 }),
      'IMAGE_MACHINE',
    ],
    [
      'a program',
      buildImage({ sections: [{ name: '.text', contents: [0xc3] }], subsystem: 3 }),
      'IMAGE_KIND',
    ],
    ['an entry point outside', changed(GOOD, OPTIONAL_HEADER + 16, 0x10_0000), 'IMAGE_ENTRY_POINT'],
    ['an entry point in data', changed(GOOD, OPTIONAL_HEADER + 16, 0x2000), 'IMAGE_ENTRY_POINT'],
    [
      'unknown imports',
      driver((code) => code.bytes(0xc3), { 'fltmgr.sys': ['FltRegisterFilter'] }),
      'IMAGE_IMPORTS_UNKNOWN',
    ],
  ];
  test.each(bad)('%s: refused, and the machine goes on', async (_, image, code) => {
    const machine = newMachine();
    expect((await failureOf(image, machine)).code).toBe(code);
    expect(await machine.load('bad', GOOD)).toBe(0);
    await machine.stop();
  });

  function changed(image: Uint8Array, at: number, value: number): Uint8Array {
    const bytes = image.slice();
    new DataView(bytes.buffer).setUint32(at, value, true);
    return bytes;
  }
});

describe('jumps into nowhere', () => {
  const targets: [what: string, target: bigint, code: number][] = [
    ['NULL', 0n, 0x7e],
    ['the registers of the engine', 0xffff_8000_0000_1000n, 0x50],
    ['behind memory', 0xffff_8000_0000_0000n + BigInt(MEMORY), 0x50],
    ['free memory', 0xffff_8000_0000_0000n + BigInt(MEMORY - 0x1000), 0x50],
    ['an opaque object', 0xffff_8000_7000_0010n, 0x50],
    ['a host function that is none', 0xffff_8000_7fff_0000n, 0x50],
    ['a user address', 0x0000_7ff0_0000_1000n, 0x7e],
    ['an address that is not canonical', 0x4141_4141_4141_4141n, 0x7e],
  ];
  test.each(targets)('jmp to %s', async (_, target, code) => {
    const error = await bugCheckOf(driver((a) => a.move('rax', target).bytes(0xff, 0xe0)));
    expect(error.bugCheckCode.toString(16)).toBe(code.toString(16));
    expect(error.message).toMatch(/bad/);
  });

  test('call of data', async () => {
    const error = await bugCheckOf(driver((a, rva) => a.address('rax', rva('.data')).bytes(0xff, 0xd0)));
    expect(error.bugCheckCode.toString(16)).toBe('fc');
  });

  test('ret to an address made up', async () => {
    const error = await bugCheckOf(driver((a) => a.move('rax', 0x1234_5678_9abcn).bytes(0x50, 0xc3)));
    expect(error.bugCheckCode.toString(16)).toBe('7e');
  });
});

describe('stacks', () => {
  test('recursion without end', async () => {
    const error = await bugCheckOf(driver((a) => a.label('f').bytes(0x48, 0x83, 0xec, 0x28).call('f')));
    expect(error.bugCheckCode.toString(16)).toBe('7f');
  });

  test('a frame larger than the stack', async () => {
    const error = await bugCheckOf(driver((a) => a.bytes(0x48, 0x81, 0xec, 0, 0, 0x40, 0).bytes(0x50)));
    expect([0x7f, 0x50]).toContain(error.bugCheckCode);
  });

  const pointers = [
    0n,
    8n,
    0xffff_8000_0000_1000n,
    0xffff_8000_7fff_fff0n,
    0x4141_4141_4141_4141n,
    0x1000_0003n,
  ];
  test.each(pointers)('a call of the kernel with the stack pointer %s', async (stack) => {
    const image = driver((a) => a.move('rsp', stack).callImport('MmMapLockedPagesSpecifyCache').bytes(0xc3), {
      'ntoskrnl.exe': ['MmMapLockedPagesSpecifyCache'],
    });
    const error = await bugCheckOf(image);
    expect([0x7f, 0x50]).toContain(error.bugCheckCode);
  });
});

describe('endless loops', () => {
  test('at PASSIVE_LEVEL: an error that says where', async () => {
    const error = await failureOf(driver((a) => a.bytes(0x90).label('here').jump('here')));
    expect(error.code).toBe('ENDLESS_LOOP');
    expect(error.message).toContain('bad.sys+0x1001');
  });

  test('at DISPATCH_LEVEL: DPC_WATCHDOG_VIOLATION', async () => {
    const image = driver(
      (a) => a.bytes(0x48, 0x83, 0xec, 0x28, 0xb1, 2).callImport('KfRaiseIrql').label('here').jump('here'),
      { 'ntoskrnl.exe': ['KfRaiseIrql'] },
    );
    const error = await bugCheckOf(image);
    expect(error.bugCheckCode.toString(16)).toBe('133');
    expect(error.message).toContain('bad.sys+0x100C');
  });
});

describe('endless loops that call the kernel', () => {
  const loop = (...start: number[]): Uint8Array =>
    driver(
      (a) =>
        a
          .bytes(0x48, 0x83, 0xec, 0x28, ...start)
          .label('here')
          .bytes(0xb9, 50, 0, 0, 0)
          .callImport('KeStallExecutionProcessor')
          .jump('here'),
      { 'ntoskrnl.exe': ['KeStallExecutionProcessor'] },
    );

  test('at DISPATCH_LEVEL: DPC_WATCHDOG_VIOLATION after 20 s of machine time', async () => {
    // mov eax, 2; mov cr8, rax
    const error = await bugCheckOf(loop(0xb8, 2, 0, 0, 0, 0x44, 0x0f, 0x22, 0xc0));
    expect(error.bugCheckCode.toString(16)).toBe('133');
    expect(error.parameters[0]).toBe(1);
    expect(error.message).toMatch(/KeStallExecutionProcessor|bad\.sys\+0x1/);
  });

  test('at PASSIVE_LEVEL: the host stays responsive', async () => {
    const machine = newMachine();
    const loading = machine.load('bad', loop());
    // The loop runs for machine time, and lets the host run between.
    while (machine.kernel.clock.now < 100_000) await macrotask();
    machine.kernel.stop(new NdisboxError('SHUT_DOWN', 'the test has seen enough'));
    await expect(loading).rejects.toMatchObject({ code: 'SHUT_DOWN' });
  });
});

describe('instructions that no driver may execute', () => {
  const instructions: [what: string, bytes: number[], code: number, name?: string][] = [
    ['hlt', [0xf4], 0x1e],
    ['lgdt [rax]', [0x0f, 0x01, 0x10], 0x1e],
    ['mov cr3, rax', [0x0f, 0x22, 0xd8], 0x1e],
    ['wrmsr', [0x0f, 0x30], 0x1e],
    ['syscall', [0x0f, 0x05], 0x1e],
    ['x87', [0xd9, 0xe8], 0x1e, 'fld1'],
    ['MMX', [0x0f, 0xef, 0xc0], 0x1e, 'pxor'],
    ['AVX', [0xc5, 0xf8, 0x57, 0xc0], 0x1e, 'vxorps'],
    ['ud2', [0x0f, 0x0b], 0x1e, 'ud2'],
    ['no instruction', [0x06], 0x1e],
    ['fifteen prefixes', [...new Uint8Array(15).fill(0x66), 0x90], 0x1e],
    ['int 29h', [0xcd, 0x29], 0x139],
    ['int3', [0xcc], 0x1e],
    ['division by zero', [0x31, 0xc9, 0xf7, 0xf1], 0x1e],
  ];
  test.each(instructions)('%s', async (_, bytes, code, name) => {
    const error = await bugCheckOf(driver((a) => a.bytes(...bytes, 0xc3)));
    expect([code.toString(16), '7e', '3b', 'd1', 'c4']).toContain(error.bugCheckCode.toString(16));
    if (name !== undefined) expect(error.message).toContain(name);
  });
});
