/**
 * Reads the notation of the instruction table. A form is a line of words:
 *
 *     [vex] [np|66|f3|f2] [0f [38|3a]] opcode[+r|+c] [/extension|=modrm] [mod3] [operands] [:size] [d64|f64] [@access]
 *
 * `mod3` wants ModRM to name a register that does not matter. Operands are separated by commas, a letter and a size each (Intel 64 manual, volume 2, appendix A.2): E general register
 * or memory, M memory, R register, G register of the reg field, Z register of the opcode, A accumulator, V W U the
 * same of XMM registers (reg; register or memory; register), I immediate, Is signed byte, Iu unsigned byte, Iw
 * unsigned word, J relative target, O absolute offset, C D S control, debug and segment registers, B register of the
 * VEX prefix, RdMb a register and memory of different sizes; cl, dx, 1, fs, gs, xmm0 are themselves. Sizes: b w d q x
 * are 1 2 4 8 16 bytes, v the operand size, z the same but at most 4, y 4 or 8, t twice y.
 */

import {
  type Definition,
  type Facts,
  type Form,
  flagMask,
  type MandatoryPrefix,
  OPERAND_ABSOLUTE_OFFSET,
  OPERAND_CONTROL,
  OPERAND_DEBUG,
  OPERAND_FIXED_REGISTER,
  OPERAND_FIXED_SEGMENT,
  OPERAND_IMMEDIATE,
  OPERAND_IMMEDIATE_BYTE_SIGNED,
  OPERAND_IMMEDIATE_UNSIGNED,
  OPERAND_ONE,
  OPERAND_OPCODE_REGISTER,
  OPERAND_REG,
  OPERAND_RELATIVE,
  OPERAND_RM,
  OPERAND_RM_MEMORY,
  OPERAND_RM_REGISTER,
  OPERAND_SEGMENT,
  OPERAND_VEX_REGISTER,
  OPERAND_XMM_REG,
  OPERAND_XMM_RM,
  OPERAND_XMM_RM_REGISTER,
  OPERAND_XMM_ZERO,
  type OpcodeMap,
  type OperandForm,
  type Operation,
  SIZE_T,
  SIZE_V,
  SIZE_Y,
  SIZE_Z,
  VEX_MAPS,
} from './operation.ts';

const SIZES: Readonly<Record<string, number>> = {
  b: 1,
  w: 2,
  d: 4,
  q: 8,
  x: 16,
  v: SIZE_V,
  z: SIZE_Z,
  y: SIZE_Y,
  t: SIZE_T,
};

const KINDS: Readonly<Record<string, number>> = {
  E: OPERAND_RM,
  M: OPERAND_RM_MEMORY,
  R: OPERAND_RM_REGISTER,
  G: OPERAND_REG,
  Z: OPERAND_OPCODE_REGISTER,
  A: OPERAND_FIXED_REGISTER,
  V: OPERAND_XMM_REG,
  W: OPERAND_XMM_RM,
  U: OPERAND_XMM_RM_REGISTER,
  I: OPERAND_IMMEDIATE,
  J: OPERAND_RELATIVE,
  O: OPERAND_ABSOLUTE_OFFSET,
  C: OPERAND_CONTROL,
  D: OPERAND_DEBUG,
  S: OPERAND_SEGMENT,
  B: OPERAND_VEX_REGISTER,
};

function operand(kind: number, size: number, register = 0, memorySize = size): OperandForm {
  return { kind, size, memorySize, register };
}

/** Operands that are more, or less, than a letter and a size. */
const SPECIAL: Readonly<Record<string, OperandForm>> = {
  Is: operand(OPERAND_IMMEDIATE_BYTE_SIGNED, SIZE_V),
  Iu: operand(OPERAND_IMMEDIATE_UNSIGNED, 1),
  Iw: operand(OPERAND_IMMEDIATE_UNSIGNED, 2),
  '1': operand(OPERAND_ONE, 1),
  cl: operand(OPERAND_FIXED_REGISTER, 1, 1),
  dx: operand(OPERAND_FIXED_REGISTER, 2, 2),
  fs: operand(OPERAND_FIXED_SEGMENT, 2, 4),
  gs: operand(OPERAND_FIXED_SEGMENT, 2, 5),
  xmm0: operand(OPERAND_XMM_ZERO, 16),
  RdMb: operand(OPERAND_RM, 4, 0, 1),
  RdMw: operand(OPERAND_RM, 4, 0, 2),
  RvMw: operand(OPERAND_RM, SIZE_V, 0, 2),
};

function parseOperand(text: string): OperandForm {
  const special = SPECIAL[text];
  if (special !== undefined) return special;
  const kind = KINDS[text[0]];
  const size = SIZES[text[1]];
  if (text.length !== 2 || kind === undefined || size === undefined) {
    throw new SyntaxError(`instruction table: unknown operand '${text}'`);
  }
  return operand(kind, size);
}

/** Kinds whose operand lies in a ModRM byte. */
const IN_MODRM = new Set([
  OPERAND_RM,
  OPERAND_RM_MEMORY,
  OPERAND_RM_REGISTER,
  OPERAND_REG,
  OPERAND_XMM_REG,
  OPERAND_XMM_RM,
  OPERAND_XMM_RM_REGISTER,
  OPERAND_CONTROL,
  OPERAND_DEBUG,
  OPERAND_SEGMENT,
]);

/** Reads one form of an operation. */
function parseForm(text: string, operation: Operation, number: number): Form {
  const words = text.split(' ');
  let at = 0;
  const vex = words[at] === 'vex';
  if (vex) at++;
  let prefix: MandatoryPrefix = 'any';
  if (words[at] === 'np') prefix = 'none';
  else if (words[at] === '66' || words[at] === 'f3' || words[at] === 'f2')
    prefix = words[at] as MandatoryPrefix;
  if (prefix !== 'any') at++;
  let map = 0;
  if (words[at] === '0f') {
    at++;
    map = words[at] === '38' ? 2 : words[at] === '3a' ? 3 : 1;
    if (map !== 1) at++;
  }
  const [opcodeText, variable] = words[at++].split('+');
  let extension = -1;
  let fixedModrm = -1;
  let registerOnly = false;
  let operands: readonly OperandForm[] = [];
  let size = 0;
  let default64: 0 | 1 | 2 = 0;
  let access = operation.access;
  for (; at < words.length; at++) {
    const word = words[at];
    if (word[0] === '/') extension = Number(word.slice(1));
    else if (word[0] === '=') fixedModrm = Number.parseInt(word.slice(1), 16);
    else if (word[0] === ':') size = SIZES[word[1]];
    else if (word[0] === '@') access = word.slice(1);
    else if (word === 'mod3') registerOnly = true;
    else if (word === 'd64') default64 = 1;
    else if (word === 'f64') default64 = 2;
    else operands = word.split(',').map(parseOperand);
  }
  return {
    number,
    operation,
    text,
    // The maps after VEX are the legacy ones that lie VEX_MAPS before them.
    map: (vex ? map + VEX_MAPS : map) as OpcodeMap,
    prefix,
    opcode: Number.parseInt(opcodeText, 16),
    opcodeMask: variable === 'r' ? 7 : variable === 'c' ? 15 : 0,
    condition: variable === 'c',
    modrm: extension >= 0 || fixedModrm >= 0 || operands.some((each) => IN_MODRM.has(each.kind)),
    extension,
    fixedModrm,
    registerOnly,
    operands,
    hasVexRegister: operands.some((each) => each.kind === OPERAND_VEX_REGISTER),
    size,
    default64,
    access,
  };
}

function registerMask(registers: readonly number[] | undefined): number {
  let mask = 0;
  for (const register of registers ?? []) mask |= 1 << register;
  return mask;
}

/** Mnemonics for sizes 1, 2, 4, 8, 16 from those that a definition lists for 2, 4, 8, 1 and 16. */
function mnemonicsOf(name: string, facts: Facts): readonly string[] {
  const listed = (facts.mnemonics ?? name).split(' ');
  if (listed.length === 1) return [listed[0], listed[0], listed[0], listed[0], listed[0]];
  const [two, four, eight, one, sixteen] = listed;
  return [one ?? two, two, four, eight, sixteen ?? eight];
}

/** Numbers operations and forms in the order of their definitions. */
export function parseTable(definitions: readonly Definition[]): {
  operations: readonly Operation[];
  forms: readonly Form[];
} {
  const operations: Operation[] = [];
  const forms: Form[] = [];
  for (const { name, facts, forms: texts } of definitions) {
    const own: Form[] = [];
    const operation: Operation = {
      number: operations.length,
      name,
      flagsRead: flagMask(facts.reads ?? ''),
      flagsWritten: flagMask(facts.writes ?? ''),
      flagsUndefined: flagMask(facts.undefined ?? ''),
      access: facts.access ?? 'xrrr',
      lock: facts.lock ?? false,
      repeat: facts.repeat ?? 'none',
      feature: facts.feature ?? 'base',
      privileged: facts.privileged ?? false,
      control: facts.control ?? 'none',
      implicitReads: registerMask(facts.implicitReads),
      implicitWrites: registerMask(facts.implicitWrites),
      writesXmm0: facts.writesXmm0 ?? false,
      aligned: !(facts.unaligned ?? false),
      ignoresMod: facts.ignoresMod ?? false,
      mnemonics: mnemonicsOf(name, facts),
      semantics: facts.semantics,
      forms: own,
    };
    operations.push(operation);
    for (const text of texts) {
      const form = parseForm(text, operation, forms.length);
      own.push(form);
      forms.push(form);
    }
  }
  return { operations, forms };
}
