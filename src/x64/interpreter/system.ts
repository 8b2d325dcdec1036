/**
 * Interrupts, ports, IRQL, identification and time; what a driver has no business executing. Implements INT n, UD,
 * IN, OUT, MOV CR, CPUID, RDTSC, LDMXCSR, STMXCSR and the privileged instructions of the Intel 64 manual, volume 2.
 */

import { KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import { CALL_STOP } from '../host.ts';
import { RAX, RBX, RCX, RDX, STATE_FUEL, STATE_GENERAL, STATE_MXCSR, STATE_RIP } from '../state.ts';
import { OPERATIONS } from '../table/index.ts';
import {
  type Cpu,
  Fault,
  Leave,
  VECTOR_BREAKPOINT,
  VECTOR_GENERAL_PROTECTION,
  VECTOR_INVALID_OPCODE,
  VECTOR_SINGLE_STEP,
} from './cpu.ts';
import type { Handler } from './op.ts';
import { portSize } from './strings.ts';
import { always, type HandlerChoice, type Handlers, readLow, write } from './values.ts';

const RAX_AT = STATE_GENERAL + RAX * 8;
const RBX_AT = STATE_GENERAL + RBX * 8;
const RCX_AT = STATE_GENERAL + RCX * 8;
const RDX_AT = STATE_GENERAL + RDX * 8;

/** Bits of MXCSR that exist. */
const MXCSR_MASK = 0xffff;

function raise(vector: number): Handler {
  return () => {
    throw new Fault(vector);
  };
}

/** int n: rip stays at the instruction, whatever n is. */
const interrupt: HandlerChoice = ({ operands }) => {
  const [operand] = operands;
  return raise(operand.kind === 'immediate' ? operand.low & 0xff : VECTOR_GENERAL_PROTECTION);
};

/** Bytes that are no instruction, or one that does not exist here. */
const invalid: HandlerChoice = ({ exception }) => raise(exception);

/** Leaf 1, edx: TSC, CX8, CMOV, CLFLUSH, FXSR is absent, SSE, SSE2. No FPU, no MMX. */
const FEATURES_EDX = (1 << 4) | (1 << 8) | (1 << 15) | (1 << 19) | (1 << 25) | (1 << 26);
/** Leaf 1, ecx: SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, and the bit that says hypervisor. */
const FEATURES_ECX =
  (1 << 0) | (1 << 9) | (1 << 13) | (1 << 19) | (1 << 20) | (1 << 22) | (1 << 23) | (1 << 31);
/** Leaf 7, ebx: BMI1, BMI2. */
const EXTENDED_FEATURES_EBX = (1 << 3) | (1 << 8);
/** Leaf 0x80000001: LAHF in 64-bit mode and LZCNT in ecx; RDTSCP, NX and long mode in edx. */
const LONG_MODE_ECX = (1 << 0) | (1 << 5);
const LONG_MODE_EDX = (1 << 20) | (1 << 27) | (1 << 29);
/** Family 6, model 0x3C, stepping 3. */
const SIGNATURE = 0x0003_06c3;

/** Four characters as a register holds them. */
function letters(text: string): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = (value << 8) | text.charCodeAt(i);
  return value;
}

const BRAND = 'ndisbox virtual processor'.padEnd(48, '\0');

/** eax, ebx, ecx, edx of a leaf. */
function identification(leaf: number): readonly [number, number, number, number] {
  switch (leaf) {
    case 0:
      return [7, letters('Genu'), letters('ntel'), letters('ineI')];
    case 1:
      // Lines of 64 bytes, one logical processor.
      return [SIGNATURE, 0x0001_0800, FEATURES_ECX, FEATURES_EDX];
    case 7:
      return [0, EXTENDED_FEATURES_EBX, 0, 0];
    case 0x8000_0000 | 0:
      return [0x8000_0008 | 0, 0, 0, 0];
    case 0x8000_0001 | 0:
      return [0, 0, LONG_MODE_ECX, LONG_MODE_EDX];
    case 0x8000_0002 | 0:
    case 0x8000_0003 | 0:
    case 0x8000_0004 | 0: {
      const at = ((leaf & 0xf) - 2) * 16;
      const part = (offset: number) => letters(BRAND.slice(at + offset));
      return [part(0), part(4), part(8), part(12)];
    }
    case 0x8000_0008 | 0:
      // 48 bits of virtual, 36 of physical address.
      return [0x3024, 0, 0, 0];
    default:
      return [0, 0, 0, 0];
  }
}

function cpuid(cpu: Cpu): void {
  const [eax, ebx, ecx, edx] = identification(cpu.data.getInt32(RAX_AT, true));
  // Leaf 7 has one sub-leaf.
  const hidden = cpu.data.getInt32(RAX_AT, true) === 7 && cpu.data.getInt32(RCX_AT, true) !== 0;
  write(cpu, RAX_AT, 4, eax, 0);
  write(cpu, RBX_AT, 4, hidden ? 0 : ebx, 0);
  write(cpu, RCX_AT, 4, ecx, 0);
  write(cpu, RDX_AT, 4, edx, 0);
}

function readTimestamp(cpu: Cpu): void {
  // The host derives time from the instructions that ran, so it must see how many did.
  cpu.i32[STATE_FUEL >> 2] = cpu.fuel;
  const ticks = cpu.host.readTimestamp();
  write(cpu, RAX_AT, 4, ticks | 0, 0);
  write(cpu, RDX_AT, 4, Math.floor(ticks / 0x1_0000_0000), 0);
}

const IRQL_REGISTER = 8;

const moveControl: HandlerChoice = ({ operands }): Handler => {
  const [to, from] = operands;
  if (from.kind === 'control') {
    if (from.register !== IRQL_REGISTER) return forbidden;
    return (cpu, _op, d) => write(cpu, d, 8, cpu.host.readIrql(), 0);
  }
  if (to.kind !== 'control' || to.register !== IRQL_REGISTER) return forbidden;
  return (cpu, op, _d, s) => {
    const { i32 } = cpu;
    if (readLow(cpu, s + 4, 4) !== 0 || readLow(cpu, s, 4) >>> 4 !== 0)
      throw new Fault(VECTOR_GENERAL_PROTECTION);
    cpu.save(op.end, KERNEL_WINDOW_HIGH, cpu.fuel);
    const outcome = cpu.host.writeIrql(readLow(cpu, s, 4));
    cpu.load();
    cpu.fuel = i32[STATE_FUEL >> 2];
    if (outcome === CALL_STOP) throw new Leave('stopped');
    if (cpu.code !== null) cpu.target = cpu.code.at(i32[STATE_RIP >> 2], i32[(STATE_RIP >> 2) + 1]);
  };
};

function forbidden(): void {
  throw new Fault(VECTOR_GENERAL_PROTECTION);
}

const input: HandlerChoice = ({ size, operands }) => {
  const [, port] = operands;
  return (cpu, op, d, s) => {
    const number = port.kind === 'immediate' ? op.low & 0xff : cpu.data.getUint16(s, true);
    write(cpu, d, size, cpu.host.readPort(number, portSize(size)) | 0, 0);
  };
};

const output: HandlerChoice = ({ size, operands }) => {
  const [port] = operands;
  return (cpu, op, d, s) => {
    const number = port.kind === 'immediate' ? op.low & 0xff : cpu.data.getUint16(d, true);
    cpu.host.writePort(number, portSize(size), readLow(cpu, s, size) >>> 0);
  };
};

/** Selectors as Windows has them in kernel mode: es, cs, ss, ds, fs, gs. */
const SELECTORS = [0x2b, 0x10, 0x18, 0x2b, 0x53, 0x2b];

const moveSegment: HandlerChoice = ({ operands }): Handler => {
  const [to, from] = operands;
  if (from.kind !== 'segment') return forbidden;
  const size = to.kind === 'memory' ? 2 : to.size;
  return (cpu, _op, d) => write(cpu, d, size, SELECTORS[from.register], 0);
};

const NAMED: Handlers = {
  invalid,
  int3: always(raise(VECTOR_BREAKPOINT)),
  int1: always(raise(VECTOR_SINGLE_STEP)),
  int: interrupt,
  ud0: always(raise(VECTOR_INVALID_OPCODE)),
  ud1: always(raise(VECTOR_INVALID_OPCODE)),
  ud2: always(raise(VECTOR_INVALID_OPCODE)),
  // Only with OSXSAVE, which cpuid does not show.
  xgetbv: always(raise(VECTOR_INVALID_OPCODE)),
  cpuid: always(cpuid),
  rdtsc: always(readTimestamp),
  rdtscp: always((cpu) => {
    readTimestamp(cpu);
    write(cpu, RCX_AT, 4, 0, 0);
  }),
  movcr: moveControl,
  movsr: moveSegment,
  in: input,
  out: output,
  ldmxcsr: always((cpu, _op, d) => {
    const value = cpu.data.getInt32(d, true);
    if ((value & ~MXCSR_MASK) !== 0) throw new Fault(VECTOR_GENERAL_PROTECTION);
    cpu.data.setInt32(STATE_MXCSR, value, true);
  }),
  stmxcsr: always((cpu, _op, d) => cpu.data.setInt32(d, cpu.data.getInt32(STATE_MXCSR, true), true)),
};

/** Everything privileged that has no handler is a general protection fault: rip names the instruction. */
export const SYSTEM_HANDLERS: Handlers = {
  ...Object.fromEntries(
    OPERATIONS.filter(({ privileged }) => privileged).map(({ name }) => [name, always(forbidden)] as const),
  ),
  ...NAMED,
};
