/**
 * Cases for the comparison with silicon, generated from the instruction table: every form with each operand size, with
 * registers and with memory in every way of addressing, with edge and random values.
 */

import {
  type Feature,
  FLAG_DF,
  FORMS,
  type Form,
  type Operation,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
  STATUS_FLAGS,
} from '../../src/x64/index.ts';
import { type EncodingChoice, encode, type MemoryChoice, operandSizes, rmKinds } from './encode.ts';
import { pick, type RandomNumbers, randomWord, ValuePool } from './random.ts';
import { CODE_ADDRESS, CODE_STRIDE, DATA_ADDRESS, Registers, WINDOW_ADDRESS } from './records.ts';

export interface Case {
  readonly before: Registers;
  readonly code: readonly number[];
  /** Forms of its instructions, in order. */
  readonly forms: readonly Form[];
  /** Bit n: general register n holds a pointer, to which the guest may give the high half of the kernel window. */
  readonly pointers: number;
  /** It computes with pointers or stores them: the guest must have the same ones as the harness. */
  readonly samePointers: boolean;
  /** Of sequences: flags that are undefined at their end. */
  readonly undefinedFlags?: number;
  /** Of sequences with an instruction that faults: flags that are undefined before it. */
  readonly undefinedAtFault?: number;
}

/** Operations whose results contain their pointers. */
export const KEEP_POINTERS: ReadonlySet<string> = new Set(['lea', 'push', 'enter']);

/** Where memory operands lie, so that bytes before and after them are in the window too. */
const OPERAND_AREA = WINDOW_ADDRESS + 0x40;
const OPERAND_AREA_SIZE = 0x60;
/** Nothing is mapped there, neither in the harness nor in the guest. */
export const UNMAPPED = 0x3000_0000;
/** Of cases that have nothing to do with the stack. */
const OTHER_STACK = DATA_ADDRESS + 0x3000;
const STACK = WINDOW_ADDRESS + 0xa0;
const FRAME = WINDOW_ADDRESS + 0xc0;

/** What cannot be compared: it leaves the ring, reads the host's own state, or needs addresses with two high halves. */
const NOT_COMPARED = new Set([
  'invalid',
  'int3',
  'int',
  'int1',
  'in',
  'out',
  'ins',
  'outs',
  'cpuid',
  'rdtsc',
  'rdtscp',
  'xgetbv',
  'movsr',
  'call',
  'ret',
]);

/** Why a form has no case; empty where it has. */
export function whyNotCompared(form: Form, absent: ReadonlySet<Feature>): string {
  const { operation } = form;
  if (operation.privileged) return 'privileged';
  if (NOT_COMPARED.has(operation.name)) return 'touches the host';
  if (/\b[fg]s\b/.test(form.text)) return 'segment registers of the host';
  if (operation.name === 'jmp' && form.text.includes('Ev')) return 'two high halves';
  return absent.has(operation.feature) ? `the host has no ${operation.feature}` : '';
}

const LOCK = 0xf0;
const GS = 0x65;
const ADDRESS_SIZE = 0x67;
const ALL_REGISTERS: readonly number[] = [...Array(16).keys()];
/** Operations whose registers have 8 bytes at any size, or get values of their own. */
const NO_SHARED_BASE = /^(bt|push|pop|lea|div|idiv|pcmpestr|enter|leave|cmpxchg8b)/;
/** Bytes that a taken jump skips: `not rbx`. */
const SKIPPED = [0x48, 0xf7, 0xd3];

function bits(mask: number): number[] {
  return [...Array(16).keys()].filter((bit) => ((mask >> bit) & 1) !== 0);
}

/** Registers that an operation uses as pointers without naming them. */
function implicitPointers(operation: Operation): readonly number[] {
  switch (operation.name) {
    case 'movs':
    case 'cmps':
      return [RSI, RDI];
    case 'stos':
    case 'scas':
    case 'maskmovdqu':
      return [RDI];
    case 'lods':
      return [RSI];
    case 'xlat':
      return [RBX];
    case 'push':
    case 'pop':
    case 'pushf':
    case 'popf':
      return [RSP];
    case 'enter':
    case 'leave':
      return [RSP, RBP];
    default:
      return [];
  }
}

/** Makes the cases of one form. */
class CaseMaker {
  readonly #random: RandomNumbers;
  readonly #pool: ValuePool;
  readonly #form: Form;
  readonly #number: number;
  readonly #before = new Registers();
  #pointers = 0;
  #operandSize = 4;

  /** @param number of the case: where its code lies. */
  constructor(random: RandomNumbers, pool: ValuePool, form: Form, number: number) {
    this.#random = random;
    this.#pool = pool;
    this.#form = form;
    this.#number = number;
  }

  make(operandSize: 2 | 4 | 8, inMemory: boolean): Case {
    const form = this.#form;
    const random = this.#random;
    const { operation } = form;
    this.#operandSize = operandSize;
    this.#fill();
    const implicit = bits(operation.implicitReads | operation.implicitWrites);
    // Its form of one operand has them, the others do not.
    if (operation.name === 'imul') implicit.push(RAX, RDX);
    const free = [...Array(16).keys()].filter((register) => !implicit.includes(register));
    const reg = random(16);
    const vvvv = random(8) === 0 ? reg : random(16);
    const rm = random(8) === 0 ? reg : random(16);
    const prefixes: number[] = [];
    let memory: MemoryChoice | null = null;
    // Both the address and an operand: only where no operand shows the high half, and no bit number is made of it.
    const shared = operandSize <= 4 && !NO_SHARED_BASE.test(operation.name);
    if (inMemory)
      memory = this.#memory(
        shared ? ALL_REGISTERS : free.filter((each) => each !== reg && each !== vvvv),
        prefixes,
      );
    if (inMemory && operation.lock && random(3) === 0) prefixes.push(LOCK);
    if (operation.repeat !== 'none' && random(3) > 0) prefixes.push(random(2) === 0 ? 0xf3 : 0xf2);
    const choice: EncodingChoice = {
      operandSize,
      reg,
      rm,
      vvvv,
      memory,
      condition: random(16),
      immediate: this.#immediate(),
      prefixes,
      forceRex: random(4) === 0 && form.map < 4,
    };
    // A stack where the translator wants one, unless rsp is an operand or a pointer already.
    const named = [reg, rm, vvvv, memory?.index ?? -1];
    if (!named.includes(RSP) && (this.#pointers & (1 << RSP)) === 0) this.#point(RSP, OTHER_STACK);
    this.#constrain(choice);
    return {
      before: this.#before,
      code: this.#encode(choice),
      forms: [form],
      pointers: this.#pointers,
      samePointers: KEEP_POINTERS.has(operation.name),
    };
  }

  #fill(): void {
    const random = this.#random;
    const before = this.#before;
    const floats = /[VWU][dqx]/.test(this.#form.text) && random(3) > 0;
    before.fill(random, this.#pool, floats);
    // Equal lanes, where comparisons look for them.
    if (random(4) === 0) before.xmm(random(16)).set(before.xmm(random(16)));
    before.flags = 0x202 | (random(0x1000) & STATUS_FLAGS);
    before.mxcsr = mxcsrOf(random);
    for (const register of implicitPointers(this.#form.operation)) {
      const address =
        register === RSP ? STACK : register === RBP ? FRAME : OPERAND_AREA + random(OPERAND_AREA_SIZE);
      this.#point(register, address);
    }
  }

  #point(register: number, address: number): void {
    this.#before.setGeneral(register, BigInt(address));
    this.#pointers |= 1 << register;
  }

  /** A memory operand somewhere in the window, or rarely where nothing is mapped. */
  #memory(free: readonly number[], prefixes: number[]): MemoryChoice {
    const random = this.#random;
    const aligned = random(4) > 0;
    let address = OPERAND_AREA + random(OPERAND_AREA_SIZE);
    if (aligned) address &= ~15;
    if (random(20) === 0) address = UNMAPPED;
    const kind = random(8);
    // A rip-relative address is in the kernel window, whatever the harness has.
    if (kind === 0 && this.#form.operation.name !== 'lea')
      return { base: -1, index: -1, scale: 1, displacement: address, ripRelative: true };
    if (kind === 1) {
      prefixes.push(GS);
      return { base: -1, index: -1, scale: 1, displacement: address - WINDOW_ADDRESS, ripRelative: false };
    }
    if (kind === 2) return { base: -1, index: -1, scale: 1, displacement: address, ripRelative: false };
    const base = pick(random, free);
    if (kind === 3) prefixes.push(ADDRESS_SIZE);
    const scale = pick(random, [1, 2, 4, 8] as const);
    const index = kind <= 5 ? pick(random, free) : -1;
    const displacement = pick(random, [0, 0x10, -0x10, 0x70, -0x80, 0x1000, -0x12340]);
    if (index === base || index < 0 || index === RSP) {
      this.#point(base, address - displacement);
      return { base, index: -1, scale: 1, displacement, ripRelative: false };
    }
    const count = random(9) - 4;
    this.#before.setGeneral(index, BigInt.asUintN(64, BigInt(count)));
    this.#point(base, address - displacement - count * scale);
    return { base, index, scale, displacement, ripRelative: false };
  }

  #immediate(): bigint {
    const { name } = this.#form.operation;
    const random = this.#random;
    if (this.#form.operation.control !== 'none') return BigInt(SKIPPED.length);
    // Sizes and nesting of frames that stay in the window.
    if (this.#form.text.includes(' O') || this.#form.text.includes(',O')) {
      return BigInt(random(10) === 0 ? UNMAPPED : OPERAND_AREA + random(OPERAND_AREA_SIZE));
    }
    if (name === 'enter') return pick(random, [0n, 1n, 2n, 3n, 0x20n, 0x21n]);
    if (name === 'shld' || name === 'shrd') return BigInt(this.#operandSize === 2 ? random(17) : random(256));
    return random(2) === 0 ? randomWord(random) : BigInt(random(256));
  }

  /** Values without which an operation would nearly always do the same, or leave the window. */
  #constrain(choice: EncodingChoice): void {
    const { name } = this.#form.operation;
    const random = this.#random;
    const before = this.#before;
    switch (name) {
      case 'movs':
      case 'cmps':
      case 'stos':
      case 'scas':
      case 'lods':
        before.setGeneral(RCX, BigInt(random(6)));
        if (random(3) === 0) before.flags |= FLAG_DF;
        break;
      case 'div':
      case 'idiv': {
        const high = random(3) === 0 ? before.general(RDX) : BigInt(random(4));
        before.setGeneral(
          RDX,
          random(3) === 0 ? BigInt.asUintN(64, BigInt.asIntN(64, before.general(RAX)) >> 63n) : high,
        );
        break;
      }
      case 'cmpxchg':
      case 'cmpxchg8b':
        this.#matchAccumulator(choice);
        break;
      case 'bt':
      case 'bts':
      case 'btr':
      case 'btc':
        // Bit numbers of registers reach beyond the operand.
        if (choice.memory !== null)
          before.setGeneral(choice.reg, BigInt.asUintN(64, BigInt(random(512) - 256)));
        break;
      case 'xlat':
        before.setGeneral(RAX, (before.general(RAX) & ~0xffn) | BigInt(random(0x40)));
        break;
      case 'popf':
        this.#storeAtStack(BigInt(0x202 | (random(0x1000) & (STATUS_FLAGS | FLAG_DF))));
        break;
      case 'loop':
      case 'loope':
      case 'loopne':
      case 'jrcxz':
        before.setGeneral(RCX, pick(random, [0n, 1n, 2n, 0x1_0000_0000n]));
        break;
      case 'pcmpestri':
      case 'pcmpestrm':
        before.setGeneral(RAX, BigInt.asUintN(64, BigInt(random(40) - 20)));
        before.setGeneral(RDX, BigInt.asUintN(64, BigInt(random(40) - 20)));
        break;
      case 'ldmxcsr':
        for (let at = 0; at < before.window.length; at += 4) before.window.set([0x80, 0x1f, 0, 0], at);
        break;
      default:
        this.#shiftCount(choice);
    }
  }

  /** Counts beyond the width of 16-bit double shifts give undefined results. */
  #shiftCount(choice: EncodingChoice): void {
    const { name } = this.#form.operation;
    const before = this.#before;
    if (!this.#form.text.includes('cl')) return;
    const most = choice.operandSize === 2 && (name === 'shld' || name === 'shrd') ? 16 : 256;
    const pointer = ((this.#pointers >> RCX) & 1) !== 0;
    if (!pointer) before.setGeneral(RCX, (before.general(RCX) & ~0xffn) | BigInt(this.#random(most)));
  }

  #storeAtStack(value: bigint): void {
    const { window } = this.#before;
    new DataView(window.buffer, window.byteOffset).setBigUint64(STACK - WINDOW_ADDRESS, value, true);
  }

  /** Half of the exchanges succeed. */
  #matchAccumulator(choice: EncodingChoice): void {
    const before = this.#before;
    if (this.#random(2) === 0 || (this.#pointers & (1 << RAX)) !== 0) return;
    if (choice.memory === null) {
      before.setGeneral(RAX, before.general(choice.rm));
      return;
    }
    const { window } = before;
    const view = new DataView(window.buffer, window.byteOffset);
    // The same everywhere, so wherever the operand lies.
    const value = before.general(RAX);
    const wide = this.#form.operation.name === 'cmpxchg8b' && choice.operandSize === 8;
    if (this.#form.operation.name === 'cmpxchg8b' && !wide) before.setGeneral(RDX, value);
    for (let at = 0; at < window.length; at += wide ? 16 : 4) {
      if (wide) {
        view.setBigUint64(at, value, true);
        view.setBigUint64(at + 8, before.general(RDX), true);
      } else view.setUint32(at, Number(value & 0xffff_ffffn), true);
    }
    if (!wide) before.setGeneral(RAX, (value & 0xffff_ffffn) | ((value & 0xffff_ffffn) << 32n));
  }

  #encode(choice: EncodingChoice): readonly number[] {
    const jumps = this.#form.operation.control === 'jump' || this.#form.operation.control === 'conditional';
    const tail = jumps ? SKIPPED : [];
    const bytes = encode(this.#form, choice);
    const { memory } = choice;
    if (memory === null || !memory.ripRelative) return [...bytes, ...tail];
    const next = CODE_ADDRESS + this.#number * CODE_STRIDE + bytes.length;
    return [
      ...encode(this.#form, { ...choice, memory: { ...memory, displacement: memory.displacement - next } }),
      ...tail,
    ];
  }
}

/** Cases of each form and size: so many with registers, so many with memory. */
const REGISTER_CASES = 14;
const MEMORY_CASES = 14;
const FIXED_CASES = 6;

/** Half of the cases run as Windows does; the others with any rounding, masks, flags, and handling of denormals. */
function mxcsrOf(random: RandomNumbers): number {
  if (random(2) === 0) return 0x1f80;
  let control = 0x1f80 | (random(4) << 13) | random(0x40);
  if (random(3) === 0) control |= 0x8000;
  if (random(3) === 0) control |= 0x40;
  if (random(3) === 0) control &= ~(random(0x40) << 7);
  // A flag whose mask is off is only ever found set after its exception.
  return control & ~((~control >> 7) & 0x3f);
}

/** Cases of one instruction over the whole table. */
export function casesOfTable(random: RandomNumbers, absent: ReadonlySet<Feature>): Case[] {
  const cases: Case[] = [];
  const pool = new ValuePool(random);
  for (const form of FORMS) {
    if (whyNotCompared(form, absent) !== '') continue;
    const kinds = rmKinds(form);
    for (const operandSize of operandSizes(form)) {
      const registers = !kinds.register
        ? 0
        : form.operands.length > 0 || form.operation.repeat !== 'none'
          ? REGISTER_CASES
          : FIXED_CASES;
      for (let i = 0; i < registers; i++)
        cases.push(new CaseMaker(random, pool, form, cases.length).make(operandSize, false));
      if (!kinds.memory) continue;
      for (let i = 0; i < MEMORY_CASES; i++)
        cases.push(new CaseMaker(random, pool, form, cases.length).make(operandSize, true));
    }
  }
  return cases;
}
