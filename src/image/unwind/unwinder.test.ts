/**
 * Unwinding from every instruction of random functions, with random and broken unwind data. Rules: "x64 exception
 * handling" and "Prolog and epilog" (Microsoft C++).
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KERNEL_WINDOW_HIGH, KernelMemory } from '../../memory/index.ts';
import { RBP, RBX, RDI, RSI, RSP } from '../../x64/index.ts';
import {
  REGISTER_WORDS,
  type Registers,
  RIP_WORD,
  setInstructionPointer,
  setStackPointer,
  stackPointer,
  XMM_WORD,
} from './registers.ts';
import type { UnwindImage } from './unwindData.ts';
import { UNWIND_EXCEPTION_HANDLER, UNWIND_TERMINATION_HANDLER } from './unwindData.ts';
import { Unwinder } from './unwinder.ts';

const BASE = 0x2_0000;
const CODE = 0x1000;
const PDATA = 0x2000;
const XDATA = 0x2100;
const SIZE = 0x4000;
const STACK_TOP = 0x5_0000;
const RETURN = BASE + 0x3210;

const image: UnwindImage = {
  name: 'test.sys',
  base: BASE,
  size: SIZE,
  exceptionTable: { start: BASE + PDATA, end: BASE + PDATA + 12 },
  describeAddress: (address) => `test.sys+0x${(address - BASE).toString(16)}`,
};

function newMemory(): KernelMemory {
  return new KernelMemory(0x8_0000);
}

function newUnwinder(memory: KernelMemory, table: UnwindImage = image): Unwinder {
  return new Unwinder(memory, {
    imageAt: (address) => (address >= BASE && address < BASE + SIZE ? table : null),
  });
}

/** One instruction of a made-up function: its bytes, what it does, and the unwind codes that describe it. */
interface Piece {
  readonly bytes: readonly number[];
  readonly run: (registers: Registers, memory: KernelMemory) => void;
  readonly codes: readonly (readonly number[])[];
  /** Slot by slot, `offset` is filled in. */
}

interface Shape {
  readonly pushes: readonly number[];
  readonly allocation: number;
  readonly frameRegister: number;
  readonly frameOffset: number;
  readonly saved: readonly number[];
  readonly xmm: readonly number[];
  readonly version: 1 | 2;
  readonly leaEpilogue: boolean;
}

const NONVOLATILE = [RBX, RBP, RSI, RDI, 12, 13, 14, 15];

function low(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}

function store(registers: Registers, memory: KernelMemory, at: number, word: number, words: number): void {
  for (let i = 0; i < words; i++) memory.i32[(at >> 2) + i] = registers[word + i];
}

function push(register: number): Piece {
  return {
    bytes: register > 7 ? [0x41, 0x50 | (register & 7)] : [0x50 | register],
    run: (registers, memory) => {
      setStackPointer(registers, stackPointer(registers) - 8);
      store(registers, memory, stackPointer(registers), register * 2, 2);
    },
    codes: [[0 | (register << 4)]],
  };
}

function allocate(size: number): Piece {
  const code =
    size <= 128
      ? [2 | (((size - 8) / 8) << 4)]
      : size < 0x8_0000
        ? [1, size / 8]
        : [1 | (1 << 4), size & 0xffff, size >> 16];
  return {
    bytes: [0x48, 0x81, 0xec, ...low(size)],
    run: (registers) => setStackPointer(registers, stackPointer(registers) - size),
    codes: [code],
  };
}

function setFrame(register: number, offset: number): Piece {
  return {
    bytes: [register > 7 ? 0x4c : 0x48, 0x8d, 0x84 | ((register & 7) << 3), 0x24, ...low(offset)],
    run: (registers) => {
      registers[register * 2] = stackPointer(registers) + offset;
      registers[register * 2 + 1] = KERNEL_WINDOW_HIGH;
    },
    codes: [[3]],
  };
}

function save(register: number, at: number): Piece {
  return {
    bytes: [register > 7 ? 0x4c : 0x48, 0x89, 0x84 | ((register & 7) << 3), 0x24, ...low(at)],
    run: (registers, memory) => store(registers, memory, stackPointer(registers) + at, register * 2, 2),
    codes: [at / 8 > 0xff ? [5 | (register << 4), at & 0xffff, at >> 16] : [4 | (register << 4), at / 8]],
  };
}

function saveXmm(register: number, at: number): Piece {
  return {
    bytes: [0x44, 0x0f, 0x29, 0x84 | ((register & 7) << 3), 0x24, ...low(at)],
    run: (registers, memory) =>
      store(registers, memory, stackPointer(registers) + at, XMM_WORD + register * 4, 4),
    codes: [at / 16 > 0xff ? [9 | (register << 4), at & 0xffff, at >> 16] : [8 | (register << 4), at / 16]],
  };
}

function prologueOf(shape: Shape): Piece[] {
  const pieces = shape.pushes.map(push);
  if (shape.allocation > 0) pieces.push(allocate(shape.allocation));
  if (shape.frameRegister > 0) pieces.push(setFrame(shape.frameRegister, shape.frameOffset));
  let at = 0;
  for (const register of shape.saved) {
    if (at + 8 > shape.allocation) break;
    pieces.push(save(register, at));
    at += 8;
  }
  at = (at + 15) & ~15;
  for (const register of shape.xmm) {
    if (at + 16 > shape.allocation) break;
    pieces.push(saveXmm(register, at));
    at += 16;
  }
  return pieces;
}

/** What the body does to registers that it saved: the epilogue's plain instructions restore them from the stack. */
function epilogueOf(shape: Shape): Piece[] {
  const pieces: Piece[] = [];
  const { frameRegister, frameOffset, allocation } = shape;
  if (frameRegister > 0 && shape.leaEpilogue) {
    const to = allocation - frameOffset;
    pieces.push({
      bytes: [frameRegister > 7 ? 0x49 : 0x48, 0x8d, 0xa0 | (frameRegister & 7), ...low(to)],
      run: (registers) => setStackPointer(registers, registers[frameRegister * 2] + to),
      codes: [],
    });
  } else if (allocation > 0) {
    const short = allocation < 128;
    pieces.push({
      bytes: short ? [0x48, 0x83, 0xc4, allocation] : [0x48, 0x81, 0xc4, ...low(allocation)],
      run: (registers) => setStackPointer(registers, stackPointer(registers) + allocation),
      codes: [],
    });
  }
  for (const register of shape.pushes.toReversed()) {
    pieces.push({
      bytes: register > 7 ? [0x41, 0x58 | (register & 7)] : [0x58 | register],
      run: (registers, memory) => {
        const at = stackPointer(registers) >> 2;
        registers[register * 2] = memory.i32[at];
        registers[register * 2 + 1] = memory.i32[at + 1];
        setStackPointer(registers, stackPointer(registers) + 8);
      },
      codes: [],
    });
  }
  pieces.push({ bytes: [0xc3], run: () => {}, codes: [] });
  return pieces;
}

const shapes: fc.Arbitrary<Shape> = fc
  .record({
    pushes: fc.shuffledSubarray(NONVOLATILE),
    allocation: fc.constantFrom(0, 8, 0x20, 0x28, 0x78, 0x80, 0x88, 0x400, 0x2000, 0x9000),
    useFrame: fc.boolean(),
    frameOffset: fc.integer({ min: 0, max: 15 }).map((value) => value * 16),
    saved: fc.shuffledSubarray([12, 13, 14, 15]),
    xmm: fc.shuffledSubarray([6, 7, 8, 9, 15]),
    version: fc.constantFrom(1 as const, 2 as const),
    leaEpilogue: fc.boolean(),
  })
  .map(({ useFrame, pushes, saved, frameOffset, ...rest }): Shape => {
    // The frame register must have been saved; here by its push.
    const frameRegister = useFrame ? (pushes[0] ?? 0) : 0;
    return {
      ...rest,
      pushes,
      frameRegister,
      frameOffset: Math.min(frameOffset, rest.allocation & ~15),
      saved: saved.filter((register) => !pushes.includes(register)).slice(0, rest.allocation / 8),
      // Stores lie one after the other; small frames have no room for XMM registers.
      xmm: rest.allocation < 0x78 ? [] : rest.xmm,
    };
  });

/** Lays out the function; gives the addresses of its instructions and what each does. */
function build(memory: KernelMemory, shape: Shape): { at: number; piece: Piece }[] {
  const prologue = prologueOf(shape);
  const nop: Piece = { bytes: [0x90], run: () => {}, codes: [] };
  const epilogue = epilogueOf(shape);
  const placed: { at: number; piece: Piece }[] = [];
  let at = BASE + CODE;
  const slots: number[] = [];
  for (const piece of prologue) {
    placed.push({ at, piece });
    memory.u8.set(piece.bytes, at);
    at += piece.bytes.length;
    for (const [first = 0, ...rest] of piece.codes) slots.unshift((at - BASE - CODE) | (first << 8), ...rest);
  }
  const prologueSize = at - BASE - CODE;
  for (const piece of [nop, nop, ...epilogue]) {
    placed.push({ at, piece });
    memory.u8.set(piece.bytes, at);
    at += piece.bytes.length;
  }
  const end = at - BASE;
  if (shape.version === 2) {
    const firstPop = placed.at(-1 - shape.pushes.length);
    const size = at - (firstPop?.at ?? at);
    slots.unshift(size | (6 << 8) | (1 << 12), 6 << 8);
  }
  memory.u32.set([CODE, end, XDATA], (BASE + PDATA) >> 2);
  const xdata = BASE + XDATA;
  const frame = shape.frameRegister | (shape.frameOffset << 0);
  memory.u8.set([shape.version, prologueSize, slots.length, frame], xdata);
  memory.u16.set(slots, (xdata + 4) >> 1);
  return placed;
}

function startingRegisters(memory: KernelMemory): Registers {
  const registers = new Int32Array(REGISTER_WORDS);
  for (let i = 0; i < 32; i++) registers[i] = 0x1000_0000 + i * 0x111;
  for (let i = 0; i < 64; i++) registers[XMM_WORD + i] = 0x2000_0000 + i * 0x333;
  setStackPointer(registers, STACK_TOP);
  memory.writePointer(STACK_TOP, RETURN);
  return registers;
}

/** General and XMM registers that a caller finds unchanged, and where it goes on. */
function callersView(registers: Registers): number[] {
  const general = [...NONVOLATILE, RSP].flatMap((register) => [
    registers[register * 2],
    registers[register * 2 + 1],
  ]);
  return [...general, registers[RIP_WORD], registers[RIP_WORD + 1], ...registers.slice(XMM_WORD + 24)];
}

describe('unwinding', () => {
  it('gives the caller back from every instruction of any function', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const memory = newMemory();
        const placed = build(memory, shape);
        const registers = startingRegisters(memory);
        const expected = registers.slice();
        setStackPointer(expected, STACK_TOP + 8);
        setInstructionPointer(expected, RETURN);
        const prologue = prologueOf(shape).length;
        let bodyBase = -1;
        for (const [index, { at, piece }] of placed.entries()) {
          setInstructionPointer(registers, at);
          if (index === prologue) {
            bodyBase = stackPointer(registers);
            // The body is free to change what the function saved, but for its frame register.
            for (const register of [...shape.pushes, ...shape.saved])
              if (register !== shape.frameRegister) registers[register * 2] = 0x666;
            for (const register of shape.xmm) registers[XMM_WORD + register * 4] = 0x777;
          }
          const caller = registers.slice();
          const frame = newUnwinder(memory).unwind(caller, 0);
          expect(frame, `at instruction ${index}`).not.toBeNull();
          const restored = callersView(caller);
          const wanted = callersView(expected);
          expect(restored, `at instruction ${index}`).toEqual(wanted);
          if (index === prologue) expect(frame?.establisherFrame).toBe(bodyBase);
          piece.run(registers, memory);
          if (index !== prologue) continue;
          // Before its epilogue the body loads what it had stored.
          for (const register of shape.saved) registers[register * 2] = expected[register * 2];
          for (const register of shape.xmm)
            registers[XMM_WORD + register * 4] = expected[XMM_WORD + register * 4];
        }
      }),
      { numRuns: 300 },
    );
  });

  it('takes a function without an entry for a leaf', () => {
    const memory = newMemory();
    const registers = startingRegisters(memory);
    setInstructionPointer(registers, BASE + 0x1800);
    const frame = newUnwinder(memory).unwind(registers, 3);
    expect(frame).toMatchObject({ entry: null, handler: 0, establisherFrame: STACK_TOP });
    expect(registers[RIP_WORD]).toBe(RETURN);
    expect(stackPointer(registers)).toBe(STACK_TOP + 8);
  });

  it('calls handlers in the body only, and only those of the kind asked for', () => {
    const memory = newMemory();
    // push rbx; nop; pop rbx; ret, with a handler for both passes.
    memory.u8.set([0x53, 0x90, 0x5b, 0xc3], BASE + CODE);
    memory.u32.set([CODE, CODE + 4, XDATA], (BASE + PDATA) >> 2);
    memory.u8.set([1 | (UNWIND_EXCEPTION_HANDLER << 3), 1, 1, 0, 1, RBX << 4, 0, 0], BASE + XDATA);
    memory.u32[(BASE + XDATA + 8) >> 2] = 0x1ab0;
    const at = (offset: number, kind: number): number | undefined => {
      const registers = startingRegisters(memory);
      setInstructionPointer(registers, BASE + CODE + offset);
      return newUnwinder(memory).unwind(registers, kind)?.handler;
    };
    expect(at(0, UNWIND_EXCEPTION_HANDLER)).toBe(0);
    expect(at(1, UNWIND_EXCEPTION_HANDLER)).toBe(BASE + 0x1ab0);
    expect(at(1, UNWIND_TERMINATION_HANDLER)).toBe(0);
    expect(at(2, UNWIND_EXCEPTION_HANDLER)).toBe(0);
  });

  it('undoes what the functions did that a part continues, and does not mistake jumps between parts', () => {
    const memory = newMemory();
    const parts = { ...image, exceptionTable: { start: BASE + PDATA, end: BASE + PDATA + 24 } };
    // Part one: push rbx; sub rsp, 20h; jmp to part two. Part two: nop; jmp back into part one.
    memory.u8.set([0x53, 0x48, 0x83, 0xec, 0x20, 0xe9, ...low(0x100 - 10)], BASE + CODE);
    memory.u8.set([0x90, 0xe9, ...low(-(0x100 + 6) + 5)], BASE + CODE + 0x100);
    memory.u32.set([CODE, CODE + 10, XDATA, CODE + 0x100, CODE + 0x106, XDATA + 0x20], (BASE + PDATA) >> 2);
    memory.u8.set([1, 5, 2, 0, 5, 2 | (3 << 4), 1, RBX << 4], BASE + XDATA);
    memory.u8.set([1 | (4 << 3), 0, 0, 0], BASE + XDATA + 0x20);
    memory.u32.set([CODE, CODE + 10, XDATA], (BASE + XDATA + 0x24) >> 2);
    for (const offset of [5, 0x100, 0x101]) {
      const registers = startingRegisters(memory);
      setStackPointer(registers, STACK_TOP - 0x28);
      memory.i32[(STACK_TOP - 8) >> 2] = 0x77;
      setInstructionPointer(registers, BASE + CODE + offset);
      expect(newUnwinder(memory, parts).unwind(registers, 0), `at ${offset}`).not.toBeNull();
      expect([registers[RBX * 2], registers[RIP_WORD]]).toEqual([0x77, RETURN]);
      expect(stackPointer(registers)).toBe(STACK_TOP + 8);
    }
  });

  it('undoes a machine frame', () => {
    const memory = newMemory();
    memory.u8.set([0x90, 0x90], BASE + CODE);
    memory.u32.set([CODE, CODE + 2, XDATA], (BASE + PDATA) >> 2);
    memory.u8.set([1, 0, 1, 0, 0, 10 | (1 << 4)], BASE + XDATA);
    const registers = startingRegisters(memory);
    memory.writePointer(STACK_TOP + 8, 0x3_1234);
    memory.writePointer(STACK_TOP + 8 + 24, STACK_TOP + 0x100);
    setInstructionPointer(registers, BASE + CODE + 1);
    expect(newUnwinder(memory).unwind(registers, 0)).not.toBeNull();
    expect([registers[RIP_WORD], stackPointer(registers)]).toEqual([0x3_1234, STACK_TOP + 0x100]);
  });

  it('survives any unwind data and any stack pointer', () => {
    const memory = newMemory();
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 0x80, maxLength: 0x80 }),
        fc.array(fc.nat(SIZE + 0x100), { minLength: 12, maxLength: 12 }),
        fc.array(fc.integer(), { minLength: 34, maxLength: 34 }),
        fc.nat(0x80),
        (xdata, table, words, offset) => {
          memory.u8.set(xdata, BASE + XDATA);
          memory.u8[BASE + XDATA] = (memory.u8[BASE + XDATA] & 0xf8) | ((xdata[0] & 1) + 1);
          memory.u32.set(table, (BASE + PDATA) >> 2);
          memory.u32.set([CODE, CODE + 0x80, XDATA], (BASE + PDATA) >> 2);
          memory.u32[(BASE + XDATA + 0x28) >> 2] = CODE;
          const registers = new Int32Array(REGISTER_WORDS);
          registers.set(words);
          if ((words[0] & 1) === 0) setStackPointer(registers, memory.size - (words[1] & 0xff));
          setInstructionPointer(registers, BASE + CODE + offset);
          const unwinder = newUnwinder(memory, {
            ...image,
            exceptionTable: { start: BASE + PDATA, end: BASE + PDATA + 48 },
          });
          for (let depth = 0; depth < 8; depth++) if (unwinder.unwind(registers, 3) === null) break;
        },
      ),
      { numRuns: 2000 },
    );
  });
});
