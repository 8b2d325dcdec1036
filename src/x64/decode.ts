/**
 * From bytes to instructions. Implements "Instruction Format" of the Intel 64 manual, volume 2, chapter 2, for 64-bit
 * mode. Any bytes give an instruction: what is not one, or one that this machine does not have, is `invalid`.
 */

import { type Address, type KernelMemory, PAGE_SIZE } from '../memory/index.ts';
import type { Instruction, Operand, OperandSize, Repeat } from './instruction.ts';
import { NO_OPERANDS, OperandReader, REX_B, REX_R, REX_W } from './operandReader.ts';
import { formInGroup, PREFIX_66, PREFIX_F2, PREFIX_F3, PREFIX_NONE } from './table/dispatch.ts';
import {
  DISPATCH,
  FORMS,
  type Form,
  INVALID_OPERATION,
  nameUnsupported,
  OPERATIONS,
  SIZE_V,
  VEX_MAPS,
} from './table/index.ts';

/** Bytes of the longest instruction. */
export const LONGEST_INSTRUCTION = 15;

/** Whether the byte at an address may be executed; asked once per page that an instruction touches. */
export type IsExecutable = (address: Address) => boolean;

const INVALID_OPCODE = 6;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;

/** xchg r8, rax: 90 with REX.B is no nop. */
const XCHG_OPCODE = 0x91;
/** A cell of a map that does not exist: nothing is in it. */
const EMPTY_CELL = VEX_MAPS * 1024;

/** Decodes instructions of one memory; nothing but the result is allocated. */
export class Decoder {
  readonly #u8: Uint8Array;
  readonly #isExecutable: IsExecutable;
  readonly #reader: OperandReader;
  #condition = -1;

  /** @param isExecutable left out, everything may be executed. */
  constructor(memory: KernelMemory, isExecutable: IsExecutable = () => true) {
    this.#u8 = memory.u8;
    this.#reader = new OperandReader(memory.u8);
    this.#isExecutable = isExecutable;
  }

  /** The instruction at an address of the kernel window. Never throws: bytes outside of memory are not executable. */
  decode(address: Address): Instruction {
    const reader = this.#reader;
    reader.at = address;
    reader.rex = 0;
    reader.operandSize = 4;
    reader.addressSize = 8;
    reader.segment = 'none';
    this.#condition = -1;
    let lock = false;
    let operandPrefix = false;
    let repeatPrefix = PREFIX_NONE;
    let byte = reader.byte();
    // A REX prefix counts only right before the opcode. More than 15 prefixes are too long whatever follows.
    for (; reader.at - address <= LONGEST_INSTRUCTION; byte = reader.byte()) {
      if ((byte & 0xf0) === 0x40) {
        reader.rex = byte;
        continue;
      }
      if (byte === 0x66) operandPrefix = true;
      else if (byte === 0xf3) repeatPrefix = PREFIX_F3;
      else if (byte === 0xf2) repeatPrefix = PREFIX_F2;
      else if (byte === 0xf0) lock = true;
      else if (byte === 0x67) reader.addressSize = 4;
      else if (byte === 0x64) reader.segment = 'fs';
      else if (byte === 0x65) reader.segment = 'gs';
      else if (byte !== 0x2e && byte !== 0x36 && byte !== 0x3e && byte !== 0x26) break;
      reader.rex = 0;
    }
    const rexW = (reader.rex & REX_W) !== 0;
    reader.operandSize = rexW ? 8 : operandPrefix ? 2 : 4;
    const prefix = repeatPrefix !== PREFIX_NONE ? repeatPrefix : operandPrefix ? PREFIX_66 : PREFIX_NONE;
    let cell: number;
    if (byte === 0xc4 || byte === 0xc5) {
      const forbidden = lock || reader.rex !== 0 || prefix !== PREFIX_NONE;
      cell = this.#vex(byte);
      if (forbidden) cell = EMPTY_CELL;
    } else {
      cell = this.#cell(byte, prefix);
    }
    return this.#finish(address, DISPATCH.cells[cell], lock, repeatPrefix);
  }

  /** The cell of a legacy opcode. */
  #cell(first: number, prefix: number): number {
    const reader = this.#reader;
    let map = 0;
    let opcode = first;
    if (opcode === 0x0f) {
      opcode = reader.byte();
      map = 1;
      if (opcode === 0x38 || opcode === 0x3a) {
        map = opcode === 0x38 ? 2 : 3;
        opcode = reader.byte();
      }
    } else if (opcode === 0x90 && (reader.rex & REX_B) !== 0 && prefix !== PREFIX_F3) {
      reader.opcode = 0x90;
      return XCHG_OPCODE;
    }
    reader.opcode = opcode;
    return map * 1024 + prefix * 256 + opcode;
  }

  /** Reads a VEX prefix of two or three bytes and the opcode; EMPTY_CELL where nothing of ours can follow. */
  #vex(first: number): number {
    const reader = this.#reader;
    let map = 1;
    let last = reader.byte();
    // The bits that extend registers are stored inverted.
    let rex = (last & 0x80) === 0 ? REX_R : 0;
    if (first === 0xc4) {
      map = last & 0x1f;
      rex = (~last >> 5) & 7;
      last = reader.byte();
      if ((last & 0x80) !== 0) rex |= REX_W;
    }
    reader.rex = rex;
    reader.operandSize = (rex & REX_W) !== 0 ? 8 : 4;
    reader.vvvv = (~last >> 3) & 15;
    reader.opcode = reader.byte();
    // Vector lengths and maps that nothing of ours has.
    if ((last & 4) !== 0 || map === 0 || map > 3) return EMPTY_CELL;
    const prefixes = last & 3;
    const prefix =
      prefixes === 1 ? PREFIX_66 : prefixes === 2 ? PREFIX_F3 : prefixes === 3 ? PREFIX_F2 : PREFIX_NONE;
    return (map + VEX_MAPS) * 1024 + prefix * 256 + reader.opcode;
  }

  #finish(address: Address, cell: number, lock: boolean, repeatPrefix: number): Instruction {
    const reader = this.#reader;
    let number = cell;
    if (number < 0) {
      reader.modrm = reader.byte();
      number = formInGroup(DISPATCH.groups, number, reader.modrm);
    }
    if (number <= 0) return this.#invalid(address, INVALID_OPCODE, '', 0);
    const form = FORMS[number - 1];
    const { operation } = form;
    if (form.modrm) {
      if (cell > 0) reader.modrm = reader.byte();
      if (reader.modrm < 0xc0 && !operation.ignoresMod) reader.readMemory();
    }
    if (form.default64 === 2 || (form.default64 === 1 && reader.operandSize === 4)) reader.operandSize = 8;
    if (form.condition) this.#condition = reader.opcode & 15;
    const operands = reader.operands(form);
    // A VEX prefix names a register that this form does not have.
    if (form.map > VEX_MAPS && !form.hasVexRegister && reader.vvvv !== 0) {
      return this.#invalid(address, INVALID_OPCODE, '', 0);
    }
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
    const length = reader.at - address;
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
      segment: reader.segment,
      addressSize: reader.addressSize,
      form: form.number,
      exception: -1,
      faultAddress: 0,
      reason: '',
    };
  }

  #invalid(address: Address, exception: number, reason: string, faultAddress: Address): Instruction {
    const reader = this.#reader;
    let vector = exception;
    let why = reason;
    let fault = faultAddress;
    const length = Math.min(reader.at - address, LONGEST_INSTRUCTION);
    // Fetching comes before judging what was fetched.
    const unreadable = this.#firstFault(address, length);
    if (unreadable >= 0) {
      vector = PAGE_FAULT;
      fault = unreadable;
      why = 'not executable';
    } else if (reader.at - address > LONGEST_INSTRUCTION) {
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

  #sizeOf(form: Form, operands: readonly Operand[]): OperandSize {
    if (form.size !== 0) return this.#reader.bytes(form.size);
    return operands.length > 0 ? operands[0].size : this.#reader.bytes(SIZE_V);
  }
}

/** F2 repeats as F3 does where no comparison ends the repetition. */
function repeatOf(kind: 'none' | 'rep' | 'repWhile', prefix: number): Repeat {
  if (kind === 'none' || prefix === PREFIX_NONE) return 'none';
  return kind === 'repWhile' && prefix === PREFIX_F2 ? 'repne' : 'rep';
}
