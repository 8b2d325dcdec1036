/**
 * What a bug check says of machine code: registers, the instructions around the fault, and the stack down through all
 * strands and functions of the host that called one another. Implements "Bug Check Code Reference" and what issue 3
 * asks of a bug check; the rest of the dump is the kernel's.
 */

import type { MachineCodeReport } from '../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS, halvesText } from '../memory/index.ts';
import { Decoder, disassemble, registerName } from '../x64/index.ts';
import {
  FLAGS_WORD,
  frameName,
  type HostFrames,
  instructionPointer,
  type Registers,
  RIP_WORD,
  ripIsKernel,
  type Unwinder,
  walkStack,
} from './unwind/index.ts';

/** One strand of the stack that is reported, innermost first. */
export interface ReportedStrand {
  readonly registers: Registers;
  readonly host: HostFrames;
  /** What the strand was entered for, `ProtocolBindAdapterEx of echo.sys`. */
  readonly name: string;
  /** The function of the host that its machine code called; null where it stopped in machine code itself. */
  readonly called: string | null;
}

/** Instructions shown before and after the one that failed. */
const BEFORE = 6;
const AFTER = 3;
/** Bytes of a function that are decoded to find where the instructions before the fault begin. */
const LONGEST_LEAD = 0x8000;
/** Strands and frames of each that are shown. */
const STRAND_LIMIT = 16;
const FRAME_LIMIT = 48;

/** Reports where machine code is; the innermost strand first. */
export function reportMachineCode(
  unwinder: Unwinder,
  strands: readonly ReportedStrand[],
): MachineCodeReport | null {
  const innermost = strands.at(0);
  if (innermost === undefined) return null;
  return {
    registers: registerLines(innermost.registers),
    code: innermost.called === null ? codeLines(unwinder, innermost.registers) : [],
    stack: strands.slice(0, STRAND_LIMIT).flatMap((strand) => stackLines(unwinder, strand)),
  };
}

/** The general registers, rip and the flags, four to a line. */
export function registerLines(registers: Registers): string[] {
  const values = Array.from(
    { length: 16 },
    (_, register) => `${registerName(register, 8).padStart(3)} ${registerText(registers, register * 2)}`,
  );
  const lines = [0, 4, 8, 12].map((first) => values.slice(first, first + 4).join('  '));
  const flags = (registers[FLAGS_WORD] >>> 0).toString(16).padStart(8, '0');
  return [...lines, `rip ${registerText(registers, RIP_WORD)}  flags ${flags}`];
}

/** The instructions around rip, which is marked. */
export function codeLines(unwinder: Unwinder, registers: Registers): string[] {
  const { memory } = unwinder;
  const rip = instructionPointer(registers);
  if (!ripIsKernel(registers) || rip < FIRST_MAPPED_ADDRESS || rip >= memory.size) return [];
  const decoder = new Decoder(memory);
  const addresses = [...leadingTo(unwinder, decoder, rip), rip];
  for (let i = 0; i < AFTER; i++) {
    const last = addresses.at(-1) ?? rip;
    addresses.push(last + Math.max(decoder.decode(last).length, 1));
  }
  const symbolOf = (address: Address): string | undefined => {
    const location = unwinder.locate(address);
    return location === null ? undefined : location.image.describeAddress(address);
  };
  return addresses
    .filter((address) => address + 16 <= memory.size)
    .map((address) => {
      const instruction = decoder.decode(address);
      const bytes = memory.u8.subarray(address, address + Math.max(instruction.length, 1));
      const hexadecimalBytes = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const place = symbolOf(address) ?? halvesText(address, registers[RIP_WORD + 1]);
      const mark = address === rip ? '>' : ' ';
      return `${mark} ${place}  ${hexadecimalBytes.padEnd(24)} ${disassemble(instruction, symbolOf)}`;
    });
}

/** Addresses of the instructions before rip, as far as decoding from the function's beginning meets rip. */
function leadingTo(unwinder: Unwinder, decoder: Decoder, rip: Address): Address[] {
  const location = unwinder.locate(rip);
  if (location === null || location.entry === null) return [];
  let at = location.image.base + location.entry.begin;
  if (rip - at > LONGEST_LEAD) return [];
  const addresses: Address[] = [];
  while (at < rip) {
    addresses.push(at);
    if (addresses.length > BEFORE) addresses.shift();
    at += Math.max(decoder.decode(at).length, 1);
  }
  return at === rip ? addresses : [];
}

function stackLines(unwinder: Unwinder, strand: ReportedStrand): string[] {
  const frames = walkStack(unwinder, strand.host, strand.registers, FRAME_LIMIT);
  const lines = frames.map((frame) => (frame.kind === 'end' ? strand.name : frameName(unwinder, frame)));
  if (strand.called !== null) lines.unshift(strand.called);
  const ended = frames.at(-1)?.kind === 'end';
  return ended ? lines : [...lines, `(the stack cannot be followed down to ${strand.name})`];
}

function registerText(registers: Registers, word: number): string {
  return halvesText(registers[word], registers[word + 1]).slice(2);
}
