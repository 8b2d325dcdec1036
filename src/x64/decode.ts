/**
 * From bytes to instructions. Implements "Instruction Format" of the Intel 64 manual, volume 2, chapter 2, for 64-bit
 * mode. Any bytes give an instruction: what is not one, or one that this machine does not have, is `invalid`.
 */

import { type Address, type KernelMemory, PAGE_SIZE } from '../memory/index.ts';
import type { Instruction, Operand, OperandSize, Repeat } from './instruction.ts';
import { formInGroup, PREFIX_66, PREFIX_F2, PREFIX_F3, PREFIX_NONE } from './table/dispatch.ts';
import {
  DISPATCH,
  FORMS,
  type Form,
  INVALID_OPERATION,
  nameUnsupported,
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
  OPERATIONS,
  type OperandForm,
  SIZE_T,
  SIZE_V,
  SIZE_Y,
  SIZE_Z,
  VEX_MAPS,
} from './table/index.ts';

/** Bytes of the longest instruction. */
export const LONGEST_INSTRUCTION = 15;

/** Whether the byte at an address may be executed; asked once per page that an instruction touches. */
export type IsExecutable = (address: Address) => boolean;

const INVALID_OPCODE = 6;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;

/** Control registers that exist: 0, 2, 3, 4 and 8. */
const CONTROL_REGISTERS = 0b1_0001_1101;
/** xchg r8, rax: 90 with REX.B is no nop. */
const XCHG_OPCODE = 0x91;
const NO_OPERANDS: readonly Operand[] = [];

const REX_W = 8;
const REX_R = 4;
const REX_X = 2;
const REX_B = 1;

type Segment = 'none' | 'fs' | 'gs';

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
 * Decodes instructions of one memory. Scanner state lives in fields, so that nothing but the result is allocated; not
 * reentrant, which nobody needs.
 */
export class Decoder {
  readonly #u8: Uint8Array;
  readonly #isExecutable: IsExecutable;
  /** Where the next byte is read. */
  #at: Address = 0;
  #rex = 0;
  /** Register of the VEX prefix. */
  #vvvv = 0;
  /** 2, 4 or 8, before the form's own default. */
  #operandSize = 4;
  #addressSize: 4 | 8 = 8;
  #segment: Segment = 'none';
  #opcode = 0;
  #modrm = 0;
  #condition = -1;
  /** Memory operand of ModRM; rip-relative ones are completed when the length is known. */
  #base = -1;
  #index = -1;
  #scale = 1;
  #displacement = 0;
  #ripRelative = false;

  /** @param isExecutable left out, everything may be executed. */
  constructor(memory: KernelMemory, isExecutable: IsExecutable = () => true) {
    this.#u8 = memory.u8;
    this.#isExecutable = isExecutable;
  }

  /** The instruction at an address of the kernel window. Never throws: bytes outside of memory are not executable. */
  decode(address: Address): Instruction {
    this.#at = address;
    this.#rex = 0;
    this.#operandSize = 4;
    this.#addressSize = 8;
    this.#segment = 'none';
    this.#condition = -1;
    let lock = false;
    let operandPrefix = false;
    let repeatPrefix = PREFIX_NONE;
    let byte = this.#byte();
    // A REX prefix counts only right before the opcode. More than 15 prefixes are too long whatever follows.
    for (; this.#at - address <= LONGEST_INSTRUCTION; byte = this.#byte()) {
      if ((byte & 0xf0) === 0x40) {
        this.#rex = byte;
        continue;
      }
      if (byte === 0x66) operandPrefix = true;
      else if (byte === 0xf3) repeatPrefix = PREFIX_F3;
      else if (byte === 0xf2) repeatPrefix = PREFIX_F2;
      else if (byte === 0xf0) lock = true;
      else if (byte === 0x67) this.#addressSize = 4;
      else if (byte === 0x64) this.#segment = 'fs';
      else if (byte === 0x65) this.#segment = 'gs';
      else if (byte !== 0x2e && byte !== 0x36 && byte !== 0x3e && byte !== 0x26) break;
      this.#rex = 0;
    }
    const rexW = (this.#rex & REX_W) !== 0;
    this.#operandSize = rexW ? 8 : operandPrefix ? 2 : 4;
    const prefix = repeatPrefix !== PREFIX_NONE ? repeatPrefix : operandPrefix ? PREFIX_66 : PREFIX_NONE;
    let cell: number;
    if (byte === 0xc4 || byte === 0xc5) {
      const forbidden = lock || this.#rex !== 0 || prefix !== PREFIX_NONE;
      cell = this.#vex(byte);
      if (forbidden) cell = 0;
    } else {
      cell = this.#cell(byte, prefix);
    }
    return this.#finish(address, DISPATCH.cells[cell], lock, repeatPrefix);
  }

  #byte(): number {
    const at = this.#at++;
    // Beyond the end of memory: the check of executable pages refuses it, whatever it is.
    return at >= 0 && at < this.#u8.length ? this.#u8[at] : 0;
  }

  #word(): number {
    return this.#byte() | (this.#byte() << 8);
  }

  #dword(): number {
    return this.#word() | (this.#word() << 16);
  }

  /** The cell of a legacy opcode. */
  #cell(first: number, prefix: number): number {
    let map = 0;
    let opcode = first;
    if (opcode === 0x0f) {
      opcode = this.#byte();
      map = 1;
      if (opcode === 0x38 || opcode === 0x3a) {
        map = opcode === 0x38 ? 2 : 3;
        opcode = this.#byte();
      }
    } else if (opcode === 0x90 && (this.#rex & REX_B) !== 0 && prefix !== PREFIX_F3) {
      this.#opcode = 0x90;
      return XCHG_OPCODE;
    }
    this.#opcode = opcode;
    return map * 1024 + prefix * 256 + opcode;
  }

  /** Reads a VEX prefix of two or three bytes and the opcode; 0 where nothing of ours can follow. */
  #vex(first: number): number {
    let map = 1;
    let last = this.#byte();
    // The bits that extend registers are stored inverted.
    let rex = (last & 0x80) === 0 ? REX_R : 0;
    if (first === 0xc4) {
      map = last & 0x1f;
      rex = (~last >> 5) & 7;
      last = this.#byte();
      if ((last & 0x80) !== 0) rex |= REX_W;
    }
    this.#rex = rex;
    this.#operandSize = (rex & REX_W) !== 0 ? 8 : 4;
    this.#vvvv = (~last >> 3) & 15;
    this.#opcode = this.#byte();
    // Vector lengths and maps that nothing of ours has.
    if ((last & 4) !== 0 || map === 0 || map > 3) return 0;
    const prefixes = last & 3;
    const prefix =
      prefixes === 1 ? PREFIX_66 : prefixes === 2 ? PREFIX_F3 : prefixes === 3 ? PREFIX_F2 : PREFIX_NONE;
    return (map + VEX_MAPS) * 1024 + prefix * 256 + this.#opcode;
  }

  #finish(address: Address, cell: number, lock: boolean, repeatPrefix: number): Instruction {
    let number = cell;
    if (number < 0) {
      this.#modrm = this.#byte();
      number = formInGroup(DISPATCH.groups, number, this.#modrm);
    }
    if (number <= 0) return this.#invalid(address, INVALID_OPCODE, '', 0);
    const form = FORMS[number - 1];
    const { operation } = form;
    if (form.modrm) {
      if (cell > 0) this.#modrm = this.#byte();
      if (this.#modrm < 0xc0 && !operation.ignoresMod) this.#readMemory();
    }
    if (form.default64 === 2 || (form.default64 === 1 && this.#operandSize === 4)) this.#operandSize = 8;
    if (form.condition) this.#condition = this.#opcode & 15;
    const operands = this.#operands(form);
    if (operands === null) {
      return this.#invalid(
        address,
        INVALID_OPCODE,
        `${operation.mnemonics[2]} with a register that does not exist`,
        0,
      );
    }
    // The second operand of xchg and its like is memory in no encoding.
    if (lock && !(operation.lock && operands[0].kind === 'memory')) {
      return this.#invalid(address, INVALID_OPCODE, `lock ${operation.mnemonics[2]}`, 0);
    }
    const length = this.#at - address;
    if (length > LONGEST_INSTRUCTION)
      return this.#invalid(address, GENERAL_PROTECTION, 'more than 15 bytes', 0);
    const fault = this.#firstFault(address, length);
    if (fault >= 0) return this.#invalid(address, PAGE_FAULT, '', fault);
    return {
      address,
      length,
      operation: operation.name,
      operationNumber: operation.number,
      size: this.#sizeOf(form, operands),
      condition: this.#condition,
      operands,
      lock,
      repeat: repeatOf(operation.repeat, repeatPrefix),
      segment: this.#segment,
      addressSize: this.#addressSize,
      form: form.number,
      exception: -1,
      faultAddress: 0,
      reason: '',
    };
  }

  #invalid(address: Address, exception: number, reason: string, faultAddress: Address): Instruction {
    let vector = exception;
    let why = reason;
    let fault = faultAddress;
    const length = Math.min(this.#at - address, LONGEST_INSTRUCTION);
    // Fetching comes before judging what was fetched.
    const unreadable = this.#firstFault(address, length);
    if (unreadable >= 0) {
      vector = PAGE_FAULT;
      fault = unreadable;
      why = 'not executable';
    } else if (this.#at - address > LONGEST_INSTRUCTION) {
      vector = GENERAL_PROTECTION;
      why = 'more than 15 bytes';
    } else if (why === '') {
      why = nameUnsupported(this.#u8, address, length);
    }
    return {
      address,
      length,
      operation: OPERATIONS[INVALID_OPERATION].name,
      operationNumber: INVALID_OPERATION,
      size: 1,
      condition: -1,
      operands: NO_OPERANDS,
      lock: false,
      repeat: 'none',
      segment: 'none',
      addressSize: 8,
      form: -1,
      exception: vector,
      faultAddress: fault,
      reason: why,
    };
  }

  /** The first byte that may not be fetched, -1 when all may. */
  #firstFault(address: Address, length: number): Address {
    if (address < 0 || address >= this.#u8.length || !this.#isExecutable(address)) return address >>> 0;
    const nextPage = address - (address % PAGE_SIZE) + PAGE_SIZE;
    if (address + length <= nextPage) return -1;
    return nextPage >= this.#u8.length || !this.#isExecutable(nextPage) ? nextPage : -1;
  }

  /** Reads SIB and displacement of the memory operand that ModRM names. */
  #readMemory(): void {
    const mode = this.#modrm >> 6;
    const rm = this.#modrm & 7;
    this.#base = rm | ((this.#rex & REX_B) << 3);
    this.#index = -1;
    this.#scale = 1;
    this.#displacement = 0;
    this.#ripRelative = false;
    if (rm === 4) {
      const sib = this.#byte();
      const index = ((sib >> 3) & 7) | ((this.#rex & REX_X) << 2);
      if (index !== 4) this.#index = index;
      this.#scale = 1 << (sib >> 6);
      this.#base = (sib & 7) | ((this.#rex & REX_B) << 3);
      if ((sib & 7) === 5 && mode === 0) {
        this.#base = -1;
        this.#displacement = this.#dword();
      }
    } else if (rm === 5 && mode === 0) {
      this.#base = -1;
      this.#ripRelative = true;
      this.#displacement = this.#dword();
    }
    if (mode === 1) this.#displacement = (this.#byte() << 24) >> 24;
    else if (mode === 2) this.#displacement = this.#dword();
  }

  /** Operands in their order; null where a register does not exist. Immediates follow everything else. */
  #operands(form: Form): readonly Operand[] | null {
    const { operands: forms } = form;
    if (forms.length === 0) return NO_OPERANDS;
    const operands: Operand[] = [];
    let ripRelative: AnyOperand | null = null;
    for (let i = 0; i < forms.length; i++) {
      const made = this.#operand(forms[i]);
      if (made === null) return null;
      if (made.ripRelative) ripRelative = made;
      else if (made.kind === 'target') made.address = (this.#at + made.low) | 0;
      operands.push(asOperand(made));
    }
    if (ripRelative !== null) ripRelative.displacement = (this.#at + this.#displacement) | 0;
    // mov to cs is none.
    if (form.operation.name === 'movsr' && operands[0].kind === 'segment' && operands[0].register === 1)
      return null;
    return operands;
  }

  #operand(form: OperandForm): AnyOperand | null {
    const modrm = this.#modrm;
    const reg = ((modrm >> 3) & 7) | ((this.#rex & REX_R) << 1);
    const rm = (modrm & 7) | ((this.#rex & REX_B) << 3);
    switch (form.kind) {
      case OPERAND_RM:
      case OPERAND_RM_MEMORY:
      case OPERAND_RM_REGISTER:
        return modrm < 0xc0 && form.kind !== OPERAND_RM_REGISTER
          ? this.#memory(this.#bytes(form.memorySize))
          : this.#general(rm, this.#bytes(form.size));
      case OPERAND_XMM_RM:
      case OPERAND_XMM_RM_REGISTER:
        return modrm < 0xc0
          ? this.#memory(this.#bytes(form.memorySize))
          : makeOperand('xmm', this.#bytes(form.size), rm, false, 0);
      case OPERAND_REG:
        return this.#general(reg, this.#bytes(form.size));
      case OPERAND_XMM_REG:
        return makeOperand('xmm', this.#bytes(form.size), reg, false, 0);
      case OPERAND_XMM_ZERO:
        return makeOperand('xmm', 16, 0, false, 0);
      case OPERAND_OPCODE_REGISTER:
        return this.#general((this.#opcode & 7) | ((this.#rex & REX_B) << 3), this.#bytes(form.size));
      case OPERAND_FIXED_REGISTER:
        return makeOperand('general', this.#bytes(form.size), form.register, false, 0);
      case OPERAND_VEX_REGISTER:
        return this.#general(this.#vvvv, this.#bytes(form.size));
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
        const value = (this.#byte() << 24) >> 24;
        return makeOperand('immediate', this.#operandSize, 0, value >> 31, value);
      }
      case OPERAND_IMMEDIATE_UNSIGNED:
        return makeOperand('immediate', form.size, 0, 0, form.size === 1 ? this.#byte() : this.#word());
      case OPERAND_ONE:
        return makeOperand('immediate', 1, 0, 0, 1);
      case OPERAND_RELATIVE: {
        const offset = form.size === 1 ? (this.#byte() << 24) >> 24 : this.#dword();
        return makeOperand('target', 8, 0, 0, offset);
      }
      default: {
        const made = this.#memory(this.#bytes(form.size));
        made.base = -1;
        made.index = -1;
        made.scale = 1;
        made.ripRelative = false;
        made.displacement = this.#dword();
        made.displacementHigh = this.#addressSize === 8 ? this.#dword() : 0;
        return made;
      }
    }
  }

  /** An immediate as wide as the operation, or 4 bytes sign-extended to 8. */
  #fullImmediate(sizeCode: number): AnyOperand {
    const size = this.#bytes(sizeCode);
    if (size === 1) {
      const value = (this.#byte() << 24) >> 24;
      return makeOperand('immediate', 1, 0, value >> 31, value);
    }
    if (size === 2) {
      const value = (this.#word() << 16) >> 16;
      return makeOperand('immediate', 2, 0, value >> 31, value);
    }
    const low = this.#dword();
    const high = size === 8 ? this.#dword() : low >> 31;
    return makeOperand('immediate', sizeCode === SIZE_Z ? this.#operandSize : size, 0, high, low);
  }

  #general(register: number, size: number): AnyOperand {
    // Without REX the byte registers 4 to 7 are ah, ch, dh, bh.
    if (size === 1 && this.#rex === 0 && register >= 4)
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
    made.segment = this.#segment;
    made.addressSize = this.#addressSize;
    return made;
  }

  /** Bytes that a size of the table means under the prefixes of this instruction. */
  #bytes(size: number): OperandSize {
    const operandSize = this.#operandSize as OperandSize;
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

  #sizeOf(form: Form, operands: readonly Operand[]): OperandSize {
    if (form.size !== 0) return this.#bytes(form.size);
    return operands.length > 0 ? operands[0].size : this.#bytes(SIZE_V);
  }
}

/** F2 repeats as F3 does where no comparison ends the repetition. */
function repeatOf(kind: 'none' | 'rep' | 'repWhile', prefix: number): Repeat {
  if (kind === 'none' || prefix === PREFIX_NONE) return 'none';
  return kind === 'repWhile' && prefix === PREFIX_F2 ? 'repne' : 'rep';
}
