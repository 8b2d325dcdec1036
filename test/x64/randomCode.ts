/**
 * Random guest functions for comparing the engine's tiers: instructions over all forms of operands, ifs, loops and
 * calls. Flags are read only where the Intel manual defines them. Encodings: Intel 64 manual, volume 2, chapter 2.
 */

const CF = 0x1;
const PF = 0x4;
const AF = 0x10;
const ZF = 0x40;
const SF = 0x80;
const OF = 0x800;
const ALL = CF | PF | AF | ZF | SF | OF;

/** Flags of each pair of conditions. */
const CONDITION_FLAGS = [OF, CF, ZF, CF | ZF, SF, PF, SF | OF, SF | OF | ZF];

/** Registers that instructions may change; the others hold addresses, the loop counter and rsp. */
const FREE = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11];
export const DATA_REGISTER = 12;
export const EDGE_REGISTER = 13;
export const WILD_REGISTER = 14;
const COUNTERS = [5, 15];
/** Address of a function of the host, in the kernel window. */
export const HOST_FUNCTION = 0x7800_0040;

/** A source of numbers: 0 to before `limit`. */
export type Random = (limit: number) => number;

/** Numbers from a seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

export interface CodeOptions {
  /** Some memory operands are wild. */
  readonly faults: boolean;
  /** Functions that may be called, by their address. */
  readonly callees: readonly number[];
  readonly vectors?: boolean;
}

const SSE_OPCODES = [
  0x10, 0x14, 0x15, 0x28, 0x54, 0x55, 0x56, 0x57, 0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
  0x6a, 0x6b, 0x6c, 0x6d, 0x6f, 0x74, 0x75, 0x76, 0xd4, 0xd5, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
  0xe0, 0xe3, 0xe4, 0xe5, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf4, 0xf5, 0xf6, 0xf8, 0xf9, 0xfa,
  0xfb, 0xfc, 0xfd, 0xfe, 0xd1, 0xd2, 0xd3, 0xe1, 0xe2, 0xf1, 0xf2, 0xf3,
];

export class RandomCode {
  readonly bytes: number[] = [];
  readonly #random: Random;
  readonly #options: CodeOptions;
  readonly #origin: number;
  /** Flags that have defined values here. */
  #defined = 0;
  #loops = 0;

  constructor(random: Random, origin: number, options: CodeOptions) {
    this.#random = random;
    this.#origin = origin;
    this.#options = options;
  }

  /** A function of about `length` items. */
  function(length: number): number[] {
    // Home for spills, so that the frame is used; 8 more keep the stack aligned to 16.
    this.#emit(0x53, 0x48, 0x83, 0xec, 0x40);
    this.#items(length, 0);
    this.#emit(0x48, 0x83, 0xc4, 0x40, 0x5b);
    // Some end with a tail call.
    if (this.#random(4) === 0) {
      this.#loadTarget();
      this.#emit(0xff, 0xe0);
    } else this.#emit(0xc3);
    return this.bytes;
  }

  #emit(...bytes: number[]): void {
    this.bytes.push(...bytes.map((byte) => byte & 0xff));
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random(list.length)];
  }

  #emit32(value: number): void {
    this.#emit(value, value >> 8, value >> 16, value >> 24);
  }

  #items(count: number, depth: number): void {
    for (let index = 0; index < count; index++) {
      const kind = this.#random(24);
      if (kind === 0 && depth < 3) this.#if(depth);
      else if (kind === 1 && this.#loops < 2 && depth < 3) this.#loop(depth);
      else if (kind === 2 && this.#options.callees.length > 0) this.#call();
      else if (kind === 3 && this.#random(2) === 0) this.#string();
      else if (kind < 10 && this.#options.vectors === true) this.#vector();
      else this.#instruction();
    }
  }

  #if(depth: number): void {
    const condition = this.#condition();
    this.#emit(0x0f, 0x80 + condition);
    const first = this.#hole();

    const before = this.#defined;
    this.#items(1 + this.#random(4), depth + 1);
    let defined = this.#defined;
    if (this.#random(2) === 0) {
      this.#emit(0xe9);
      const second = this.#hole();
      this.#fill(first);
      this.#defined = before;
      this.#items(1 + this.#random(3), depth + 1);
      this.#fill(second);
      defined &= this.#defined;
    } else {
      this.#fill(first);
      defined &= before;
    }
    this.#defined = defined;
  }

  #loop(depth: number): void {
    const counter = COUNTERS[this.#loops++];
    // mov counter, n; body; dec counter; jnz body
    this.#emit(counter > 7 ? 0x49 : 0x48, 0xc7, 0xc0 | (counter & 7));
    this.#emit32(1 + this.#random(this.#random(3) === 0 ? 40 : 6));
    const start = this.bytes.length;
    this.#defined = 0;
    this.#items(1 + this.#random(5), depth + 1);
    this.#emit(counter > 7 ? 0x49 : 0x48, 0xff, 0xc8 | (counter & 7));
    this.#emit(0x0f, 0x85);
    this.#emit32(start - (this.bytes.length + 4));
    this.#loops--;
    this.#defined = (this.#defined & CF) | (ALL & ~CF);
  }

  /** rax becomes the address of a function of the program or of the host. */
  #loadTarget(): void {
    const { callees } = this.#options;
    if (callees.length === 0 || this.#random(3) === 0) {
      this.#emit(0x48, 0xb8);
      this.#emit32(HOST_FUNCTION);
      this.#emit32(0xffff8000);
    } else {
      this.#emit(0x48, 0x8d, 0x05);
      this.#emit32(this.#pick(callees) - (this.#origin + this.bytes.length + 4));
    }
  }

  /** rep movs or stos from and to places that may overlap. */
  #string(): void {
    this.#emit(0x49, 0x8d, 0x7c, 0x24, this.#random(128));
    if (this.#random(2) === 0) this.#emit(0x49, 0x8d, 0x74, 0x24, this.#random(128));
    else this.#emit(0x49, 0x8d, 0x75, this.#random(256));
    this.#emit(0xb9);
    this.#emit32(this.#pick([0, 1, 3, 16, 40]));
    this.#emit(...this.#pick([[], [0x66], [0x48]]));
    // The operand size prefixes come before and after rep.
    const last = this.bytes[this.bytes.length - 1];
    if (last === 0x48) this.bytes.splice(-1, 1, 0xf3, 0x48);
    else this.#emit(0xf3);
    this.#emit(this.#pick([0xa4, 0xa5, 0xaa, 0xab]));
  }

  #call(): void {
    if (this.#random(2) === 0) {
      this.#loadTarget();
      this.#emit(0xff, 0xd0);
      this.#defined = 0;
      return;
    }
    const target = this.#pick(this.#options.callees);
    this.#emit(0xe8);
    this.#emit32(target - (this.#origin + this.bytes.length + 4));
    this.#defined = 0;
  }

  #hole(): number {
    this.#emit32(0);
    return this.bytes.length;
  }

  #fill(end: number): void {
    const distance = this.bytes.length - end;
    for (let index = 0; index < 4; index++) this.bytes[end - 4 + index] = (distance >> (index * 8)) & 0xff;
  }

  /** A condition whose flags are defined; a comparison is put before it where there is none. */
  #condition(): number {
    const condition = this.#random(16);
    if ((CONDITION_FLAGS[condition >> 1] & ~this.#defined) !== 0) {
      this.#withModrm([0x39], this.#pick(FREE), this.#pick([4, 8]), false);
      this.#defined = ALL;
    }
    return condition;
  }

  /** Prefixes, opcode, ModRM with a random register or memory operand. */
  #withModrm(
    opcode: readonly number[],
    reg: number,
    size: number,
    mayBeMemory: boolean,
    immediate = 0,
    mustBeMemory = false,
    prefix = 0,
  ): void {
    const wide = size === 8 ? 8 : 0;
    if (size === 2) this.#emit(0x66);
    if (prefix !== 0) this.#emit(prefix);
    if (mustBeMemory || (mayBeMemory && this.#random(2) === 0)) {
      this.#memory(opcode, reg, wide, immediate);
      return;
    }
    const rm = this.#pick(FREE);
    this.#emit(
      0x40 | wide | (reg > 7 ? 4 : 0) | (rm > 7 ? 1 : 0),
      ...opcode,
      0xc0 | ((reg & 7) << 3) | (rm & 7),
    );
  }

  #memory(opcode: readonly number[], reg: number, wide: number, immediate: number): void {
    const kind = this.#random(16);
    const rexReg = reg > 7 ? 4 : 0;
    const field = (reg & 7) << 3;
    if (kind === 0 && this.#options.faults) {
      this.#emit(0x40 | wide | rexReg | 1, ...opcode, 0x40 | field | (WILD_REGISTER & 7), this.#random(32));
    } else if (kind < 5) {
      // The frame.
      this.#emit(0x40 | wide | rexReg, ...opcode, 0x44 | field, 0x24, this.#random(48));
    } else if (kind < 8) {
      // Around the end of a page, unaligned; with memory behind it.
      this.#emit(
        0x40 | wide | rexReg | 1,
        ...opcode,
        0x40 | field | (EDGE_REGISTER & 7),
        this.#random(64) - 32,
      );
    } else if (kind === 8) {
      // rip-relative: the code's own bytes are no data, so far ahead there is some.
      this.#emit(0x40 | wide | rexReg, ...opcode, 0x05 | field);
      const target = 0x20_0000 + this.#random(0x100) * 8;
      this.#emit32(target - (this.#origin + this.bytes.length + 4 + immediate));
    } else if (kind === 9) {
      // [r12 + counter * 8 + displacement]
      this.#emit(0x40 | wide | rexReg | 1, ...opcode, 0x44 | field, 0xec, this.#random(64));
    } else {
      this.#emit(0x40 | wide | rexReg | 1, ...opcode, 0x44 | field, 0x24, this.#random(120));
    }
  }

  #instruction(): void {
    const size = this.#pick([1, 2, 4, 4, 8, 8]);
    const reg = this.#pick(FREE);
    const w = size === 1 ? 0 : 1;
    switch (this.#random(22)) {
      case 0:
      case 1:
      case 2: {
        // The eight operations, both directions.
        const operation = this.#random(8);
        if (operation === 2 || operation === 3) this.#need(CF);
        this.#withModrm([(operation << 3) | (this.#random(2) << 1) | w], reg, size, true);
        this.#define(ALL, operation === 1 || operation === 4 || operation === 6 ? AF : 0);
        break;
      }
      case 3: {
        const operation = this.#random(8);
        if (operation === 2 || operation === 3) this.#need(CF);
        this.#withModrm([size === 1 ? 0x80 : 0x83], operation, size, true, 1);
        this.#emit(this.#random(256));
        this.#define(ALL, operation === 1 || operation === 4 || operation === 6 ? AF : 0);
        break;
      }
      case 4:
      case 5:
        this.#withModrm([(this.#random(2) === 0 ? 0x88 : 0x8a) | w], reg, size, true);
        break;
      case 6:
        this.#withModrm([0x0f, this.#pick([0xb6, 0xb7, 0xbe, 0xbf])], reg, this.#pick([4, 8]), true);
        break;
      case 7:
        this.#withModrm([0x8d], reg, this.#pick([4, 8]), false, 0, true);
        break;
      case 8: {
        // Shifts and rotates by a constant.
        const operation = this.#pick([0, 1, 4, 5, 7]);
        const count = this.#random(size === 8 ? 64 : 32);
        this.#withModrm([size === 1 ? 0xc0 : 0xc1], operation, size, true, 1);
        this.#emit(count);
        if (count === 0) break;
        const isRotation = operation < 2;
        if (isRotation) this.#define(CF | OF, count === 1 ? 0 : OF);
        else this.#define(ALL & ~AF, AF | (count === 1 ? 0 : OF) | (count >= size * 8 ? CF : 0));
        break;
      }
      case 9: {
        // By cl: what was undefined before may stay so.
        const operation = this.#pick([0, 1, 4, 5, 7]);
        const wideSize = this.#pick([4, 8]);
        this.#withModrm([0xd3], operation, wideSize, true);
        this.#defined &= operation < 2 ? ~OF : ~(OF | AF);
        break;
      }
      case 10:
        this.#withModrm([0x0f, 0x90 + this.#condition()], 0, 1, true);
        break;
      case 11:
        this.#withModrm([0x0f, 0x40 + this.#condition()], reg, this.#pick([2, 4, 8]), true);
        break;
      case 12: {
        const isIncrement = this.#random(2);
        this.#withModrm([0xfe | w], isIncrement, size, true);
        this.#define(ALL & ~CF, 0);
        break;
      }
      case 13: {
        const isNegation = this.#random(2);
        this.#withModrm([0xf6 | w], 2 + isNegation, size, true);
        if (isNegation === 1) this.#define(ALL, 0);
        break;
      }
      case 14:
        this.#withModrm([0x84 | w], reg, size, true);
        this.#define(ALL, AF);
        break;
      case 15:
        this.#withModrm([0x0f, 0xaf], reg, this.#pick([2, 4, 8]), true);
        this.#define(CF | OF, SF | ZF | AF | PF);
        break;
      case 16: {
        // mul and imul of one operand; div where it cannot overflow often: a fault ends both tiers alike.
        const operation = this.#pick(this.#options.faults ? [4, 5, 6, 7] : [4, 5]);
        if (operation === 6) this.#emit(0x31, 0xd2);
        this.#withModrm([0xf6 | w], operation, size, true);
        if (operation > 5) this.#define(0, ALL);
        else this.#define(CF | OF, SF | ZF | AF | PF);
        break;
      }
      case 17: {
        const opcode = this.#pick([0x86, 0xb0, 0xc0]);
        if (opcode === 0x86) this.#withModrm([0x86 | w], reg, size, true);
        else {
          this.#withModrm([0x0f, opcode | w], reg, size, true, 0, this.#random(2) === 0);
          this.#define(ALL, 0);
        }
        break;
      }
      case 18: {
        // bt, bts, btr, btc by a constant or, on registers, by a register.
        const kind = this.#random(4);
        const bits = this.#pick([2, 4, 8]);
        if (this.#random(2) === 0) {
          this.#withModrm([0x0f, 0xba], 4 + kind, bits, true, 1);
          this.#emit(this.#random(256));
        } else this.#withModrm([0x0f, 0xa3 + kind * 8], reg, bits, false);
        this.#define(CF, OF | SF | AF | PF);
        break;
      }
      case 19: {
        const kind = this.#random(5);
        const bits = this.#pick([2, 4, 8]);
        if (kind === 0) this.#withModrm([0x0f, 0xb8], reg, bits, true, 0, false, 0xf3);
        else if (kind < 3) this.#withModrm([0x0f, this.#pick([0xbc, 0xbd])], reg, bits, true);
        else if (kind === 3) {
          const swapped = this.#pick(FREE);
          this.#emit(
            this.#random(2) === 0 ? 0x48 | (swapped >> 3) : 0x40 | (swapped >> 3),
            0x0f,
            0xc8 | (swapped & 7),
          );
          break;
        } else {
          this.#withModrm([0x0f, this.#pick([0xa4, 0xac])], reg, this.#pick([4, 8]), true, 1);
          this.#emit(1 + this.#random(31));
          this.#defined = (this.#defined & AF) | ((ALL & ~AF & ~OF) | 0);
          this.#defined &= ~AF;
          break;
        }
        if (kind === 0) this.#define(ALL, 0);
        else this.#define(ZF, ALL & ~ZF);
        break;
      }
      case 20: {
        // push and pop in pairs, with something between.
        const saved = this.#pick(FREE);
        this.#emit(...(saved > 7 ? [0x41] : []), 0x50 | (saved & 7));
        this.#withModrm([0x89], reg, 8, false);
        const back = this.#pick(FREE);
        this.#emit(...(back > 7 ? [0x41] : []), 0x58 | (back & 7));
        break;
      }
      default:
        // cbw and cwd families, cmc, stc, clc, ah.
        switch (this.#random(5)) {
          case 0:
            this.#emit(...this.#pick([[0x66], [], [0x48]]), this.#pick([0x98, 0x99]));
            break;
          case 1:
            this.#emit(this.#pick([0xf8, 0xf9]));
            this.#define(CF, 0);
            break;
          case 2:
            // add ah, cl and the like: high bytes.
            this.#emit(
              this.#pick([0x00, 0x28, 0x30, 0x88]),
              0xc0 | (this.#random(4) << 3) | (4 + this.#random(4)),
            );
            this.#defined = 0;
            break;
          default:
            this.#withModrm([0xc7], 0, 4, true, 4);
            this.#emit32(this.#random(0x10000) * 0x10001);
        }
    }
  }

  /** Moves, logic and integer lanes of XMM registers. */
  #vector(): void {
    const opcode = this.#pick(SSE_OPCODES);
    const reg = this.#random(16);
    const rm = this.#random(16);
    const kind = this.#random(8);
    if (kind === 0) {
      // movdqu from and to memory.
      this.#emit(0xf3);
      this.#memory([0x0f, this.#pick([0x6f, 0x7f])], reg, 0, 0);
    } else if (kind === 1) {
      this.#emit(this.#pick([0x66, 0xf2, 0xf3]), 0x40 | ((reg >> 3) << 2) | (rm >> 3), 0x0f, 0x70);
      this.#emit(0xc0 | ((reg & 7) << 3) | (rm & 7), this.#random(256));
    } else if (kind === 2) {
      const general = this.#pick(FREE);
      const wide = this.#random(2) * 8;
      this.#emit(0x66, 0x40 | wide | ((reg >> 3) << 2) | (general >> 3), 0x0f, this.#pick([0x6e, 0x7e]));
      this.#emit(0xc0 | ((reg & 7) << 3) | (general & 7));
    } else if (kind === 3) {
      // Shifts by a constant: words, double words, quad words and bytes.
      const [code, extension] = this.#pick([
        [0x71, 2],
        [0x71, 4],
        [0x71, 6],
        [0x72, 2],
        [0x72, 4],
        [0x72, 6],
        [0x73, 2],
        [0x73, 3],
        [0x73, 6],
        [0x73, 7],
      ]);
      this.#emit(0x66, 0x40 | (rm >> 3), 0x0f, code, 0xc0 | (extension << 3) | (rm & 7), this.#random(72));
    } else {
      this.#emit(
        0x66,
        0x40 | ((reg >> 3) << 2) | (rm >> 3),
        0x0f,
        opcode,
        0xc0 | ((reg & 7) << 3) | (rm & 7),
      );
    }
  }

  #need(flags: number): void {
    if ((flags & ~this.#defined) === 0) return;
    this.#withModrm([0x39], this.#pick(FREE), 4, false);
    this.#defined = ALL;
  }

  #define(written: number, undefinedFlags: number): void {
    this.#defined = (this.#defined | written) & ~undefinedFlags;
  }
}
