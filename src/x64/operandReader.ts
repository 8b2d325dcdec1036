/**
 * The bytes of one instruction behind its opcode: ModRM, SIB, displacement, immediates, as operands of a form. Implements
 * "Addressing-Mode Encoding" and "Immediates" of the Intel 64 manual, volume 2, chapter 2.
 */

import type { Address } from '../memory/index.ts';
import type { Operand, OperandSize } from './instruction.ts';
import {
  type Form,
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
  type OperandForm,
  SIZE_T,
  SIZE_V,
  SIZE_Y,
  SIZE_Z,
} from './table/index.ts';

/** Control registers that exist: 0, 2, 3, 4 and 8. */
const CONTROL_REGISTERS = 0b1_0001_1101;
/** Shared by all instructions without operands. */
export const NO_OPERANDS: readonly Operand[] = [];

/** Bits of a REX prefix. */
export const REX_W = 8;
export const REX_R = 4;
export const REX_X = 2;
export const REX_B = 1;

export type Segment = 'none' | 'fs' | 'gs';

/** All operands have one shape, whatever their kind: those who look at `kind` stay monomorphic. */
interface AnyOperand {
  kind: string;
  size: number;
  register: number;
  high: boolean | number;
  low: number;
  address: Address;
  base: number;
  index: number;
  scale: number;
  displacement: number;
  ripRelative: boolean;
  segment: Segment;
  addressSize: number;
  displacementHigh: number;
}

function makeOperand(
  kind: Operand['kind'],
  size: number,
  register: number,
  high: boolean | number,
  low: number,
): AnyOperand {
  return {
    kind,
    size,
    register,
    high,
    low,
    address: 0,
    base: -1,
    index: -1,
    scale: 1,
    displacement: 0,
    ripRelative: false,
    segment: 'none',
    addressSize: 8,
    displacementHigh: 0,
  };
}

/** The members of its kind are all set; the type cannot follow that. */
function asOperand(any: AnyOperand): Operand {
  return any as unknown as Operand;
}

/**
 * Reads operands from where `at` points, under prefixes that the decoder has put into the fields. Nothing but operands is
 * allocated; not reentrant, which nobody needs.
 */
export class OperandReader {
  readonly #u8: Uint8Array;
  /** Where the next byte is read. */
  at: Address = 0;
  rex = 0;
  /** Register of the VEX prefix. */
  vvvv = 0;
  /** 2, 4 or 8, before the form's own default. */
  operandSize = 4;
  addressSize: 4 | 8 = 8;
  segment: Segment = 'none';
  opcode = 0;
  modrm = 0;
  /** Memory operand of ModRM; rip-relative ones are completed when the length is known. */
  #base = -1;
  #index = -1;
  #scale = 1;
  #displacement = 0;
  #ripRelative = false;

  constructor(u8: Uint8Array) {
    this.#u8 = u8;
  }

  byte(): number {
    const at = this.at++;
    // Beyond the end of memory: the check of executable pages refuses it, whatever it is.
    return at >= 0 && at < this.#u8.length ? this.#u8[at] : 0;
  }

  #word(): number {
    return this.byte() | (this.byte() << 8);
  }

  #dword(): number {
    return this.#word() | (this.#word() << 16);
  }

  /** Reads SIB and displacement of the memory operand that ModRM names. */
  readMemory(): void {
    const mode = this.modrm >> 6;
    const rm = this.modrm & 7;
    this.#base = rm | ((this.rex & REX_B) << 3);
    this.#index = -1;
    this.#scale = 1;
    this.#displacement = 0;
    this.#ripRelative = false;
    if (rm === 4) {
      const sib = this.byte();
      const index = ((sib >> 3) & 7) | ((this.rex & REX_X) << 2);
      if (index !== 4) this.#index = index;
      this.#scale = 1 << (sib >> 6);
      this.#base = (sib & 7) | ((this.rex & REX_B) << 3);
      if ((sib & 7) === 5 && mode === 0) {
        this.#base = -1;
        this.#displacement = this.#dword();
      }
    } else if (rm === 5 && mode === 0) {
      this.#base = -1;
      this.#ripRelative = true;
      this.#displacement = this.#dword();
    }
    if (mode === 1) this.#displacement = (this.byte() << 24) >> 24;
    else if (mode === 2) this.#displacement = this.#dword();
  }

  /** Operands in their order; null where a register does not exist. Immediates follow everything else. */
  operands(form: Form): readonly Operand[] | null {
    const { operands: forms } = form;
    if (forms.length === 0) return NO_OPERANDS;
    const operands: Operand[] = [];
    let ripRelative: AnyOperand | null = null;
    for (let i = 0; i < forms.length; i++) {
      const made = this.#operand(forms[i]);
      if (made === null) return null;
      if (made.ripRelative) ripRelative = made;
      else if (made.kind === 'target') made.address = (this.at + made.low) | 0;
      operands.push(asOperand(made));
    }
    if (ripRelative !== null) ripRelative.displacement = (this.at + this.#displacement) | 0;
    // mov to cs is none.
    if (form.operation.name === 'movsr' && operands[0].kind === 'segment' && operands[0].register === 1)
      return null;
    return operands;
  }

  #operand(form: OperandForm): AnyOperand | null {
    const modrm = this.modrm;
    const reg = ((modrm >> 3) & 7) | ((this.rex & REX_R) << 1);
    const rm = (modrm & 7) | ((this.rex & REX_B) << 3);
    switch (form.kind) {
      case OPERAND_RM:
      case OPERAND_RM_MEMORY:
      case OPERAND_RM_REGISTER:
        return modrm < 0xc0 && form.kind !== OPERAND_RM_REGISTER
          ? this.#memory(this.bytes(form.memorySize))
          : this.#general(rm, this.bytes(form.size));
      case OPERAND_XMM_RM:
      case OPERAND_XMM_RM_REGISTER:
        return modrm < 0xc0
          ? this.#memory(this.bytes(form.memorySize))
          : makeOperand('xmm', this.bytes(form.size), rm, false, 0);
      case OPERAND_REG:
        return this.#general(reg, this.bytes(form.size));
      case OPERAND_XMM_REG:
        return makeOperand('xmm', this.bytes(form.size), reg, false, 0);
      case OPERAND_XMM_ZERO:
        return makeOperand('xmm', 16, 0, false, 0);
      case OPERAND_OPCODE_REGISTER:
        return this.#general((this.opcode & 7) | ((this.rex & REX_B) << 3), this.bytes(form.size));
      case OPERAND_FIXED_REGISTER:
        return makeOperand('general', this.bytes(form.size), form.register, false, 0);
      case OPERAND_VEX_REGISTER:
        return this.#general(this.vvvv, this.bytes(form.size));
      case OPERAND_CONTROL:
        return reg <= 8 && ((CONTROL_REGISTERS >> reg) & 1) !== 0
          ? makeOperand('control', 8, reg, false, 0)
          : null;
      case OPERAND_DEBUG:
        return reg <= 7 ? makeOperand('debug', 8, reg, false, 0) : null;
      case OPERAND_SEGMENT: {
        // REX.R does not extend segment registers.
        const segment = (modrm >> 3) & 7;
        return segment <= 5 ? makeOperand('segment', 2, segment, false, 0) : null;
      }
      case OPERAND_FIXED_SEGMENT:
        return makeOperand('segment', 2, form.register, false, 0);
      default:
        return this.#immediate(form);
    }
  }

  #immediate(form: OperandForm): AnyOperand {
    switch (form.kind) {
      case OPERAND_IMMEDIATE:
        return this.#fullImmediate(form.size);
      case OPERAND_IMMEDIATE_BYTE_SIGNED: {
        const value = (this.byte() << 24) >> 24;
        return makeOperand('immediate', this.operandSize, 0, value >> 31, value);
      }
      case OPERAND_IMMEDIATE_UNSIGNED:
        return makeOperand('immediate', form.size, 0, 0, form.size === 1 ? this.byte() : this.#word());
      case OPERAND_ONE:
        return makeOperand('immediate', 1, 0, 0, 1);
      case OPERAND_RELATIVE: {
        const offset = form.size === 1 ? (this.byte() << 24) >> 24 : this.#dword();
        return makeOperand('target', 8, 0, 0, offset);
      }
      default: {
        const made = this.#memory(this.bytes(form.size));
        made.base = -1;
        made.index = -1;
        made.scale = 1;
        made.ripRelative = false;
        made.displacement = this.#dword();
        made.displacementHigh = this.addressSize === 8 ? this.#dword() : 0;
        return made;
      }
    }
  }

  /** An immediate as wide as the operation, or 4 bytes sign-extended to 8. */
  #fullImmediate(sizeCode: number): AnyOperand {
    const size = this.bytes(sizeCode);
    if (size === 1) {
      const value = (this.byte() << 24) >> 24;
      return makeOperand('immediate', 1, 0, value >> 31, value);
    }
    if (size === 2) {
      const value = (this.#word() << 16) >> 16;
      return makeOperand('immediate', 2, 0, value >> 31, value);
    }
    const low = this.#dword();
    const high = size === 8 ? this.#dword() : low >> 31;
    return makeOperand('immediate', sizeCode === SIZE_Z ? this.operandSize : size, 0, high, low);
  }

  #general(register: number, size: number): AnyOperand {
    // Without REX the byte registers 4 to 7 are ah, ch, dh, bh.
    if (size === 1 && this.rex === 0 && register >= 4)
      return makeOperand('general', 1, register - 4, true, 0);
    return makeOperand('general', size, register, false, 0);
  }

  #memory(size: number): AnyOperand {
    const made = makeOperand('memory', size, 0, false, 0);
    made.base = this.#base;
    made.index = this.#index;
    made.scale = this.#scale;
    made.displacement = this.#displacement;
    made.displacementHigh = this.#displacement >> 31;
    made.ripRelative = this.#ripRelative;
    made.segment = this.segment;
    made.addressSize = this.addressSize;
    return made;
  }

  /** Bytes that a size of the table means under the prefixes of this instruction. */
  bytes(size: number): OperandSize {
    const operandSize = this.operandSize as OperandSize;
    switch (size) {
      case SIZE_V:
        return operandSize;
      case SIZE_Z:
        return operandSize === 2 ? 2 : 4;
      case SIZE_Y:
        return operandSize === 8 ? 8 : 4;
      case SIZE_T:
        return operandSize === 8 ? 16 : 8;
      default:
        // Sizes in the table are those of operands.
        return size as OperandSize;
    }
  }
}
