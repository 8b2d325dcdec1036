/**
 * The main loop of the interpreter: one dense switch over small integers, with the frequent instructions called
 * directly and all others through their handler. Implements "Basic Execution Environment" of the Intel 64 manual,
 * volume 1, and the fuel rule of the engine. The numbers of the cases are literals, because V8 makes a jump table of
 * literals only; `codes.ts` names them. One function, and so one file, longer than others: what is called instead of
 * written here costs half as much again.
 */

import * as memory from '../../memory/index.ts';
import type { Exit } from '../host.ts';
import * as outcomes from '../host.ts';
import { RSP, STATE_FUEL, STATE_GENERAL, STATE_RIP } from '../state.ts';
import { makeArithmetic } from './arithmetic.ts';
import type { CodeCache } from './codeCache.ts';
import { type Cpu, Fault, Leave, PREEMPTION } from './cpu.ts';
import { parity } from './flags.ts';
import { makeMoves } from './moves.ts';
import type { Op } from './op.ts';
import * as slots from './op.ts';
import { popSlowly, pushSlowly, returnSlowly } from './stack.ts';

/** Translated code went on to the instruction at rip. */
export const ENTER_CONTINUE = 0;
/** Translated code wants the instruction at rip interpreted, even where it is an entry itself. */
export const ENTER_INTERPRET = 1;

/** What the engine does for the loop. */
export interface Tiers {
  /** Runs translated code at an entry; registers, flags and fuel are in memory. An Exit ends the run. */
  enter(op: Op): typeof ENTER_CONTINUE | typeof ENTER_INTERPRET | Exit;
  /** The thresholds were reached: by calls of an address, or by backward jumps to it. */
  hotCall(op: Op): void;
  hotLoop(op: Op): void;
}

const RSP_LOW = (STATE_GENERAL + RSP * 8) >> 2;
const RIP_LOW = STATE_RIP >> 2;
const FUEL = STATE_FUEL >> 2;

const STOPPED: Exit = { kind: 'stopped' };
const OUT_OF_FUEL: Exit = { kind: 'fuel' };
const PREEMPTED: Exit = { kind: 'preemption' };

// Constants of other modules are loads for V8, its own are none.
const KERNEL_WINDOW_HIGH = memory.KERNEL_WINDOW_HIGH;
const { CALL_RETURN, CALL_STOP } = outcomes;
const { FAST_READ, FAST_WRITE, IMMEDIATE_SLOT, PRE_BASE, PRE_INDEX, PRE_NONE, PRE_OTHER } = slots;
const { CODE_CALLABLE, CODE_ENTRY, FLAG_SLOTS, REGISTER_END } = slots;
/** Words of the arithmetic flags, see `Cpu`. */
const RESULT_LOW = FLAG_SLOTS >> 2;
const RESULT_HIGH = RESULT_LOW + 1;
const CARRY = RESULT_LOW + 2;
const OVERFLOW = RESULT_LOW + 3;
const ADJUST = RESULT_LOW + 4;

/**
 * Instructions after which the loop is entered anew. V8 makes its best code, which takes memory for a constant, for
 * functions that are called often, and worse code for loops that go on; the sooner it does, the more often this is left.
 */
const STRETCH = 200;

/**
 * Makes the function that runs from rip until something ends the run; rip, flags and fuel are in memory before and
 * after. It is made for one processor: then V8 takes memory, flags and handlers for constants.
 */
export function makeExecute(cpu: Cpu, code: CodeCache, tiers: Tiers): () => Exit {
  const { data, i32, fast, host } = cpu;
  const {
    add4,
    add8,
    and4,
    and8,
    compare1,
    decrement4,
    decrement8,
    increment4,
    increment8,
    or4,
    or8,
    subtract4,
    subtract8,
    test1,
    xor4,
    xor8,
  } = makeArithmetic(cpu);
  const { move2, move1, signExtend4, loadAddress } = makeMoves(cpu);
  const { shiftLeft8, shiftLeft4, shiftRight8, shiftRight4, shiftArithmetic8, shiftArithmetic4 } = cpu.shifts;

  /** Where the next stretch begins. Functions of the host may begin runs of their own in between. */
  let pausedOp: Op = code.at(0, 0);
  let pausedFuel = 0;

  /** @returns null when it only wants to be entered anew. */
  function runStretch(): Exit | null {
    let fuel = pausedFuel;
    const pause = Math.max(0, fuel - STRETCH);
    let op = pausedOp;
    try {
      for (;;) {
        fuel = (fuel - 1) | 0;
        // Taken before the memory operand is looked at: an instruction that overwrites itself still runs as it was.
        const number = op.code;
        const pre = op.pre;
        let a = 0;
        let taken = false;
        if (pre !== PRE_NONE) {
          if (pre === PRE_BASE) {
            const base = i32[op.base];
            a = (base + op.displacement) | 0;
            if (
              base < 0 ||
              i32[op.base + 1] !== KERNEL_WINDOW_HIGH ||
              (fast[a >>> 12] & op.access) !== op.access ||
              (a & op.mask) > op.limit
            ) {
              a = cpu.prepare(op) | 0;
            }
          } else if (pre === PRE_INDEX) {
            // A pointer and a small index, as nearly always; the sum then stays clear of 2^32.
            const base = i32[op.base];
            const index = i32[op.index];
            a = (base + (index << op.shift) + op.displacement) | 0;
            if (
              ((base >>> 30) | (index >>> 27)) !== 0 ||
              ((i32[op.base + 1] ^ KERNEL_WINDOW_HIGH) | i32[op.index + 1]) !== 0 ||
              (fast[a >>> 12] & op.access) !== op.access ||
              (a & op.mask) > op.limit
            ) {
              a = cpu.prepare(op) | 0;
            }
          } else {
            a = op.displacement;
            if ((fast[a >>> 12] & op.access) !== op.access || pre === PRE_OTHER) a = cpu.prepare(op) | 0;
          }
        }
        switch (number) {
          case 0: // Not decoded yet, or dropped.
            code.fill(op);
            fuel = (fuel + 1) | 0;
            continue;
          case 1: // Written over where nobody may write.
            code.refill(op);
            fuel = (fuel + 1) | 0;
            continue;
          case 2: {
            // A callable address of the host. It may run other strands, on this very object.
            fuel = (fuel + 1) | 0;
            cpu.save(op.address, KERNEL_WINDOW_HIGH, fuel);
            const outcome = host.call(op.address);
            cpu.load();
            // A fault of the stack below gives the one back.
            fuel = (i32[FUEL] - 1) | 0;
            if (outcome === CALL_STOP) return STOPPED;
            if (outcome === CALL_RETURN) {
              const from = i32[RSP_LOW];
              const at = cpu.check(from, i32[RSP_LOW + 1], 8, FAST_READ);
              i32[RIP_LOW] = data.getInt32(at, true);
              i32[RIP_LOW + 1] = data.getInt32(at + 4, true);
              i32[RSP_LOW] = (from + 8) | 0;
              if (from >>> 0 >= 0xffff_fff8) i32[RSP_LOW + 1]++;
            }
            op = code.at(i32[RIP_LOW], i32[RIP_LOW + 1]);
            fuel = (fuel + 1) | 0;
            cpu.resumedAt = -1;
            continue;
          }
          case 3: {
            // An entry of translated code.
            fuel = (fuel + 1) | 0;
            cpu.save(op.address, KERNEL_WINDOW_HIGH, fuel);
            const outcome = tiers.enter(op);
            if (typeof outcome === 'object') return outcome;
            cpu.load();
            fuel = i32[FUEL];
            op = code.at(i32[RIP_LOW], i32[RIP_LOW + 1]);
            if (outcome === ENTER_INTERPRET && op.code === CODE_ENTRY) op = op.next as Op;
            continue;
          }
          case 5:
            // A handler that decides where to go on.
            cpu.fuel = fuel;
            cpu.target = op.next;
            op.run(cpu, op, op.destination || a, op.source || a);
            fuel = cpu.fuel;
            if (cpu.target !== op.next && (cpu.target as Op).address <= op.address && fuel <= pause)
              return pauseAt(cpu.target as Op, fuel);
            op = cpu.target as Op;
            continue;
          case 6: // Nothing to do.
            break;
          case 8: {
            // mov, 8 bytes
            const d = op.destination || a;
            if (op.source === IMMEDIATE_SLOT) {
              data.setInt32(d, op.low, true);
              data.setInt32(d + 4, op.high, true);
            } else {
              const s = op.source || a;
              const low = data.getInt32(s, true);
              data.setInt32(d + 4, data.getInt32(s + 4, true), true);
              data.setInt32(d, low, true);
            }
            break;
          }
          case 9: {
            // mov, 4 bytes
            const d = op.destination || a;
            data.setInt32(
              d,
              op.source === IMMEDIATE_SLOT ? op.low : data.getInt32(op.source || a, true),
              true,
            );
            if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
            break;
          }
          case 10:
            move2(op, op.destination || a, op.source || a);
            break;
          case 11:
            move1(op, op.destination || a, op.source || a);
            break;
          case 12: {
            // movzx of 1 byte to 4 or 8
            data.setInt32(op.destination, data.getUint8(op.source || a), true);
            data.setInt32(op.destination + 4, 0, true);
            break;
          }
          case 13: {
            // movzx of 2 bytes to 4 or 8
            data.setInt32(op.destination, data.getUint16(op.source || a, true), true);
            data.setInt32(op.destination + 4, 0, true);
            break;
          }
          case 14:
            signExtend4(op, op.destination, op.source || a);
            break;
          case 15: {
            // lea, 8 bytes, of base and displacement.
            const base = i32[op.base];
            const low = (base + op.displacement) | 0;
            i32[(op.destination >> 2) + 1] =
              i32[op.base + 1] +
              op.displacementHigh +
              (((base & op.displacement) | ((base | op.displacement) & ~low)) >>> 31);
            i32[op.destination >> 2] = low;
            break;
          }
          case 16:
            loadAddress(op, op.destination);
            break;
          case 17: {
            // A move of 16 bytes, aligned or not.
            const d = op.destination || a;
            const s = op.source || a;
            const one = data.getInt32(s, true);
            const two = data.getInt32(s + 4, true);
            const three = data.getInt32(s + 8, true);
            data.setInt32(d + 12, data.getInt32(s + 12, true), true);
            data.setInt32(d + 8, three, true);
            data.setInt32(d + 4, two, true);
            data.setInt32(d, one, true);
            break;
          }
          case 18: {
            // xor of 16 bytes: a register with what is aligned.
            const to = op.destination >> 2;
            const from = (op.source || a) >> 2;
            i32[to] ^= i32[from];
            i32[to + 1] ^= i32[from + 1];
            i32[to + 2] ^= i32[from + 2];
            i32[to + 3] ^= i32[from + 3];
            break;
          }
          case 20:
            add8(op, op.destination || a, op.source || a);
            break;
          case 21:
            add4(op, op.destination || a, op.source || a);
            break;
          case 22:
            subtract8(op, op.destination || a, op.source || a);
            break;
          case 23:
            subtract4(op, op.destination || a, op.source || a);
            break;
          case 24: {
            // cmp, 8 bytes
            const d = op.destination || a;
            const xl = data.getInt32(d, true);
            const xh = data.getInt32(d + 4, true);
            let yl = op.low;
            let yh = op.high;
            if (op.source !== IMMEDIATE_SLOT) {
              const s = op.source || a;
              yl = data.getInt32(s, true);
              yh = data.getInt32(s + 4, true);
            }
            const rl = (xl - yl) | 0;
            const rh = (xh - yh - (((~xl & yl) | ((~xl | yl) & rl)) >>> 31)) | 0;
            i32[RESULT_LOW] = rl;
            i32[RESULT_HIGH] = rh;
            i32[CARRY] = (~xh & yh) | ((~xh | yh) & rh);
            i32[OVERFLOW] = (xh ^ yh) & (xh ^ rh);
            i32[ADJUST] = (xl ^ yl) & 0x10;
            break;
          }
          case 25: {
            // cmp, 4 bytes
            const d = op.destination || a;
            const x = data.getInt32(d, true);
            const y = op.source === IMMEDIATE_SLOT ? op.low : data.getInt32(op.source || a, true);
            const r = (x - y) | 0;
            i32[RESULT_LOW] = r;
            i32[RESULT_HIGH] = r;
            i32[CARRY] = (~x & y) | ((~x | y) & r);
            i32[OVERFLOW] = (x ^ y) & (x ^ r);
            i32[ADJUST] = (x ^ y) & 0x10;
            break;
          }
          case 26:
            and8(op, op.destination || a, op.source || a);
            break;
          case 27:
            and4(op, op.destination || a, op.source || a);
            break;
          case 28:
            or8(op, op.destination || a, op.source || a);
            break;
          case 29:
            or4(op, op.destination || a, op.source || a);
            break;
          case 30:
            xor8(op, op.destination || a, op.source || a);
            break;
          case 31:
            xor4(op, op.destination || a, op.source || a);
            break;
          case 32: {
            // test, 8 bytes
            const d = op.destination || a;
            const xl = data.getInt32(d, true);
            const xh = data.getInt32(d + 4, true);
            let yl = op.low;
            let yh = op.high;
            if (op.source !== IMMEDIATE_SLOT) {
              const s = op.source || a;
              yl = data.getInt32(s, true);
              yh = data.getInt32(s + 4, true);
            }
            const rl = xl & yl;
            const rh = xh & yh;
            i32[RESULT_LOW] = rl;
            i32[RESULT_HIGH] = rh;
            i32[CARRY] = 0;
            i32[OVERFLOW] = 0;
            i32[ADJUST] = rl & 0x10;
            break;
          }
          case 33: {
            // test, 4 bytes
            const d = op.destination || a;
            const x = data.getInt32(d, true);
            const y = op.source === IMMEDIATE_SLOT ? op.low : data.getInt32(op.source || a, true);
            const r = x & y;
            i32[RESULT_LOW] = r;
            i32[RESULT_HIGH] = r;
            i32[CARRY] = 0;
            i32[OVERFLOW] = 0;
            i32[ADJUST] = r & 0x10;
            break;
          }
          case 34:
            compare1(op, op.destination || a, op.source || a);
            break;
          case 35:
            test1(op, op.destination || a, op.source || a);
            break;
          case 36:
            increment8(op, op.destination || a);
            break;
          case 37:
            increment4(op, op.destination || a);
            break;
          case 38:
            decrement8(op, op.destination || a);
            break;
          case 39:
            decrement4(op, op.destination || a);
            break;
          case 40:
            shiftLeft8(op, op.destination || a);
            break;
          case 41:
            shiftLeft4(op, op.destination || a);
            break;
          case 42:
            shiftRight8(op, op.destination || a);
            break;
          case 43:
            shiftRight4(op, op.destination || a);
            break;
          case 44:
            shiftArithmetic8(op, op.destination || a);
            break;
          case 45:
            shiftArithmetic4(op, op.destination || a);
            break;
          case 100: {
            // add, 8 bytes of a register
            const d = op.destination;
            const xl = data.getInt32(d, true);
            const xh = data.getInt32(d + 4, true);
            let yl = op.low;
            let yh = op.high;
            if (op.source !== IMMEDIATE_SLOT) {
              const s = op.source || a;
              yl = data.getInt32(s, true);
              yh = data.getInt32(s + 4, true);
            }
            const rl = (xl + yl) | 0;
            const rh = (xh + yh + (((xl & yl) | ((xl | yl) & ~rl)) >>> 31)) | 0;
            i32[RESULT_LOW] = rl;
            i32[RESULT_HIGH] = rh;
            i32[CARRY] = (xh & yh) | ((xh | yh) & ~rh);
            i32[OVERFLOW] = (xh ^ rh) & (yh ^ rh);
            i32[ADJUST] = (xl ^ yl) & 0x10;
            data.setInt32(d, rl, true);
            data.setInt32(d + 4, rh, true);
            break;
          }
          case 101: {
            // add, 4 bytes of a register
            const d = op.destination;
            const x = data.getInt32(d, true);
            const y = op.source === IMMEDIATE_SLOT ? op.low : data.getInt32(op.source || a, true);
            const r = (x + y) | 0;
            i32[RESULT_LOW] = r;
            i32[RESULT_HIGH] = r;
            i32[CARRY] = (x & y) | ((x | y) & ~r);
            i32[OVERFLOW] = (x ^ r) & (y ^ r);
            i32[ADJUST] = (x ^ y) & 0x10;
            data.setInt32(d, r, true);
            data.setInt32(d + 4, 0, true);
            break;
          }
          case 102: {
            // sub, 8 bytes of a register
            const d = op.destination;
            const xl = data.getInt32(d, true);
            const xh = data.getInt32(d + 4, true);
            let yl = op.low;
            let yh = op.high;
            if (op.source !== IMMEDIATE_SLOT) {
              const s = op.source || a;
              yl = data.getInt32(s, true);
              yh = data.getInt32(s + 4, true);
            }
            const rl = (xl - yl) | 0;
            const rh = (xh - yh - (((~xl & yl) | ((~xl | yl) & rl)) >>> 31)) | 0;
            i32[RESULT_LOW] = rl;
            i32[RESULT_HIGH] = rh;
            i32[CARRY] = (~xh & yh) | ((~xh | yh) & rh);
            i32[OVERFLOW] = (xh ^ yh) & (xh ^ rh);
            i32[ADJUST] = (xl ^ yl) & 0x10;
            data.setInt32(d, rl, true);
            data.setInt32(d + 4, rh, true);
            break;
          }
          case 103: {
            // sub, 4 bytes of a register
            const d = op.destination;
            const x = data.getInt32(d, true);
            const y = op.source === IMMEDIATE_SLOT ? op.low : data.getInt32(op.source || a, true);
            const r = (x - y) | 0;
            i32[RESULT_LOW] = r;
            i32[RESULT_HIGH] = r;
            i32[CARRY] = (~x & y) | ((~x | y) & r);
            i32[OVERFLOW] = (x ^ y) & (x ^ r);
            i32[ADJUST] = (x ^ y) & 0x10;
            data.setInt32(d, r, true);
            data.setInt32(d + 4, 0, true);
            break;
          }
          case 104: {
            // and, 8 bytes of a register
            const d = op.destination;
            const xl = data.getInt32(d, true);
            const xh = data.getInt32(d + 4, true);
            let yl = op.low;
            let yh = op.high;
            if (op.source !== IMMEDIATE_SLOT) {
              const s = op.source || a;
              yl = data.getInt32(s, true);
              yh = data.getInt32(s + 4, true);
            }
            const rl = xl & yl;
            const rh = xh & yh;
            i32[RESULT_LOW] = rl;
            i32[RESULT_HIGH] = rh;
            i32[CARRY] = 0;
            i32[OVERFLOW] = 0;
            i32[ADJUST] = rl & 0x10;
            data.setInt32(d, rl, true);
            data.setInt32(d + 4, rh, true);
            break;
          }
          case 105: {
            // and, 4 bytes of a register
            const d = op.destination;
            const x = data.getInt32(d, true);
            const y = op.source === IMMEDIATE_SLOT ? op.low : data.getInt32(op.source || a, true);
            const r = x & y;
            i32[RESULT_LOW] = r;
            i32[RESULT_HIGH] = r;
            i32[CARRY] = 0;
            i32[OVERFLOW] = 0;
            i32[ADJUST] = r & 0x10;
            data.setInt32(d, r, true);
            data.setInt32(d + 4, 0, true);
            break;
          }
          case 106: {
            // or, 8 bytes of a register
            const d = op.destination;
            const xl = data.getInt32(d, true);
            const xh = data.getInt32(d + 4, true);
            let yl = op.low;
            let yh = op.high;
            if (op.source !== IMMEDIATE_SLOT) {
              const s = op.source || a;
              yl = data.getInt32(s, true);
              yh = data.getInt32(s + 4, true);
            }
            const rl = xl | yl;
            const rh = xh | yh;
            i32[RESULT_LOW] = rl;
            i32[RESULT_HIGH] = rh;
            i32[CARRY] = 0;
            i32[OVERFLOW] = 0;
            i32[ADJUST] = rl & 0x10;
            data.setInt32(d, rl, true);
            data.setInt32(d + 4, rh, true);
            break;
          }
          case 107: {
            // or, 4 bytes of a register
            const d = op.destination;
            const x = data.getInt32(d, true);
            const y = op.source === IMMEDIATE_SLOT ? op.low : data.getInt32(op.source || a, true);
            const r = x | y;
            i32[RESULT_LOW] = r;
            i32[RESULT_HIGH] = r;
            i32[CARRY] = 0;
            i32[OVERFLOW] = 0;
            i32[ADJUST] = r & 0x10;
            data.setInt32(d, r, true);
            data.setInt32(d + 4, 0, true);
            break;
          }
          case 108: {
            // xor, 8 bytes of a register
            const d = op.destination;
            const xl = data.getInt32(d, true);
            const xh = data.getInt32(d + 4, true);
            let yl = op.low;
            let yh = op.high;
            if (op.source !== IMMEDIATE_SLOT) {
              const s = op.source || a;
              yl = data.getInt32(s, true);
              yh = data.getInt32(s + 4, true);
            }
            const rl = xl ^ yl;
            const rh = xh ^ yh;
            i32[RESULT_LOW] = rl;
            i32[RESULT_HIGH] = rh;
            i32[CARRY] = 0;
            i32[OVERFLOW] = 0;
            i32[ADJUST] = rl & 0x10;
            data.setInt32(d, rl, true);
            data.setInt32(d + 4, rh, true);
            break;
          }
          case 109: {
            // xor, 4 bytes of a register
            const d = op.destination;
            const x = data.getInt32(d, true);
            const y = op.source === IMMEDIATE_SLOT ? op.low : data.getInt32(op.source || a, true);
            const r = x ^ y;
            i32[RESULT_LOW] = r;
            i32[RESULT_HIGH] = r;
            i32[CARRY] = 0;
            i32[OVERFLOW] = 0;
            i32[ADJUST] = r & 0x10;
            data.setInt32(d, r, true);
            data.setInt32(d + 4, 0, true);
            break;
          }
          case 110: {
            // inc, 8 bytes of a register
            const d = op.destination;
            const xl = data.getInt32(d, true);
            const xh = data.getInt32(d + 4, true);
            const rl = (xl + 1) | 0;
            const rh = rl === 0 ? (xh + 1) | 0 : xh;
            i32[RESULT_LOW] = rl;
            i32[RESULT_HIGH] = rh;
            i32[OVERFLOW] = ~xh & rh;
            i32[ADJUST] = xl & 0x10;
            data.setInt32(d, rl, true);
            data.setInt32(d + 4, rh, true);
            break;
          }
          case 111: {
            // inc, 4 bytes of a register
            const d = op.destination;
            const x = data.getInt32(d, true);
            const r = (x + 1) | 0;
            i32[RESULT_LOW] = r;
            i32[RESULT_HIGH] = r;
            i32[OVERFLOW] = ~x & r;
            i32[ADJUST] = x & 0x10;
            data.setInt32(d, r, true);
            data.setInt32(d + 4, 0, true);
            break;
          }
          case 112: {
            // dec, 8 bytes of a register
            const d = op.destination;
            const xl = data.getInt32(d, true);
            const xh = data.getInt32(d + 4, true);
            const rl = (xl - 1) | 0;
            const rh = xl === 0 ? (xh - 1) | 0 : xh;
            i32[RESULT_LOW] = rl;
            i32[RESULT_HIGH] = rh;
            i32[OVERFLOW] = xh & ~rh;
            i32[ADJUST] = xl & 0x10;
            data.setInt32(d, rl, true);
            data.setInt32(d + 4, rh, true);
            break;
          }
          case 113: {
            // dec, 4 bytes of a register
            const d = op.destination;
            const x = data.getInt32(d, true);
            const r = (x - 1) | 0;
            i32[RESULT_LOW] = r;
            i32[RESULT_HIGH] = r;
            i32[OVERFLOW] = x & ~r;
            i32[ADJUST] = x & 0x10;
            data.setInt32(d, r, true);
            data.setInt32(d + 4, 0, true);
            break;
          }
          case 60: {
            // push of 8 bytes.
            const d = op.destination || a;
            const low = op.source === IMMEDIATE_SLOT ? op.low : data.getInt32(d, true);
            const high = op.source === IMMEDIATE_SLOT ? op.high : data.getInt32(d + 4, true);
            const to = (i32[RSP_LOW] - 8) | 0;
            if (
              to < 0 ||
              i32[RSP_LOW + 1] !== KERNEL_WINDOW_HIGH ||
              (fast[to >>> 12] & FAST_WRITE) === 0 ||
              (to & 7) !== 0
            ) {
              pushSlowly(cpu, low, high);
              break;
            }
            i32[to >> 2] = low;
            i32[(to >> 2) + 1] = high;
            i32[RSP_LOW] = to;
            break;
          }
          case 61: {
            // pop of 8 bytes into a register.
            const from = i32[RSP_LOW];
            if (
              from < 0 ||
              i32[RSP_LOW + 1] !== KERNEL_WINDOW_HIGH ||
              (fast[from >>> 12] & FAST_READ) === 0 ||
              (from & 7) !== 0
            ) {
              popSlowly(cpu, op.destination);
              break;
            }
            i32[RSP_LOW] = from + 8;
            i32[op.destination >> 2] = i32[from >> 2];
            i32[(op.destination >> 2) + 1] = i32[(from >> 2) + 1];
            break;
          }
          case 62: // call of a fixed address.
          case 63: {
            // call of an operand.
            const s = op.destination || a;
            const low = number === 62 ? 0 : data.getInt32(s, true);
            const high = number === 62 ? 0 : data.getInt32(s + 4, true);
            const to = (i32[RSP_LOW] - 8) | 0;
            if (
              to < 0 ||
              i32[RSP_LOW + 1] !== KERNEL_WINDOW_HIGH ||
              (fast[to >>> 12] & FAST_WRITE) === 0 ||
              (to & 7) !== 0
            ) {
              pushSlowly(cpu, op.end, KERNEL_WINDOW_HIGH);
            } else {
              i32[to >> 2] = op.end;
              i32[(to >> 2) + 1] = KERNEL_WINDOW_HIGH;
              i32[RSP_LOW] = to;
            }
            op = number === 62 ? (op.taken as Op) : code.at(low, high);
            op.callsLeft = (op.callsLeft - 1) | 0;
            if (op.callsLeft === 0) tiers.hotCall(op);
            if (fuel <= pause) return pauseAt(op, fuel);
            continue;
          }
          case 64: {
            // ret, op.low is what it removes besides the return address.
            const from = i32[RSP_LOW];
            if (
              from < 0 ||
              i32[RSP_LOW + 1] !== KERNEL_WINDOW_HIGH ||
              (fast[from >>> 12] & FAST_READ) === 0 ||
              (from & 7) !== 0
            ) {
              op = returnSlowly(cpu, code, op.low);
            } else {
              i32[RSP_LOW] = from + 8 + op.low;
              op = code.at(i32[from >> 2], i32[(from >> 2) + 1]);
            }
            if (fuel <= pause) return pauseAt(op, fuel);
            continue;
          }
          case 65: {
            // jmp to an operand.
            const s = op.destination || a;
            const target = code.at(data.getInt32(s, true), data.getInt32(s + 4, true));
            if (target.address <= op.address && fuel <= pause) return pauseAt(target, fuel);
            op = target;
            continue;
          }
          case 66: // jmp to a fixed address.
            taken = true;
            break;
          case 70:
            taken = i32[OVERFLOW] < 0;
            break;
          case 71:
            taken = i32[OVERFLOW] >= 0;
            break;
          case 72:
            taken = i32[CARRY] < 0;
            break;
          case 73:
            taken = i32[CARRY] >= 0;
            break;
          case 74:
            taken = (i32[RESULT_LOW] | i32[RESULT_HIGH]) === 0;
            break;
          case 75:
            taken = (i32[RESULT_LOW] | i32[RESULT_HIGH]) !== 0;
            break;
          case 76:
            taken = i32[CARRY] < 0 || (i32[RESULT_LOW] | i32[RESULT_HIGH]) === 0;
            break;
          case 77:
            taken = i32[CARRY] >= 0 && (i32[RESULT_LOW] | i32[RESULT_HIGH]) !== 0;
            break;
          case 78:
            taken = (i32[RESULT_HIGH] ^ (i32[ADJUST] << 30)) < 0;
            break;
          case 79:
            taken = (i32[RESULT_HIGH] ^ (i32[ADJUST] << 30)) >= 0;
            break;
          case 80:
            taken = parity(cpu);
            break;
          case 81:
            taken = !parity(cpu);
            break;
          case 82:
            taken = (i32[RESULT_HIGH] ^ (i32[ADJUST] << 30) ^ i32[OVERFLOW]) < 0;
            break;
          case 83:
            taken = (i32[RESULT_HIGH] ^ (i32[ADJUST] << 30) ^ i32[OVERFLOW]) >= 0;
            break;
          case 84:
            taken =
              (i32[RESULT_HIGH] ^ (i32[ADJUST] << 30) ^ i32[OVERFLOW]) < 0 ||
              (i32[RESULT_LOW] | i32[RESULT_HIGH]) === 0;
            break;
          case 85:
            taken =
              (i32[RESULT_HIGH] ^ (i32[ADJUST] << 30) ^ i32[OVERFLOW]) >= 0 &&
              (i32[RESULT_LOW] | i32[RESULT_HIGH]) !== 0;
            break;
          default:
            if (op.source === IMMEDIATE_SLOT) {
              i32[IMMEDIATE_SLOT >> 2] = op.low;
              i32[(IMMEDIATE_SLOT >> 2) + 1] = op.high;
            }
            cpu.fuel = fuel;
            op.run(cpu, op, op.destination || a, op.source || a);
            fuel = cpu.fuel;
            break;
        }
        if (!taken) {
          op = op.next as Op;
          if (op.takenFor === 0) continue;
          // A conditional jump follows: it is done at once, without another round.
          fuel = (fuel - 1) | 0;
          const high = i32[RESULT_HIGH];
          const flags =
            (i32[CARRY] >>> 31) |
            ((i32[RESULT_LOW] | high) === 0 ? 2 : 0) |
            (((high ^ (i32[ADJUST] << 30)) >>> 31) << 2) |
            ((i32[OVERFLOW] >>> 31) << 3);
          if (((op.takenFor >> flags) & 1) === 0) {
            op = op.next as Op;
            continue;
          }
        }
        const { backward } = op;
        op = op.taken as Op;
        if (backward !== 0) {
          op.loopsLeft = (op.loopsLeft - 1) | 0;
          if (op.loopsLeft === 0) tiers.hotLoop(op);
          if (fuel <= pause) return pauseAt(op, fuel);
        }
      }
    } catch (error) {
      return leave(cpu, op, fuel, error);
    }
  }

  function pauseAt(next: Op, fuel: number): Exit | null {
    if (fuel > 0) {
      pausedOp = next;
      pausedFuel = fuel;
      return null;
    }
    cpu.save(next.address, next.window, fuel);
    return OUT_OF_FUEL;
  }

  return () => {
    cpu.load();
    pausedFuel = i32[FUEL];
    pausedOp = code.at(i32[RIP_LOW], i32[RIP_LOW + 1]);
    cpu.resumedAt = i32[RIP_LOW];
    for (;;) {
      const exit = runStretch();
      if (exit !== null) return exit;
    }
  };
}

/** Ends a run because of what a handler, an access or the host threw. */
function leave(cpu: Cpu, op: Op, fuel: number, error: unknown): Exit {
  // What did not happen costs nothing.
  const restored = (fuel + 1) | 0;
  if (error instanceof Fault) {
    cpu.save(op.address, op.window, (restored - error.elements) | 0);
    const { vector, access, low, high, size } = error;
    return { kind: 'exception', vector, access, low, high, size };
  }
  if (error instanceof Leave) return error.kind === 'stopped' ? STOPPED : OUT_OF_FUEL;
  if (error === PREEMPTION) {
    cpu.save(op.address, op.window, restored);
    return PREEMPTED;
  }
  // The host threw. It finds the registers as they were before the instruction, unless it had them already.
  if (op.code !== CODE_CALLABLE && op.code !== CODE_ENTRY) cpu.save(op.address, op.window, restored);
  throw error;
}
