import { describe, expect, it } from 'vitest';
import { CODE, DATA, kernelPointer, makeTestMachine, STACK_TOP } from '../../../test/support/machineCode.ts';
import { encode, operandSizes, rmKinds } from '../../../test/x64/encode.ts';
import { Decoder } from '../decode.ts';
import { CALL_RETURN, CALL_STOP } from '../host.ts';
import { FLAG_IF, RAX, RBX, RCX, RDI, RDX, RSI, RSP, STATE_FUEL, STATE_GS_BASE } from '../state.ts';
import { FORMS, type Form } from '../table/index.ts';

/** Bytes of a form with registers, and with memory at rdi where it can have it, in every size. */
function encodings(form: Form): number[][] {
  const kinds = rmKinds(form);
  const atRdi = { base: RDI, index: -1, scale: 1, displacement: 0, ripRelative: false } as const;
  const places = [...(kinds.register ? [null] : []), ...(kinds.memory ? [atRdi] : [])];
  return operandSizes(form).flatMap((operandSize) =>
    places.map((memory) =>
      encode(form, {
        operandSize,
        memory,
        reg: /C/.test(form.text) ? 8 : 3,
        rm: 2,
        vvvv: 3,
        condition: 4,
        immediate: 1n,
        prefixes: [],
        forceRex: false,
      }),
    ),
  );
}

const KUSER_HIGH = 0xffff_f780 | 0;

describe('instructions that reach out of the processor', () => {
  it('reads and writes IRQL through the host, which may stop the strand', () => {
    const written: number[] = [];
    const machine = makeTestMachine(
      {},
      {
        readIrql: () => 2,
        writeIrql: (irql) => {
          written.push(irql);
          return irql === 0 ? CALL_STOP : CALL_RETURN;
        },
      },
    );
    // mov rax, cr8; mov cr8, rcx; mov cr8, rdx; inc esi; ret
    machine.start('44 0f 20 c0 44 0f 22 c1 44 0f 22 c2 ff c6 c3');
    machine.set(RCX, 1n);
    expect(machine.run()).toEqual({ kind: 'stopped' });
    expect(machine.get(RAX)).toBe(2n);
    expect(written).toEqual([1, 0]);
    // The strand goes on behind the write.
    expect(machine.rip()).toBe(CODE + 12);
    expect(machine.calls).toEqual([]);
    machine.run();
    expect(machine.get(RSI)).toBe(1n);
    // No IRQL is above 15.
    machine.start('44 0f 22 c1');
    machine.set(RCX, 16n);
    expect(machine.run()).toMatchObject({ vector: 13 });
  });

  it('reads and writes ports, by number and by dx', () => {
    const written: number[][] = [];
    const machine = makeTestMachine(
      {},
      {
        readPort: (port, size) => port * 256 + size,
        writePort: (port, size, value) => written.push([port, size, value]),
      },
    );
    // in al, 7; mov ecx, eax; in eax, dx; out dx, eax; out 9, al; ret
    machine.start('e4 07 89 c1 ed ef e6 09 c3');
    machine.set(RDX, 0x60n);
    machine.run();
    expect(machine.get(RCX)).toBe(0x701n & 0xffn);
    expect(machine.get(RAX)).toBe(0x6004n);
    expect(written).toEqual([
      [0x60, 4, 0x6004],
      [9, 1, 4],
    ]);
  });

  it('tells time from what ran, with the fuel up to date', () => {
    const machine = makeTestMachine({}, { readTimestamp: () => 0x1_0000_0000 + machine.fuel() });
    // nop; rdtsc; ret
    machine.start('90 0f 31 c3', 1000);
    machine.run();
    expect(machine.get(RAX)).toBe(998n);
    expect(machine.get(RDX)).toBe(1n);
  });

  it('identifies itself by what it has', () => {
    const machine = makeTestMachine();
    machine.start('0f a2 c3');
    machine.set(RAX, 1n);
    machine.run();
    const ecx = Number(machine.get(RCX));
    const edx = Number(machine.get(RDX));
    // SSE4.2 and SSE2; neither x87, MMX, AVX nor OSXSAVE.
    expect([(ecx >> 20) & 1, (edx >> 26) & 1]).toEqual([1, 1]);
    expect([edx & 1, (edx >> 23) & 1, (ecx >> 28) & 1, (ecx >> 27) & 1]).toEqual([0, 0, 0, 0]);
    machine.start('0f a2 c3');
    machine.run();
    const name = [RBX, RDX, RCX].map((register) => {
      const value = Number(machine.get(register));
      return String.fromCharCode(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24);
    });
    expect(name.join('')).toBe('GenuineIntel');
  });

  it('has exceptions of its own for interrupts, and one for what a driver must not do', () => {
    const machine = makeTestMachine();
    const vectors: Record<string, number> = {
      cc: 3,
      'cd 29': 0x29,
      'cd 2c': 0x2c,
      '0f 0b': 6,
      // fld1, vzeroupper
      'd9 e8': 6,
      'c5 f8 77': 6,
      // hlt, wrmsr, mov cr0, rax, lgdt [rdi], iretq
      f4: 13,
      '0f 30': 13,
      '0f 22 c0': 13,
      '0f 01 17': 13,
      '48 cf': 13,
    };
    for (const [code, vector] of Object.entries(vectors)) {
      machine.start(code);
      machine.set(RDI, kernelPointer(DATA));
      expect(machine.run(), code).toMatchObject({ kind: 'exception', vector });
      expect(machine.rip()).toBe(CODE);
      expect(machine.fuel()).toBe(1_000_000);
    }
    // cli; pushfq; pop rax; sti; ret
    machine.start('fa 9c 58 fb c3');
    machine.run();
    expect(Number(machine.get(RAX)) & FLAG_IF).toBe(0);
    expect(machine.flags() & FLAG_IF).toBe(FLAG_IF);
  });

  it('knows every form of the table', () => {
    const machine = makeTestMachine();
    const decoder = new Decoder(machine.memory);
    const seen = new Set<string>();
    for (const form of FORMS.filter(({ operation }) => operation.name !== 'invalid')) {
      for (const bytes of encodings(form)) {
        machine.start([...bytes, 0xcc, 0xcc]);
        const { operation, repeat } = decoder.decode(CODE);
        expect(operation, form.text).not.toBe('invalid');
        seen.add(operation);
        for (const register of [RSI, RDI, RBX, RAX, RCX, RDX])
          machine.set(register, kernelPointer(DATA + 0x100));
        if (repeat !== 'none') machine.set(RCX, 1n);
        machine.memory.i32[STATE_FUEL >> 2] = 1;
        // Whatever comes of it, nothing throws.
        expect(['stopped', 'fuel', 'exception']).toContain(machine.run().kind);
      }
    }
    expect(seen.size).toBeGreaterThan(360);
  });
});

describe('windows of the address space', () => {
  it('asks the host for addresses elsewhere, and faults where it has none', () => {
    const asked: unknown[] = [];
    const machine = makeTestMachine(
      {},
      {
        translate: (low, high, size, access) => {
          asked.push([low, high, size, access]);
          return high === KUSER_HIGH && access === 'read' ? DATA + low : -1;
        },
      },
    );
    machine.memory.i32[(DATA + 0x14) >> 2] = 0x1234;
    // mov eax, [rdi+14h]; mov [rdi+14h], eax; ret
    machine.start('8b 47 14 89 47 14 c3');
    machine.set(RDI, BigInt.asUintN(64, BigInt(KUSER_HIGH) << 32n));
    expect(machine.run()).toMatchObject({
      vector: 14,
      access: 'write',
      low: 0x14,
      high: KUSER_HIGH,
      size: 4,
    });
    expect(machine.get(RAX)).toBe(0x1234n);
    expect(asked).toEqual([
      [0x14, KUSER_HIGH, 4, 'read'],
      [0x14, KUSER_HIGH, 4, 'write'],
    ]);
  });

  it('addresses through gs, with 64-bit carries', () => {
    const machine = makeTestMachine();
    machine.memory.i32[(DATA + 0x188) >> 2] = 77;
    // mov eax, gs:[188h]; mov ecx, [rsi+rdi*8-8]; ret
    machine.start('65 8b 04 25 88 01 00 00 8b 4c fe f8 c3');
    machine.memory.i32[STATE_GS_BASE >> 2] = DATA;
    machine.memory.i32[(STATE_GS_BASE >> 2) + 1] = 0xffff_8000 | 0;
    // The pointer is in the index, and negative numbers bring it back into the window.
    machine.set(RSI, kernelPointer(DATA + 0x188) + 8n - 8n * 0xffff_ffff_ffff_fff0n);
    machine.set(RDI, 0xffff_ffff_ffff_fff0n);
    machine.run();
    expect(machine.get(RAX)).toBe(77n);
    expect(machine.get(RCX)).toBe(77n);
  });

  it('checks a push and a call before they change anything', () => {
    const machine = makeTestMachine();
    for (const code of ['50 c3', 'e8 00 00 00 00 c3', 'ff d0', '6a 01', '9c']) {
      machine.start(code);
      const rsp = kernelPointer(STACK_TOP - 0x1_0000 + 4);
      machine.set(RSP, rsp);
      machine.set(RAX, kernelPointer(CODE));
      expect(machine.run(), code).toMatchObject({
        vector: 14,
        access: 'write',
        low: STACK_TOP - 0x1_0000 - 4,
      });
      expect(machine.get(RSP)).toBe(rsp);
      expect(machine.rip()).toBe(CODE);
    }
  });

  it('faults on the target of a jump, not on the jump', () => {
    const machine = makeTestMachine();
    machine.start('ff e0');
    machine.set(RAX, 0n);
    expect(machine.run()).toMatchObject({ vector: 14, access: 'execute', low: 0, high: 0 });
    expect(machine.rip()).toBe(0);
    machine.start('ff e0');
    machine.set(RAX, kernelPointer(DATA));
    expect(machine.run()).toMatchObject({ vector: 14, access: 'execute', low: DATA });
  });

  it('refuses bytes that memory safety forbids, with the first of them', () => {
    const machine = makeTestMachine({
      safety: {
        firstViolation: (at, size) => (at + size > DATA + 0x10 && at < DATA + 0x20 ? DATA + 0x10 : -1),
      },
    });
    // mov eax, [rdi]; rep stosb
    machine.start('8b 07 f3 aa c3');
    machine.set(RDI, kernelPointer(DATA + 0xc));
    machine.set(RCX, 6n);
    expect(machine.run()).toMatchObject({ vector: 0x101, access: 'write', low: DATA + 0x10 });
    expect(machine.get(RCX)).toBe(2n);
    expect(machine.rip()).toBe(CODE + 2);
  });
});
