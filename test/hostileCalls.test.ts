/**
 * Bad drivers: what they hand to the kernel and to NDIS, the handlers that they register, and random code. Each is a
 * status, an error with a stable code or the bug check that Windows documents; the process lives.
 */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Assembler } from './support/assembler.ts';
import {
  bugCheckOf,
  driver,
  expectNoFailureOfTheHost,
  GOOD,
  MEMORY,
  newMachine,
  outcomeOf,
} from './support/hostileDriver.ts';
import { buildImage, CODE, DATA, DISCARDABLE } from './support/peBuilder.ts';

describe('wild pointers in structures', () => {
  /** Links to write before the call: at an offset of .data, an offset of .data (a bigint is an address as it is). */
  type Links = readonly (readonly [at: number, to: number | bigint])[];

  /** Calls function(NULL, .data, 0, 0): all of NDIS that take lists have them as second argument. */
  const withLists = (name: string, links: Links): Uint8Array =>
    driver(
      (a, rva) => {
        a.bytes(0x48, 0x83, 0xec, 0x48).address('r10', rva('.data'));
        for (const [at, to] of links) {
          a.move('rax', to);
          if (typeof to === 'number') a.bytes(0x4c, 0x01, 0xd0); // add rax, r10
          a.bytes(0x49, 0x89, 0x82, at & 0xff, at >> 8, 0, 0); // mov [r10 + at], rax
        }
        // xor ecx, ecx; mov rdx, r10; xor r8d, r8d; xor r9d, r9d
        a.bytes(0x31, 0xc9, 0x4c, 0x89, 0xd2, 0x45, 0x31, 0xc0, 0x45, 0x31, 0xc9).callImport(name);
      },
      { 'ndis.sys': [name] },
    );

  /** A NET_BUFFER_LIST at 0, a NET_BUFFER at 0x200, an MDL at 0x400. */
  const NBL: Links = [
    [0x8, 0x200],
    [0x208, 0x400],
  ];
  const chains: [what: string, links: Links, codes: string[]][] = [
    ['a list that is its own next', [[0x0, 0x0]], ['133']],
    ['a buffer that is its own next', [...NBL, [0x200, 0x200]], ['133']],
    ['an MDL that is its own next', [...NBL, [0x400, 0x400]], ['133']],
    ['a next list outside of memory', [[0x0, 0xffff_8000_7000_0000n]], ['50']],
    ['a next list in the registers of the engine', [[0x0, 0xffff_8000_0000_1000n]], ['50']],
    ['a next list in another window', [[0x0, 0x1234_5678_0002_0000n]], ['7e', '50']],
    ['a buffer at a small number', [[0x8, 0x1000n]], ['7e']],
    ['an MDL that does not exist', [...NBL, [0x208, 0x4141_4141_4141_4141n]], ['7e']],
  ];
  describe.each(['NdisSendNetBufferLists', 'NdisReturnNetBufferLists', 'NdisMIndicateReceiveNetBufferLists'])(
    '%s',
    (name) => {
      test.each(chains)('%s', async (_, links, codes) => {
        const error = await bugCheckOf(withLists(name, links));
        expect(codes).toContain(error.bugCheckCode.toString(16));
        expect(error.message).toContain(name);
      });
    },
  );
});

describe('drivers that come and go', () => {
  test('another driver where one was: its code runs, not what was known of the first', async () => {
    const machine = newMachine();
    // mov eax, 0xC0000001; ret: refused. Then with 0xC0000002, at the same address.
    for (const status of [1, 2, 3]) {
      const image = driver((a) => a.bytes(0xb8, status, 0, 0, 0xc0, 0xc3));
      expect((await machine.load('bad', image)) & 0xff).toBe(status);
    }
    expect(await machine.load('bad', GOOD)).toBe(0);
    await machine.stop();
  });

  test('an unload routine in INIT, which is gone by then: nothing runs there', async () => {
    const machine = newMachine();
    // DriverEntry in INIT makes itself the unload routine: rcx is the DRIVER_OBJECT, +0x68 its DriverUnload.
    const image = buildImage({
      sections: [
        { name: '.text', contents: [0xc3] },
        {
          name: 'INIT',
          contents: (places) =>
            new Assembler(places, 'INIT')
              .label('entry')
              .labelAddress('rax', 'entry')
              .bytes(0x48, 0x89, 0x41, 0x68, 0x31, 0xc0, 0xc3)
              .done(),
          flags: CODE | DISCARDABLE,
        },
      ],
      entryPoint: (places) => places.section('INIT'),
    });
    expect(await machine.load('bad', image)).toBe(0);
    await expect(machine.unload('bad')).rejects.toMatchObject({ code: 'BUG_CHECK', bugCheckCode: 0x50 });
  });
});

describe('accesses to what is no memory of the driver', () => {
  const END = 0xffff_8000_0000_0000n + BigInt(MEMORY);
  const accesses: [what: string, address: bigint, instruction: number[], codes: string[]][] = [
    ['read of the registers of the engine', 0xffff_8000_0000_1000n, [0x48, 0x8b, 0x00], ['50']],
    ['write to them', 0xffff_8000_0000_1000n, [0x48, 0x89, 0x00], ['50']],
    ['write across the start of memory', 0xffff_8000_0000_fffcn, [0x48, 0x89, 0x00], ['50']],
    ['read across the end of memory', END - 4n, [0x48, 0x8b, 0x00], ['50']],
    ['16 bytes across the end of memory', END - 8n, [0x0f, 0x11, 0x00], ['50']],
    ['read of a host function', 0xffff_8000_7800_0010n, [0x48, 0x8b, 0x00], ['50']],
    ['write to user memory of nobody', 0x0000_01a0_0001_0000n, [0x48, 0x89, 0x00], ['7e']],
    ['read of NULL', 0n, [0x48, 0x8b, 0x00], ['7e']],
    ['locked exchange with an address that cannot exist', 0x8000_0000_0000_0000n, [0x48, 0x87, 0x00], ['7e']],
  ];
  test.each(accesses)('%s', async (_, address, instruction, codes) => {
    const error = await bugCheckOf(driver((a) => a.move('rax', address).bytes(...instruction, 0xc3)));
    expect(codes).toContain(error.bugCheckCode.toString(16));
    expect(error.message).toContain('bad.sys+0x100A');
  });

  test('a string instruction that runs out of memory', async () => {
    const image = driver((a, rva) =>
      // rep stosb from .data on, as many bytes as 64 bits can count
      a.address('rdi', rva('.data')).move('rcx', -1n).bytes(0xf3, 0xaa, 0xc3),
    );
    // The pages below a stack are the first that it meets.
    expect((await bugCheckOf(image)).bugCheckCode.toString(16)).toBe('7f');
  });

  test('a write to code', async () => {
    const image = driver((a, rva) => a.address('rax', rva('.text')).bytes(0x48, 0x89, 0x00, 0xc3));
    expect((await bugCheckOf(image)).bugCheckCode.toString(16)).toBe('be');
  });

  test('code on the stack', async () => {
    // mov byte [rsp], 0xC3; jmp rsp
    const image = driver((a) => a.bytes(0xc6, 0x04, 0x24, 0xc3, 0xff, 0xe4));
    expect((await bugCheckOf(image)).bugCheckCode.toString(16)).toBe('fc');
  });
});

describe('wild and half-valid pointers handed to the kernel and to NDIS', () => {
  const END = 0xffff_8000_0000_0000n + BigInt(MEMORY);
  const values = [
    1n,
    0x1000n,
    0xffff_8000_0000_1000n,
    END - 4n,
    END,
    0x1234_5678_0002_0000n,
    0x4141_4141_4141_4141n,
    -1n,
  ];
  const functions: Record<string, readonly string[]> = {
    'ntoskrnl.exe': [
      'ExFreePoolWithTag',
      'IoAllocateMdl',
      'IoAttachDeviceToDeviceStack',
      'IoFreeMdl',
      'IoRegisterDeviceInterface',
      'IofCallDriver',
      'KeInsertQueueDpc',
      'KeSetEvent',
      'KeSetTimer',
      'KeWaitForMultipleObjects',
      'MmBuildMdlForNonPagedPool',
      'ObfDereferenceObject',
      'PsCreateSystemThread',
      'RtlCopyMemory',
      'RtlCopyUnicodeString',
      'RtlSetAllBits',
      'ZwOpenKey',
    ],
    'ndis.sys': [
      'NdisAllocateCloneNetBufferList',
      'NdisFRegisterFilterDriver',
      'NdisFreeNetBufferList',
      'NdisGetDataBuffer',
      'NdisMIndicateReceiveNetBufferLists',
      'NdisMRegisterMiniportDriver',
      'NdisMSetMiniportAttributes',
      'NdisOpenAdapterEx',
      'NdisRegisterProtocolDriver',
      'NdisSendNetBufferLists',
    ],
  };
  const cases = Object.entries(functions).flatMap(([dll, names]) =>
    names.map((name) => [name, dll] as const),
  );
  test.each(cases)(
    '%s: a status, an error with a code or a bug check, never a failure of the host',
    async (name, dll) => {
      for (const value of values) {
        const image = driver(
          (a) => {
            a.bytes(0x48, 0x81, 0xec, 0x88, 0, 0, 0).move('rax', value);
            // Eight arguments, all the same.
            for (let at = 0x20; at < 0x40; at += 8) a.bytes(0x48, 0x89, 0x44, 0x24, at);
            a.bytes(0x48, 0x89, 0xc1, 0x48, 0x89, 0xc2, 0x49, 0x89, 0xc0, 0x49, 0x89, 0xc1).callImport(name);
            a.bytes(0x48, 0x81, 0xc4, 0x88, 0, 0, 0, 0x31, 0xc0, 0xc3);
          },
          { [dll]: [name] },
        );
        expectNoFailureOfTheHost(await outcomeOf(image));
      }
    },
  );
});

describe('any bytes as code', () => {
  /** Pieces of instructions that lead somewhere: moves, calls, jumps, string and privileged instructions. */
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    fc.constantFrom(
      [0xff, 0xd0],
      [0xff, 0xe1],
      [0x48, 0x8b, 0x01],
      [0x48, 0x89, 0x08],
      [0xf3, 0xaa],
      [0x48, 0x94],
      [0x44, 0x0f, 0x22, 0xc0],
      [0x75, 0xf0],
      [0x9d],
      [0xfd],
    ),
    fc
      .tuple(fc.nat(7), fc.bigInt(0xffff_8000_0000_0000n, 0xffff_8000_7fff_ffffn))
      .map(([register, value]) => [
        0x48,
        0xb8 + register,
        ...new Uint8Array(BigUint64Array.of(value).buffer),
      ]),
  );
  test('ends with a status, an error with a code or a bug check', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 30 }), async (pieces) => {
        const bytes = pieces.flatMap((part) => Array.from(part));
        expectNoFailureOfTheHost(await outcomeOf(driver((a) => a.bytes(...bytes))));
      }),
      { numRuns: 80 },
    );
  });
});

describe('handlers of a miniport', () => {
  /** NDIS_MINIPORT_DRIVER_CHARACTERISTICS of revision 2 for NDIS 6.20: header, versions; handlers follow. */
  const CHARACTERISTICS = [0x8a, 2, 152, 0, 6, 20, 1, 0];
  const FIRST_HANDLER = 0x18;
  const UNLOAD_HANDLER = 0x28;

  /** Registers a miniport all of whose handlers are what `handlers` leaves in rax; label `handler` is this code. */
  function miniport(
    handlers: (code: Assembler, rva: (section: string) => number) => void,
    handler: number[],
  ) {
    return buildImage({
      sections: [
        {
          name: '.text',
          contents: (places) => {
            const code = new Assembler(places, '.text');
            code.bytes(0x48, 0x83, 0xec, 0x38).address('r9', places.section('.data'));
            handlers(code, (section) => places.section(section));
            for (let at = FIRST_HANDLER; at < 152; at += 8) {
              if (at !== UNLOAD_HANDLER) code.bytes(0x49, 0x89, 0x81, at, 0, 0, 0); // mov [r9 + at], rax
            }
            code.labelAddress('rax', 'unload').bytes(0x49, 0x89, 0x41, UNLOAD_HANDLER);
            // The fifth argument is where the handle goes; the context is NULL.
            code.address('rax', places.section('.data') + 0x180).bytes(0x48, 0x89, 0x44, 0x24, 0x20);
            code.bytes(0x45, 0x31, 0xc0).callImport('NdisMRegisterMiniportDriver');
            code.bytes(0x48, 0x83, 0xc4, 0x38, 0xc3).label('unload').bytes(0xc3);
            return code
              .label('handler')
              .bytes(...handler)
              .done();
          },
        },
        { name: '.data', contents: CHARACTERISTICS, size: 0x1000, flags: DATA },
      ],
      imports: { 'ndis.sys': ['NdisMRegisterMiniportDriver'] },
    });
  }

  /** What adding an adapter ends with. */
  async function adapterOf(image: Uint8Array): Promise<unknown> {
    const machine = newMachine();
    expect(await machine.load('bad', image)).toBe(0);
    try {
      return await machine.addAdapter('bad', { name: 'Ethernet 1' });
    } catch (error) {
      return error;
    }
  }

  const nowhere: [what: string, address: bigint, code: number][] = [
    ['free memory', 0xffff_8000_01e0_0000n, 0x50],
    ['a small number', 0x1000n, 0x7e],
    ['an address that cannot exist', 0x4141_4141_4141_4141n, 0x7e],
    ['the end of the address space', -5n, 0x50],
    ['an object of the kernel', 0xffff_8000_7000_0010n, 0x50],
    ['a host function that is none', 0xffff_8000_7fff_0000n, 0x50],
  ];
  test.each(nowhere)('at %s', async (_, address, code) => {
    const error = await adapterOf(miniport((a) => a.move('rax', address), []));
    expect(error).toMatchObject({ code: 'BUG_CHECK', bugCheckCode: code });
  });

  const endings: [what: string, code: number[], outcome: unknown][] = [
    ['returns whatever is in rax', [0xc3], false],
    ['fails', [0xb8, 1, 0, 0, 0xc0, 0xc3], false],
    ['returns STATUS_PENDING', [0xb8, 3, 1, 0, 0, 0xc3], false],
    ['returns at DISPATCH_LEVEL', [0xb8, 2, 0, 0, 0, 0x44, 0x0f, 0x22, 0xc0, 0x31, 0xc0, 0xc3], false],
    ['loops', [0xeb, 0xfe], { code: 'ENDLESS_LOOP' }],
    ['loses its stack', [0x48, 0x31, 0xe4, 0xc3], { bugCheckCode: 0x7f }],
    ['returns to nowhere', [0x58, 0xc3], { bugCheckCode: 0x7e }],
    ['has a breakpoint', [0xcc], { bugCheckCode: 0x7e }],
  ];
  test.each(endings)('one that %s', async (_, code, outcome) => {
    const got = await adapterOf(miniport((a) => a.labelAddress('rax', 'handler'), code));
    if (typeof outcome === 'boolean') expect(got).toBe(outcome);
    else expect(got).toMatchObject(outcome as object);
  });
});

describe('a real driver with bits changed anywhere behind its headers', () => {
  const echo = new Uint8Array(
    readFileSync(new URL('../native/fixtures/optimised/echo.sys', import.meta.url)),
  );
  test('ends with a status, an error with a code or a bug check', async () => {
    const change = fc.record({ at: fc.integer({ min: 0x400, max: echo.length - 1 }), bit: fc.nat(7) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
        const image = echo.slice();
        for (const { at, bit } of changes) image[at] ^= 1 << bit;
        expectNoFailureOfTheHost(await outcomeOf(image));
      }),
      { numRuns: 30 },
    );
  });
});
