/**
 * The instruction table read backwards: bytes for a form and a choice of registers, memory operand and immediate. For
 * tests that go over the whole table. Implements "Instruction Format" of the Intel 64 manual, volume 2, chapter 2.
 */

import {
  type Form,
  OPERAND_ABSOLUTE_OFFSET,
  OPERAND_IMMEDIATE,
  OPERAND_IMMEDIATE_BYTE_SIGNED,
  OPERAND_IMMEDIATE_UNSIGNED,
  OPERAND_OPCODE_REGISTER,
  OPERAND_RELATIVE,
  OPERAND_RM,
  OPERAND_RM_MEMORY,
  OPERAND_RM_REGISTER,
  OPERAND_VEX_REGISTER,
  OPERAND_XMM_RM,
  OPERAND_XMM_RM_REGISTER,
  SIZE_T,
  SIZE_V,
  SIZE_Y,
  SIZE_Z,
  VEX_MAPS,
} from '../../src/x64/table/index.ts';

/** A memory operand to encode. Base and index as in `MemoryOperand`; rip-relative ones count from the next instruction. */
export interface MemoryChoice {
  readonly base: number;
  readonly index: number;
  readonly scale: 1 | 2 | 4 | 8;
  readonly displacement: number;
  readonly ripRelative: boolean;
}

/** What the table leaves open in a form. */
export interface EncodingChoice {
  readonly operandSize: 2 | 4 | 8;
  /** Register of the reg field, of the rm field (where `memory` is null), of the VEX prefix or of the opcode. */
  readonly reg: number;
  readonly rm: number;
  readonly vvvv: number;
  readonly memory: MemoryChoice | null;
  /** Low nibble of conditional forms. */
  readonly condition: number;
  /** Immediate, relative or absolute offset; cut to its width. */
  readonly immediate: bigint;
  /** Prefixes in front: lock, repeat, segment, address size. */
  readonly prefixes: readonly number[];
  /** A REX prefix even where nothing needs it: spl instead of ah. */
  readonly forceRex: boolean;
}

/** How an rm field may be filled. */
export function rmKinds(form: Form): { readonly register: boolean; readonly memory: boolean } {
  for (const { kind } of form.operands) {
    if (kind === OPERAND_RM || kind === OPERAND_XMM_RM) return { register: true, memory: true };
    if (kind === OPERAND_RM_MEMORY) return { register: false, memory: true };
    if (kind === OPERAND_RM_REGISTER || kind === OPERAND_XMM_RM_REGISTER)
      return { register: true, memory: false };
  }
  return { register: true, memory: false };
}

/** Operand sizes between which prefixes choose; one where they make no difference. */
export function operandSizes(form: Form): readonly (2 | 4 | 8)[] {
  const codes = [form.size, ...form.operands.flatMap((each) => [each.size, each.memorySize])];
  const sizes: (2 | 4 | 8)[] = [];
  const byPrefix = codes.some((code) => code === SIZE_V || code === SIZE_Z);
  if (byPrefix && form.prefix !== 'none' && form.default64 !== 2 && form.map < VEX_MAPS) sizes.push(2);
  if (form.prefix !== '66' || !byPrefix) sizes.push(form.default64 === 0 ? 4 : 8);
  if (form.default64 === 0 && codes.some((code) => code === SIZE_V || code === SIZE_Y || code === SIZE_T))
    sizes.push(8);
  return sizes;
}

/** Bytes of an immediate that follows, 0 for other operands. */
function immediateSize(kind: number, size: number, operandSize: number): number {
  switch (kind) {
    case OPERAND_IMMEDIATE:
    case OPERAND_RELATIVE: {
      if (size === SIZE_Z && kind === OPERAND_RELATIVE) return 4;
      if (size === SIZE_Z) return operandSize === 2 ? 2 : 4;
      return size === SIZE_V ? operandSize : size;
    }
    case OPERAND_IMMEDIATE_BYTE_SIGNED:
      return 1;
    case OPERAND_IMMEDIATE_UNSIGNED:
      return size;
    case OPERAND_ABSOLUTE_OFFSET:
      return 8;
    default:
      return 0;
  }
}

function littleEndian(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** ModRM, SIB and displacement. */
function modrmBytes(reg: number, choice: EncodingChoice): number[] {
  const { memory } = choice;
  const field = (reg & 7) << 3;
  if (memory === null) return [0xc0 | field | (choice.rm & 7)];
  const displacement = BigInt(memory.displacement);
  if (memory.ripRelative) return [field | 5, ...littleEndian(displacement, 4)];
  const scale = Math.log2(memory.scale) << 6;
  const index = memory.index < 0 ? 4 : memory.index & 7;
  if (memory.base < 0) return [field | 4, scale | (index << 3) | 5, ...littleEndian(displacement, 4)];
  const base = memory.base & 7;
  const { displacement: offset } = memory;
  const mode = offset === 0 && base !== 5 ? 0 : offset >= -128 && offset <= 127 ? 1 : 2;
  const sib = memory.index >= 0 || base === 4 ? [scale | (index << 3) | base] : [];
  const rm = sib.length > 0 ? 4 : base;
  return [
    (mode << 6) | field | rm,
    ...sib,
    ...littleEndian(displacement, mode === 0 ? 0 : mode === 1 ? 1 : 4),
  ];
}

/** The bytes of an instruction. */
export function encode(form: Form, choice: EncodingChoice): number[] {
  const { operandSize, memory } = choice;
  const kinds = form.operands.map((each) => each.kind);
  const inOpcode = kinds.includes(OPERAND_OPCODE_REGISTER);
  const reg = form.extension >= 0 ? form.extension : choice.reg;
  let rex = choice.forceRex ? 0x40 : 0;
  if (operandSize === 8 && form.default64 === 0) rex |= 0x48;
  if (form.modrm && form.extension < 0 && form.fixedModrm < 0 && reg >= 8) rex |= 0x44;
  if (memory !== null && memory.index >= 8) rex |= 0x42;
  const base = inOpcode
    ? choice.reg
    : !form.modrm || form.fixedModrm >= 0
      ? 0
      : memory === null
        ? choice.rm
        : memory.base;
  if (base >= 8) rex |= 0x41;
  const opcode = form.opcode | (form.condition ? choice.condition : 0) | (inOpcode ? choice.reg & 7 : 0);
  const bytes = [...choice.prefixes];
  if (form.map >= VEX_MAPS) {
    const vvvv = kinds.includes(OPERAND_VEX_REGISTER) ? choice.vvvv : 0;
    const pp = ['none', '66', 'f3', 'f2'].indexOf(form.prefix);
    bytes.push(
      0xc4,
      ((~rex & 7) << 5) | (form.map - VEX_MAPS),
      ((rex & 8) << 4) | ((~vvvv & 15) << 3) | pp,
      opcode,
    );
  } else {
    if (form.prefix === '66' || (operandSize === 2 && form.default64 !== 2)) bytes.push(0x66);
    if (form.prefix === 'f2') bytes.push(0xf2);
    if (form.prefix === 'f3') bytes.push(0xf3);
    if (rex !== 0) bytes.push(rex);
    if (form.map > 0) bytes.push(0x0f);
    if (form.map > 1) bytes.push(form.map === 2 ? 0x38 : 0x3a);
    bytes.push(opcode);
  }
  if (form.fixedModrm >= 0) bytes.push(form.fixedModrm);
  else if (form.modrm) bytes.push(...modrmBytes(reg, choice));
  for (const { kind, size } of form.operands) {
    const width = immediateSize(kind, size, operandSize);
    if (width > 0) bytes.push(...littleEndian(choice.immediate, width));
  }
  return bytes;
}
