/**
 * What Windows makes of the processor's exceptions: a structured exception that handlers may catch, or a bug check.
 * Implements "Handling Exceptions" (kernel) and "Bug Check Code Reference": only addresses that belong to programs can
 * be protected by __try; a wild kernel address crashes whatever is around it.
 */

import {
  ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY,
  ATTEMPTED_WRITE_TO_READONLY_MEMORY,
  DISPATCH_LEVEL,
  DRIVER_IRQL_NOT_LESS_OR_EQUAL,
  KERNEL_SECURITY_CHECK_FAILURE,
  PAGE_FAULT_IN_NONPAGED_AREA,
  STATUS_ACCESS_VIOLATION,
  STATUS_ASSERTION_FAILURE,
  STATUS_BREAKPOINT,
  STATUS_DATATYPE_MISALIGNMENT,
  STATUS_FLOAT_DIVIDE_BY_ZERO,
  STATUS_FLOAT_INEXACT_RESULT,
  STATUS_FLOAT_INVALID_OPERATION,
  STATUS_FLOAT_OVERFLOW,
  STATUS_FLOAT_UNDERFLOW,
  STATUS_ILLEGAL_INSTRUCTION,
  STATUS_INTEGER_DIVIDE_BY_ZERO,
  STATUS_INTEGER_OVERFLOW,
  STATUS_SINGLE_STEP,
  UNEXPECTED_KERNEL_MODE_TRAP,
} from '../../kernel/index.ts';
import {
  type Address,
  halvesText,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
  PAGE_NONE,
  PAGE_SIZE,
} from '../../memory/index.ts';
import {
  type Access,
  Decoder,
  disassemble,
  type MemoryOperand,
  type ProcessorException,
  RCX,
} from '../../x64/index.ts';
import { instructionPointer, isKernelMemory, MXCSR_WORD, type Registers } from '../unwind/index.ts';
import { addressOf, type ExceptionDescription, hostNumber, wide } from './records.ts';

/** What the meaning of a fault depends on, apart from the registers. */
export interface FaultSituation {
  readonly memory: KernelMemory;
  readonly irql: number;
  /** Lowest address of the strand's stack; the page below it is there to be hit. */
  readonly stackLow: Address;
  /** What may be done with the page around an address of kernel memory; see `Pages`. */
  readonly protection: (address: Address) => number;
}

/** What becomes of a processor exception. */
export type Fault =
  | { readonly kind: 'raise'; readonly exception: ExceptionDescription; readonly text: string }
  | {
      readonly kind: 'bugCheck';
      readonly code: number;
      readonly parameters: readonly [number, number, number, number];
      readonly text: string;
    };

/**
 * Sorts a processor exception.
 * @param registers those at the instruction. @param where the instruction in words.
 * @returns null for what is no exception of Windows: violations of memory safety, changed code.
 */
export function classifyFault(
  exit: ProcessorException,
  registers: Registers,
  situation: FaultSituation,
  where: string,
): Fault | null {
  const raised = (code: number, what: string, information: readonly bigint[] = []): Fault => ({
    kind: 'raise',
    exception: { code, flags: 0, nested: 0, address: addressOf(registers), information },
    text: `${what} at ${where}`,
  });
  switch (exit.vector) {
    case 0:
      return divisorIsZero(situation.memory, registers)
        ? raised(STATUS_INTEGER_DIVIDE_BY_ZERO, 'a division by zero')
        : raised(STATUS_INTEGER_OVERFLOW, 'a division whose quotient does not fit');
    case 1:
      return raised(STATUS_SINGLE_STEP, 'a single-step trap');
    case 3:
      return raised(STATUS_BREAKPOINT, 'a breakpoint without a debugger', [0n]);
    case 6:
      return raised(STATUS_ILLEGAL_INSTRUCTION, illegalInstruction(situation.memory, registers));
    case 13:
      return raised(STATUS_ACCESS_VIOLATION, 'a general protection fault', [0n, 0xffff_ffff_ffff_ffffn]);
    case 14:
      return pageFault(exit, registers, situation, where);
    case 17:
      return raised(STATUS_DATATYPE_MISALIGNMENT, 'a misaligned access');
    case 19:
      return raised(floatingPointStatus(registers[MXCSR_WORD]), 'a floating-point exception', [0n]);
    case 0x29:
      return fastFail(registers, where);
    case 0x2c:
      return raised(STATUS_ASSERTION_FAILURE, 'an assertion that does not hold');
    default:
      return null;
  }
}

/** Names what the processor does not have; rip was fetched, so it lies in memory. */
function illegalInstruction(memory: KernelMemory, registers: Registers): string {
  const instruction = new Decoder(memory).decode(instructionPointer(registers));
  const name = instruction.reason === '' ? disassemble(instruction) : instruction.reason;
  return `${name}, which this processor does not have,`;
}

function pageFault(
  exit: ProcessorException,
  registers: Registers,
  situation: FaultSituation,
  where: string,
): Fault {
  const { low, high, access } = exit;
  const address = wide(low, high);
  const what = `${VERBS[access]} ${halvesText(low, high)} at ${where}`;
  // Bits 48 to 63 repeat bit 47 in every address that exists.
  const canonical = high >> 15 === 0 || high >> 15 === -1;
  if (!canonical) {
    const information = [0n, 0xffff_ffff_ffff_ffffn];
    return accessViolation(registers, information, `${what}, an address that cannot exist`);
  }
  const below = (low >>> 0) - (situation.stackLow - PAGE_SIZE);
  if (high === KERNEL_WINDOW_HIGH && below >= 0 && below < PAGE_SIZE)
    return bugCheck(UNEXPECTED_KERNEL_MODE_TRAP, [8, 0, 0, 0], `${what}: the kernel stack is used up`);
  const rip = instructionPointer(registers);
  const value = hostNumber(address);
  if (situation.irql >= DISPATCH_LEVEL) {
    return bugCheck(
      DRIVER_IRQL_NOT_LESS_OR_EQUAL,
      [value, situation.irql, ACCESS_AT_IRQL[access], rip],
      `${what} at IRQL ${situation.irql}, where memory that is not there cannot be waited for`,
    );
  }
  if (high >> 15 === 0) {
    const information = [BigInt(ACCESS_AT_IRQL[access]), address];
    return accessViolation(registers, information, what);
  }
  return kernelFault(exit, situation, value, rip, what);
}

/** A kernel address: nothing can catch this. */
function kernelFault(
  exit: ProcessorException,
  situation: FaultSituation,
  value: number,
  rip: Address,
  what: string,
): Fault {
  const { low, high, access } = exit;
  const mapped = isKernelMemory(situation.memory, low, high, 1) && situation.protection(low) !== PAGE_NONE;
  if (mapped && access === 'write')
    return bugCheck(ATTEMPTED_WRITE_TO_READONLY_MEMORY, [value, 0, 0, 0], `${what}, which is read-only`);
  if (mapped && access === 'execute')
    return bugCheck(ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY, [value, 0, 0, 0], `${what}, which is data`);
  const NOT_PRESENT = 2;
  return bugCheck(
    PAGE_FAULT_IN_NONPAGED_AREA,
    [value, ACCESS_OF_PAGE_FAULT[access], rip, NOT_PRESENT],
    `${what}, where nothing is; __try does not protect kernel addresses`,
  );
}

const VERBS: Readonly<Record<Access, string>> = { read: 'read of', write: 'write to', execute: 'jump to' };
const ACCESS_AT_IRQL: Readonly<Record<Access, number>> = { read: 0, write: 1, execute: 8 };
const ACCESS_OF_PAGE_FAULT: Readonly<Record<Access, number>> = { read: 0, write: 2, execute: 0x10 };

function accessViolation(registers: Registers, information: readonly bigint[], text: string): Fault {
  const address = addressOf(registers);
  return {
    kind: 'raise',
    exception: { code: STATUS_ACCESS_VIOLATION, flags: 0, nested: 0, address, information },
    text,
  };
}

function bugCheck(code: number, parameters: readonly [number, number, number, number], text: string): Fault {
  return { kind: 'bugCheck', code, parameters, text };
}

/** What the codes of int 29h mean that drivers' compilers and headers emit (winnt.h, FAST_FAIL_*). */
const FAST_FAILS: Readonly<Record<number, string>> = {
  0: 'a legacy stack cookie check',
  1: 'a call through a corrupt function table',
  2: 'a stack cookie that was overwritten: a local buffer overran',
  3: 'a list entry that was overwritten: LIST_ENTRY corruption',
  4: 'an incorrect stack',
  5: 'an invalid argument',
  6: 'a stack cookie that was never set',
  7: 'a fatal program exit',
  8: 'an array index out of bounds',
  10: 'an indirect call to what is no function',
};

function fastFail(registers: Registers, where: string): Fault {
  const code = registers[RCX * 2] >>> 0;
  const meaning = FAST_FAILS[code] ?? `fast fail code ${code}`;
  return bugCheck(KERNEL_SECURITY_CHECK_FAILURE, [code, 0, 0, 0], `${meaning}, found at ${where}`);
}

/** The first exception that MXCSR has flagged and not masked. */
function floatingPointStatus(mxcsr: number): number {
  const pending = mxcsr & ~(mxcsr >> 7) & 0x3f;
  if ((pending & 0x03) !== 0) return STATUS_FLOAT_INVALID_OPERATION;
  if ((pending & 0x04) !== 0) return STATUS_FLOAT_DIVIDE_BY_ZERO;
  if ((pending & 0x08) !== 0) return STATUS_FLOAT_OVERFLOW;
  return (pending & 0x10) !== 0 ? STATUS_FLOAT_UNDERFLOW : STATUS_FLOAT_INEXACT_RESULT;
}

/** The processor has one exception for both; Windows looks at the instruction to tell them apart. */
function divisorIsZero(memory: KernelMemory, registers: Registers): boolean {
  const instruction = new Decoder(memory).decode(instructionPointer(registers));
  const divisor = instruction.operands.at(-1);
  if (divisor === undefined) return true;
  if (divisor.kind === 'general') {
    const low = registers[divisor.register * 2];
    const high = registers[divisor.register * 2 + 1];
    if (divisor.size === 8) return low === 0 && high === 0;
    if (divisor.size === 1) return ((divisor.high ? low >> 8 : low) & 0xff) === 0;
    return divisor.size === 2 ? (low & 0xffff) === 0 : low === 0;
  }
  if (divisor.kind !== 'memory') return true;
  const at = lowHalfOf(divisor, registers);
  if (!isKernelMemory(memory, at, KERNEL_WINDOW_HIGH, divisor.size)) return true;
  const bytes = memory.u8.subarray(at, at + divisor.size);
  return bytes.every((byte) => byte === 0);
}

/** The low half of the address of an operand, which has just been read. */
function lowHalfOf(operand: MemoryOperand, registers: Registers): Address {
  if (operand.ripRelative) return operand.displacement >>> 0;
  const base = operand.base < 0 ? 0 : registers[operand.base * 2];
  const index = operand.index < 0 ? 0 : registers[operand.index * 2];
  return (base + Math.imul(index, operand.scale) + operand.displacement) >>> 0;
}
