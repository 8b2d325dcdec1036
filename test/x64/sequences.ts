/** Random sequences of instructions for the comparison with silicon: results become operands, flags are passed on. */

import {
  type Feature,
  FLAG_AF,
  FLAG_CF,
  FLAG_DF,
  FORMS,
  type Form,
  STATUS_FLAGS,
} from '../../src/x64/index.ts';
import { type Case, KEEP_POINTERS, UNMAPPED, whyNotCompared } from './cases.ts';
import { encode, type MemoryChoice, operandSizes, rmKinds } from './encode.ts';
import { pick, type RandomNumbers, randomWord, ValuePool } from './random.ts';
import { CODE_BYTES, Registers, WINDOW_ADDRESS } from './records.ts';

/** Registers that point into the window throughout; nothing else may be written to them. */
const POINTERS = [14, 15, 12, 4];
/** Counts the rounds of a loop. */
const COUNTER = 13;
/** Points to where nothing is mapped. */
const NOWHERE = 12;
const OTHERS = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11];
/** Flags that decide conditions. */
const CONDITION_FLAGS = STATUS_FLAGS & ~FLAG_AF;
const STACK = WINDOW_ADDRESS + 0x80;

/** Operations that fault or leave the window with operands of any value, or whose result is not exactly defined. */
const LEFT_OUT = new Set([
  'div',
  'idiv',
  'enter',
  'leave',
  'popf',
  'pop',
  'push',
  'xlat',
  'maskmovdqu',
  'ldmxcsr',
  'stmxcsr',
  'cld',
  'std',
  'movs',
  'cmps',
  'stos',
  'lods',
  'scas',
  'ud0',
  'ud1',
  'ud2',
  'rsqrtps',
  'rsqrtss',
  'rcpps',
  'rcpss',
  'bswap',
  'pcmpestri',
  'pcmpestrm',
]);

/** The first operand may be memory: a lock prefix is allowed. */
const MEMORY_FIRST = / [EM][bvt](,|$| )/;

function suits(form: Form, absent: ReadonlySet<Feature>): boolean {
  const { operation } = form;
  return (
    whyNotCompared(form, absent) === '' &&
    !/[ ,]O[bv]/.test(form.text) &&
    operation.control === 'none' &&
    !LEFT_OUT.has(operation.name)
  );
}

/** The flags that are undefined after a form, given those before it. */
function undefinedAfter(form: Form, before: number): number {
  const { flagsUndefined, flagsWritten } = form.operation;
  return (before & (flagsUndefined !== 0 ? -1 : ~flagsWritten)) | flagsUndefined;
}

/** Whether a register of the form would be a pointer, or a bit number would leave the window. */
function encodeOne(random: RandomNumbers, form: Form, faults: boolean): readonly number[] | null {
  const sizes = operandSizes(form);
  const operandSize = pick(random, sizes);
  const { name } = form.operation;
  if (operandSize === 2 && (name === 'shld' || name === 'shrd')) return null;
  const kinds = rmKinds(form);
  const inMemory = kinds.memory && (!kinds.register || faults || random(3) === 0);
  if (faults && (!inMemory || form.operation.name === 'nop' || form.operation.access[0] === 'n')) return null;
  if (inMemory && name.startsWith('bt') && form.text.includes('Gv')) return null;
  const memory: MemoryChoice | null = inMemory
    ? {
        base: faults ? NOWHERE : pick(random, [14, 15]),
        index: -1,
        scale: 1,
        displacement: (random(8) - 4) * 16,
        ripRelative: false,
      }
    : null;
  const vector = /^[VWU]/.test(form.text.split(' ').find((word) => word.includes(',')) ?? '');
  // XMM registers are all free; the reg field of an extension is none.
  const reg = vector && !/[GEB][a-z]/.test(form.text) ? random(16) : pick(random, OTHERS);
  return encode(form, {
    operandSize,
    reg,
    rm: /[EGRZ][a-z]/.test(form.text) ? pick(random, OTHERS) : random(16),
    vvvv: pick(random, OTHERS),
    memory,
    condition: random(16),
    immediate: random(2) === 0 ? randomWord(random) : BigInt(random(256)),
    prefixes:
      inMemory && form.operation.lock && MEMORY_FIRST.test(form.text) && random(4) === 0 ? [0xf0] : [],
    // Without REX the byte registers 5 to 7 are ch to bh.
    forceRex: form.map < 4 && random(2) === 0,
  });
}

function stateBefore(random: RandomNumbers, pool: ValuePool): Registers {
  const before = new Registers();
  before.fill(random, pool, random(2) === 0);
  before.setGeneral(14, BigInt(WINDOW_ADDRESS + 0x50));
  before.setGeneral(15, BigInt(WINDOW_ADDRESS + 0x90));
  before.setGeneral(NOWHERE, BigInt(UNMAPPED));
  before.setGeneral(4, BigInt(STACK));
  before.flags = 0x202 | (random(0x1000) & STATUS_FLAGS & ~FLAG_DF);
  before.mxcsr = 0x1f80;
  return before;
}

/** Instructions of a sequence, one after the other. */
class SequenceMaker {
  readonly code: number[] = [];
  readonly forms: Form[] = [];
  /** Flags that are undefined where the code has come to. */
  undefinedFlags: number;
  undefinedAtFault = 0;
  readonly #random: RandomNumbers;
  readonly #all: readonly Form[];
  readonly #integer: readonly Form[];

  constructor(random: RandomNumbers, all: readonly Form[], integer: readonly Form[], undefinedFlags: number) {
    this.#random = random;
    this.#all = all;
    this.#integer = integer;
    this.undefinedFlags = undefinedFlags;
  }

  /** One more instruction, or one behind a branch that may skip it. */
  add(): void {
    const random = this.#random;
    const before = this.undefinedFlags;
    if (random(4) > 0 || (before & CONDITION_FLAGS) !== 0) {
      this.code.push(...this.#one());
      return;
    }
    const skipped = this.#one();
    this.code.push(0x70 | random(16), skipped.length, ...skipped);
    // Undefined on either way.
    this.undefinedFlags |= before;
  }

  /** One that faults. */
  addFault(): void {
    const before = this.undefinedFlags;
    this.code.push(...this.#one(true));
    this.undefinedAtFault = before;
  }

  #one(faults = false): readonly number[] {
    const random = this.#random;
    for (;;) {
      const form = pick(random, random(2) === 0 ? this.#integer : this.#all);
      if ((form.operation.flagsRead & this.undefinedFlags) !== 0) continue;
      const bytes = encodeOne(random, form, faults);
      if (bytes === null) continue;
      this.undefinedFlags = undefinedAfter(form, this.undefinedFlags);
      this.forms.push(form);
      return bytes;
    }
  }

  /** Repeats everything so far as often as the counter says: dec r13, jnz. */
  loop(): void {
    const length = this.code.length + 5;
    this.code.push(0x49, 0xff, 0xcd, 0x75, 0x100 - length);
    this.undefinedFlags &= FLAG_CF;
  }
}

/** So many cases of three to six instructions each, with branches over some of them; a third of them are loops. */
export function sequences(random: RandomNumbers, count: number, absent: ReadonlySet<Feature>): Case[] {
  const forms = FORMS.filter((form) => suits(form, absent));
  const integer = forms.filter((form) => !/[VWU][dqxw]/.test(form.text));
  const pool = new ValuePool(random);
  const cases: Case[] = [];
  while (cases.length < count) {
    const isLoop = random(3) === 0;
    // What comes again finds the carry that it left.
    const maker = new SequenceMaker(random, forms, integer, isLoop ? FLAG_CF : 0);
    const length = 3 + random(4);
    while (maker.forms.length < length) maker.add();
    if (random(6) === 0) {
      maker.addFault();
      maker.add();
    }
    if (isLoop) maker.loop();
    if (maker.code.length > CODE_BYTES) continue;
    const before = stateBefore(random, pool);
    if (isLoop) before.setGeneral(COUNTER, BigInt(1 + random(4)));
    cases.push({
      before,
      code: maker.code,
      forms: maker.forms,
      pointers: POINTERS.reduce((mask, register) => mask | (1 << register), 0),
      samePointers: maker.forms.some((form) => KEEP_POINTERS.has(form.operation.name)),
      undefinedFlags: maker.undefinedFlags,
      undefinedAtFault: maker.undefinedAtFault,
    });
  }
  return cases;
}
