/**
 * String instructions, repeated or not, forwards or backwards. Implements MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS and REP
 * of the Intel 64 manual, volume 2. Elements are done in stretches within pages; each costs one unit of fuel, and when
 * it is used up the instruction is left between elements, to be gone on with. A fault keeps the elements before it.
 */

import { type Address, KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { FLAG_DF, RAX, RCX, RDI, RDX, RSI, STATE_FS_BASE, STATE_GENERAL, STATE_GS_BASE } from '../state.ts';
import { type Cpu, Fault, Leave } from './cpu.ts';
import { FAST_READ, FAST_WRITE, type Handler, type Op, ZERO_SLOT } from './op.ts';
import { type HandlerChoice, type Handlers, readHigh, readLow, subtract, write } from './values.ts';

const RAX_AT = STATE_GENERAL + RAX * 8;
const RCX_AT = STATE_GENERAL + RCX * 8;
const RDX_AT = STATE_GENERAL + RDX * 8;
const RSI_AT = STATE_GENERAL + RSI * 8;
const RDI_AT = STATE_GENERAL + RDI * 8;

/** What a string instruction does with its elements. */
interface StringWork {
  readonly source: boolean;
  readonly destination: number;
  /**
   * Does up to `count` elements, `step` bytes apart.
   * @returns how many it did; negated when a comparison ended the repetition with the last of them.
   */
  run(cpu: Cpu, source: Address, destination: Address, size: number, step: number, count: number): number;
  /** Only one element at a time: it reaches out of memory. */
  readonly single?: boolean;
}

/** The registers as 64-bit addresses. */
function stringAddress(cpu: Cpu, register: Address, base: Address, short: boolean): void {
  const { i32 } = cpu;
  const low = i32[register >> 2];
  const high = short ? 0 : i32[(register >> 2) + 1];
  const sum = (low + i32[base >> 2]) | 0;
  cpu.addressLow = sum;
  cpu.addressHigh = (high + i32[(base >> 2) + 1] + (sum >>> 0 < low >>> 0 ? 1 : 0)) | 0;
}

function advance(cpu: Cpu, register: Address, by: number, short: boolean): void {
  const { i32 } = cpu;
  const at = register >> 2;
  const sum = (i32[at] >>> 0) + by;
  i32[at] = sum;
  if (short) i32[at + 1] = 0;
  else if (sum < 0) i32[at + 1]--;
  else if (sum > 0xffff_ffff) i32[at + 1]++;
}

/** Elements that are left, as far as fuel can ever matter. */
function remaining(cpu: Cpu, short: boolean): number {
  const { i32 } = cpu;
  const high = short ? 0 : i32[(RCX_AT >> 2) + 1];
  return high === 0 ? i32[RCX_AT >> 2] >>> 0 : 0xffff_ffff;
}

/** Elements from an address to the edge of its page; 1 where the first crosses it or the direction is down. */
function untilEdge(low: number, size: number, step: number): number {
  if (step < 0) return 1;
  return Math.max(1, Math.floor((0x1000 - (low & 0xfff)) / size));
}

class StringRun {
  readonly #work: StringWork;
  readonly #size: number;
  readonly #repeated: boolean;
  readonly #short: boolean;
  readonly #segment: Address;
  #source = 0;
  #destination = 0;

  constructor(work: StringWork, instruction: Instruction) {
    this.#work = work;
    this.#size = instruction.size;
    this.#repeated = instruction.repeat !== 'none';
    this.#short = instruction.addressSize === 4;
    this.#segment =
      instruction.segment === 'gs' ? STATE_GS_BASE : instruction.segment === 'fs' ? STATE_FS_BASE : ZERO_SLOT;
  }

  run(cpu: Cpu, op: Op): void {
    const step = (cpu.otherFlags & FLAG_DF) !== 0 ? -this.#size : this.#size;
    if (!this.#repeated) {
      this.#stretch(cpu, step, 1);
      return;
    }
    const total = remaining(cpu, this.#short);
    // One element is paid for already.
    const allowed = Math.min(total, Math.max(1, cpu.fuel + 1));
    let done = 0;
    let ended = total === 0;
    while (done < allowed && !ended) {
      const wanted = allowed - done;
      let count: number;
      try {
        count = this.#stretch(cpu, step, wanted);
      } catch (error) {
        if (error instanceof Fault) error.elements = done;
        throw error;
      }
      ended = count < 0;
      done += Math.abs(count);
      advance(cpu, RCX_AT, -Math.abs(count), this.#short);
    }
    if (total === 0) return;
    cpu.fuel -= done - 1;
    if (ended || done === total) return;
    cpu.save(op.address, KERNEL_WINDOW_HIGH, cpu.fuel);
    throw new Leave('fuel');
  }

  /** @returns the number of elements done, negative when the repetition ended with the last of them. */
  #stretch(cpu: Cpu, step: number, wanted: number): number {
    const { source, destination, single } = this.#work;
    const size = this.#size;
    let count = single === true ? 1 : wanted;
    if (source) count = Math.min(count, untilEdge(this.#low(cpu, RSI_AT, this.#segment), size, step));
    if (destination !== 0) count = Math.min(count, untilEdge(this.#low(cpu, RDI_AT, ZERO_SLOT), size, step));
    if (count > 1) {
      try {
        this.#checkBoth(cpu, size * count);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        // The elements before the one that faults are done one by one.
        count = 1;
      }
    }
    if (count === 1) this.#checkBoth(cpu, size);
    const done = this.#work.run(cpu, this.#source, this.#destination, size, step, count);
    const elements = Math.abs(done);
    if (source) advance(cpu, RSI_AT, step * elements, this.#short);
    if (destination !== 0) advance(cpu, RDI_AT, step * elements, this.#short);
    return done;
  }

  #low(cpu: Cpu, register: Address, base: Address): number {
    return cpu.i32[register >> 2] + cpu.i32[base >> 2];
  }

  #checkBoth(cpu: Cpu, bytes: number): void {
    if (this.#work.source) {
      stringAddress(cpu, RSI_AT, this.#segment, this.#short);
      this.#source = cpu.check(cpu.addressLow, cpu.addressHigh, bytes, FAST_READ);
    }
    if (this.#work.destination !== 0) {
      stringAddress(cpu, RDI_AT, ZERO_SLOT, this.#short);
      this.#destination = cpu.check(cpu.addressLow, cpu.addressHigh, bytes, this.#work.destination);
    }
  }
}

const MOVE: StringWork = {
  source: true,
  destination: FAST_WRITE,
  run(cpu, source, destination, size, _step, count) {
    const bytes = size * count;
    if (destination <= source || destination >= source + bytes) {
      cpu.u8.copyWithin(destination, source, source + bytes);
    } else {
      // Elements that overlap spread what was written before.
      for (let at = 0; at < bytes; at += size) {
        write(cpu, destination + at, size, readLow(cpu, source + at, size), readHigh(cpu, source + at, size));
      }
    }
    return count;
  },
};

const STORE: StringWork = {
  source: false,
  destination: FAST_WRITE,
  run(cpu, _source, destination, size, _step, count) {
    const low = readLow(cpu, RAX_AT, size);
    const high = readHigh(cpu, RAX_AT, size);
    if (size === 1) {
      cpu.u8.fill(low, destination, destination + count);
      return count;
    }
    for (let at = destination; at < destination + size * count; at += size) write(cpu, at, size, low, high);
    return count;
  },
};

const LOAD: StringWork = {
  source: true,
  destination: 0,
  run(cpu, source, _destination, size, _step, count) {
    const last = source + size * (count - 1);
    write(cpu, RAX_AT, size, readLow(cpu, last, size), readHigh(cpu, last, size));
    return count;
  },
};

/** cmps and scas: until the comparison says otherwise. */
function comparison(instruction: Instruction, withSource: boolean): StringWork {
  const { repeat } = instruction;
  return {
    source: withSource,
    destination: FAST_READ,
    run(cpu, source, destination, size, _step, count) {
      const byRegister = !withSource;
      for (let done = 0; done < count; done++) {
        const x = byRegister ? RAX_AT : source + done * size;
        const y = destination + done * size;
        subtract(
          cpu,
          size,
          readLow(cpu, x, size),
          readHigh(cpu, x, size),
          readLow(cpu, y, size),
          readHigh(cpu, y, size),
          0,
        );
        if (repeat === 'none') continue;
        const equal = (cpu.resultLow | cpu.resultHigh) === 0;
        if (equal !== (repeat === 'rep')) return -(done + 1);
      }
      return count;
    },
  };
}

const INPUT: StringWork = {
  source: false,
  destination: FAST_WRITE,
  single: true,
  run(cpu, _source, destination, size) {
    write(cpu, destination, size, cpu.host.readPort(cpu.data.getUint16(RDX_AT, true), portSize(size)), 0);
    return 1;
  },
};

const OUTPUT: StringWork = {
  source: true,
  destination: 0,
  single: true,
  run(cpu, source, _destination, size) {
    cpu.host.writePort(cpu.data.getUint16(RDX_AT, true), portSize(size), readLow(cpu, source, size) >>> 0);
    return 1;
  },
};

/** Port accesses have 1, 2 or 4 bytes. */
export function portSize(size: number): 1 | 2 | 4 {
  return size === 1 ? 1 : size === 2 ? 2 : 4;
}

function string(work: (instruction: Instruction) => StringWork): HandlerChoice {
  return (instruction): Handler => {
    const run = new StringRun(work(instruction), instruction);
    return (cpu, op) => run.run(cpu, op);
  };
}

export const STRING_HANDLERS: Handlers = {
  movs: string(() => MOVE),
  stos: string(() => STORE),
  lods: string(() => LOAD),
  cmps: string((instruction) => comparison(instruction, true)),
  scas: string((instruction) => comparison(instruction, false)),
  ins: string(() => INPUT),
  outs: string(() => OUTPUT),
};
