/** Random sequences of instructions for the comparison with silicon: results become operands, flags are passed on. */

import { type Feature, FLAG_DF, FORMS, type Form, STATUS_FLAGS } from '../../src/x64/index.ts';
import { type Case, KEEP_POINTERS, whyNotCompared } from './cases.ts';
import { encode, type MemoryChoice, operandSizes, rmKinds } from './encode.ts';
import { pick, type RandomNumbers, randomWord, ValuePool } from './random.ts';
import { Registers, WINDOW_ADDRESS } from './records.ts';

/** Registers that point into the window throughout; nothing else may be written to them. */
const POINTERS = [14, 15, 4];
const OTHERS = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13];
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
function encodeOne(random: RandomNumbers, form: Form): readonly number[] | null {
  const sizes = operandSizes(form);
  const operandSize = pick(random, sizes);
  const { name } = form.operation;
  if (operandSize === 2 && (name === 'shld' || name === 'shrd')) return null;
  const kinds = rmKinds(form);
  const inMemory = kinds.memory && (!kinds.register || random(3) === 0);
  if (inMemory && name.startsWith('bt') && form.text.includes('Gv')) return null;
  const memory: MemoryChoice | null = inMemory
    ? {
        base: pick(random, [14, 15]),
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
    // Without REX the byte registers 4 to 7 are ah to bh, with it one of them is spl.
    forceRex: form.map < 4,
  });
}

function stateBefore(random: RandomNumbers, pool: ValuePool): Registers {
  const before = new Registers();
  before.fill(random, pool, random(2) === 0);
  before.setGeneral(14, BigInt(WINDOW_ADDRESS + 0x50));
  before.setGeneral(15, BigInt(WINDOW_ADDRESS + 0x90));
  before.setGeneral(4, BigInt(STACK));
  before.flags = 0x202 | (random(0x1000) & STATUS_FLAGS & ~FLAG_DF);
  before.mxcsr = 0x1f80;
  return before;
}

/** So many cases of three to seven instructions each. */
export function sequences(random: RandomNumbers, count: number, absent: ReadonlySet<Feature>): Case[] {
  const forms = FORMS.filter((form) => suits(form, absent));
  const integer = forms.filter((form) => !/[VWU][dqxw]/.test(form.text));
  const pool = new ValuePool(random);
  const cases: Case[] = [];
  while (cases.length < count) {
    const code: number[] = [];
    const used: Form[] = [];
    const length = 3 + random(5);
    let undefinedFlags = 0;
    while (used.length < length) {
      const form = pick(random, random(2) === 0 ? integer : forms);
      if ((form.operation.flagsRead & undefinedFlags) !== 0) continue;
      const bytes = encodeOne(random, form);
      if (bytes === null) continue;
      undefinedFlags = undefinedAfter(form, undefinedFlags);
      code.push(...bytes);
      used.push(form);
    }
    cases.push({
      before: stateBefore(random, pool),
      code,
      forms: used,
      pointers: POINTERS.reduce((mask, register) => mask | (1 << register), 0),
      samePointers: used.some((form) => KEEP_POINTERS.has(form.operation.name)),
    });
  }
  return cases;
}
