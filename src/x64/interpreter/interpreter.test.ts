import { describe, expect, it } from 'vitest';
import {
  BACK,
  CODE,
  DATA,
  kernelPointer,
  makeTestMachine,
  STACK_TOP,
} from '../../../test/support/machineCode.ts';
import { PAGE_EXECUTE, PAGE_READ, PAGE_READ_WRITE } from '../../memory/index.ts';
import { CALL_JUMP, CALL_RETURN } from '../host.ts';
import { FLAG_CF, FLAG_OF, FLAG_ZF, RAX, RCX, RDI, RDX, RSI, RSP, STATE_RIP } from '../state.ts';

describe('the interpreter', () => {
  it('runs to the return address and calls the host there', () => {
    const machine = makeTestMachine();
    // mov eax, 5; add rax, 7; ret
    machine.start('b8 05 00 00 00 48 83 c0 07 c3', 100);
    expect(machine.run()).toEqual({ kind: 'stopped' });
    expect(machine.calls).toEqual([BACK]);
    expect(machine.get(RAX)).toBe(12n);
    expect(machine.fuel()).toBe(97);
    expect(machine.get(RSP)).toBe(kernelPointer(STACK_TOP - 0x100));
  });

  it('loops, and leaves at a taken backward branch when fuel is used up', () => {
    const machine = makeTestMachine();
    // mov ecx, 10; l: add eax, ecx; dec ecx; jnz l; ret
    const code = 'b9 0a 00 00 00 01 c8 ff c9 75 fa c3';
    machine.start(code);
    expect(machine.run().kind).toBe('stopped');
    expect(machine.get(RAX)).toBe(55n);
    machine.start(code, 3);
    expect(machine.run()).toEqual({ kind: 'fuel' });
    // The branch was the fourth instruction.
    expect(machine.fuel()).toBe(-1);
    expect(machine.rip()).toBe(CODE + 5);
    machine.memory.i32[0x1090 >> 2] = 1000;
    expect(machine.run().kind).toBe('stopped');
    expect(machine.get(RAX)).toBe(55n);
    expect(1000 - machine.fuel()).toBe(32 - 4);
  });

  it('reads and writes memory of every form of address', () => {
    const machine = makeTestMachine();
    // mov [rdi+8], rsi; mov rax, [rdi+rcx*8]; lea rdx, [rdi+rcx*4-1]; ret
    machine.start('48 89 77 08 48 8b 04 cf 48 8d 54 8f ff c3');
    machine.set(RDI, kernelPointer(DATA));
    machine.set(RSI, 0x1122_3344_5566_7788n);
    machine.set(RCX, 1n);
    expect(machine.run().kind).toBe('stopped');
    expect(machine.get(RAX)).toBe(0x1122_3344_5566_7788n);
    expect(machine.get(RDX)).toBe(kernelPointer(DATA + 3));
  });

  it('faults before anything happened: unmapped, read-only, crossing pages, not canonical', () => {
    const machine = makeTestMachine();
    const fault = (address: bigint, code: string) => {
      machine.start(code);
      machine.set(RDI, address);
      machine.set(RSI, 5n);
      const exit = machine.run();
      expect(machine.rip()).toBe(CODE);
      expect(machine.fuel()).toBe(1_000_000);
      return exit;
    };
    // add [rdi], rsi
    const add = '48 01 37 c3';
    expect(fault(0n, add)).toMatchObject({ vector: 14, access: 'write', low: 0, high: 0, size: 8 });
    expect(fault(kernelPointer(CODE), add)).toMatchObject({ vector: 14, access: 'write', low: CODE });
    const edge = DATA + 0x4000 - 4;
    machine.memory.u32[edge >> 2] = 7;
    expect(fault(kernelPointer(edge), add)).toMatchObject({ vector: 14, low: edge + 4, size: 8 });
    expect(machine.memory.u32[edge >> 2]).toBe(7);
    expect(fault(0x0123_4567_89ab_cdefn, add)).toMatchObject({ vector: 13 });
    expect(fault(kernelPointer(0x7000_0000), '48 8b 07 c3')).toMatchObject({ vector: 14, access: 'read' });
    // movaps xmm0, [rdi]
    expect(fault(kernelPointer(DATA + 8), '0f 28 07 c3')).toMatchObject({ vector: 13 });
    // div sil with dil zero
    expect(fault(0n, '40 f6 f7 c3')).toMatchObject({ vector: 0 });
  });

  it('keeps the elements that a repeated string instruction completed before a fault', () => {
    const machine = makeTestMachine();
    // rep stosd
    machine.start('f3 ab c3', 1000);
    machine.set(RDI, kernelPointer(DATA + 0x4000 - 12));
    machine.set(RAX, 0xabcdn);
    machine.set(RCX, 10n);
    expect(machine.run()).toMatchObject({ vector: 14, access: 'write', low: DATA + 0x4000 });
    expect(machine.get(RCX)).toBe(7n);
    expect(machine.get(RDI)).toBe(kernelPointer(DATA + 0x4000));
    expect(machine.fuel()).toBe(997);
    expect(machine.memory.u32[(DATA + 0x4000 - 4) >> 2]).toBe(0xabcd);
  });

  it('leaves a repeated string instruction between elements when fuel is used up', () => {
    const machine = makeTestMachine();
    machine.start('f3 a4 c3', 4);
    machine.memory.u8.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], DATA);
    machine.set(RSI, kernelPointer(DATA));
    machine.set(RDI, kernelPointer(DATA + 0x100));
    machine.set(RCX, 10n);
    expect(machine.run()).toEqual({ kind: 'fuel' });
    expect(machine.rip()).toBe(CODE);
    expect(machine.get(RCX)).toBe(6n);
    machine.memory.i32[0x1090 >> 2] = 100;
    expect(machine.run().kind).toBe('stopped');
    expect(machine.fuel()).toBe(100 - 6 - 1);
    expect([...machine.memory.u8.subarray(DATA + 0x100, DATA + 0x10b)]).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0,
    ]);
  });

  it('spreads a pattern when a forward copy overlaps itself', () => {
    const machine = makeTestMachine();
    machine.start('f3 a4 c3');
    machine.memory.u8.set([1, 2], DATA);
    machine.set(RSI, kernelPointer(DATA));
    machine.set(RDI, kernelPointer(DATA + 2));
    machine.set(RCX, 6n);
    machine.run();
    expect([...machine.memory.u8.subarray(DATA, DATA + 8)]).toEqual([1, 2, 1, 2, 1, 2, 1, 2]);
  });

  it('lets the host return, jump and stop', () => {
    const seen: number[] = [];
    const machine = makeTestMachine(
      {},
      {
        call: (target) => {
          seen.push(target);
          if (target === 0x7800_0010) return CALL_RETURN;
          if (target === 0x7800_0020) {
            machine.memory.i32[STATE_RIP >> 2] = CODE + 0x100;
            return CALL_JUMP;
          }
          return 2;
        },
      },
    );
    // call rax; inc edx; jmp rcx
    machine.start('ff d0 ff c2 ff e1');
    // inc edx; ret
    machine.memory.u8.set([0xff, 0xc2, 0xc3], CODE + 0x100);
    machine.set(RAX, kernelPointer(0x7800_0010));
    machine.set(RCX, kernelPointer(0x7800_0020));
    expect(machine.run()).toEqual({ kind: 'stopped' });
    expect(seen).toEqual([0x7800_0010, 0x7800_0020, BACK]);
    expect(machine.get(RDX)).toBe(2n);
  });

  it('executes changed code of writable pages and reports it elsewhere', () => {
    const machine = makeTestMachine();
    // mov eax, 1; ret
    machine.start('b8 01 00 00 00 c3');
    machine.run();
    machine.start('b8 01 00 00 00 c3');
    machine.run();
    machine.memory.i32[STATE_RIP >> 2] = CODE;
    machine.memory.u8[CODE + 1] = 2;
    machine.engine.invalidate(CODE + 1, 1);
    expect(machine.run()).toMatchObject({ kind: 'exception', vector: 0x102 });
    machine.memory.u8[CODE + 1] = 1;
    machine.memory.i32[0x1020 >> 2] = STACK_TOP - 0x108;
    expect(machine.run().kind).toBe('stopped');
    // In a writable page: mov byte ptr [rdi+1], 9, then the code there.
    const code = DATA + 0x1000;
    machine.pages.protect(code, 1, PAGE_READ_WRITE | PAGE_EXECUTE);
    machine.memory.u8.set([0xb8, 1, 0, 0, 0, 0xc3], code);
    for (const wanted of [9, 10]) {
      // call rdi; mov byte ptr [rdi+1], wanted; call rdi; ret
      machine.start([0xff, 0xd7, 0xc6, 0x47, 1, wanted, 0xff, 0xd7, 0xc3]);
      machine.set(RDI, kernelPointer(code));
      expect(machine.run().kind).toBe('stopped');
      expect(machine.get(RAX)).toBe(BigInt(wanted));
    }
    machine.pages.protect(code, 1, PAGE_READ);
    machine.memory.i32[STATE_RIP >> 2] = code;
    expect(machine.run()).toMatchObject({ kind: 'exception', vector: 0x102 });
  });

  it('traces each instruction and asks before accesses', () => {
    const traced: number[] = [];
    const asked: number[] = [];
    const machine = makeTestMachine({
      trace: (address) => traced.push(address - CODE),
      preemptBefore: (point) => {
        asked.push(point.instruction - CODE);
        return point.locked;
      },
    });
    // The instruction that a run begins with is not asked about: mov eax, [rdi]; twice; lock inc dword ptr [rdi]; ret
    machine.start('8b 07 8b 07 f0 ff 07 c3');
    machine.set(RDI, kernelPointer(DATA));
    expect(machine.run()).toEqual({ kind: 'preemption' });
    expect(machine.rip()).toBe(CODE + 4);
    expect(machine.run().kind).toBe('stopped');
    expect(traced).toEqual([0, 2, 4, 4, 7]);
    expect(asked).toEqual([2, 4]);
    expect(machine.memory.u32[DATA >> 2]).toBe(1);
  });

  it('asks before string instructions and bit tests, too', () => {
    const asked: unknown[] = [];
    const machine = makeTestMachine({
      preemptBefore: ({ instruction, low, writes, locked }) => {
        asked.push([instruction - CODE, low, writes, locked]);
        return false;
      },
    });
    // nop; rep stosb; lock bts dword ptr [rdi], eax; ret
    machine.start('90 f3 aa f0 0f ab 07 c3');
    machine.set(RDI, kernelPointer(DATA));
    machine.set(RCX, 3n);
    expect(machine.run().kind).toBe('stopped');
    expect(asked).toEqual([
      [1, DATA, true, false],
      [3, DATA + 3, true, true],
    ]);
  });

  it('drops an instruction whose end is mapped anew', () => {
    const machine = makeTestMachine();
    // mov eax, 1 across the edge of the page, and ret.
    const { u8 } = machine.memory;
    const edge = CODE + 0x1000;
    machine.start('90');
    u8.set([0xb8, 1, 0, 0, 0, 0xc3], edge - 3);
    const run = () => {
      machine.memory.i32[STATE_RIP >> 2] = edge - 3;
      machine.set(RSP, kernelPointer(STACK_TOP - 0x108));
      machine.run();
      return machine.get(RAX);
    };
    expect(run()).toBe(1n);
    u8[edge] = 1;
    machine.engine.forget(edge, 0x1000);
    expect(run()).toBe(0x1_0001n);
  });

  it('has carry and overflow of 64-bit sums', () => {
    const machine = makeTestMachine();
    machine.start('48 01 c8 c3');
    machine.set(RAX, 0x8000_0000_0000_0000n);
    machine.set(RCX, 0x8000_0000_0000_0000n);
    machine.run();
    expect(machine.flags() & (FLAG_CF | FLAG_OF | FLAG_ZF)).toBe(FLAG_CF | FLAG_OF | FLAG_ZF);
  });
});
