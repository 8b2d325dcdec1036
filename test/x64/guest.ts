/** Runs cases of the comparison with silicon in an engine over a memory of its own. */

import {
  KERNEL_WINDOW_HIGH,
  KernelMemory,
  PAGE_EXECUTE,
  PAGE_READ,
  PAGE_READ_WRITE,
  PAGE_SIZE,
  Pages,
  Shadow,
} from '../../src/memory/index.ts';
import {
  type EngineHost,
  type Exit,
  STATE_FLAGS,
  STATE_FUEL,
  STATE_GENERAL,
  STATE_GS_BASE,
  STATE_MXCSR,
  STATE_RIP,
  STATE_XMM,
} from '../../src/x64/index.ts';
import type { Case } from './cases.ts';
import {
  CODE_ADDRESS,
  CODE_SIZE,
  CODE_STRIDE,
  DATA_ADDRESS,
  DATA_SIZE,
  Registers,
  WINDOW_ADDRESS,
  WINDOW_SIZE,
} from './records.ts';

/** What executes machine code: the interpreter alone, or with faster tiers. */
export interface GuestEngine {
  run(): Exit;
  /** Makes ready what a function calls, before anything runs. */
  readonly prepare?: (address: number) => void;
}

export type MakeEngine = (memory: KernelMemory, host: EngineHost, pages: Pages) => GuestEngine;

/** int3, at which cases end: unlike at calls, no register and no flag is dead there. */
const END = 0xcc;
const BREAKPOINT = 3;
/** Instead of a vector: the run ended in a way that no case should. */
const NOT_ENDED = -2;
const KERNEL_HIGH = BigInt(KERNEL_WINDOW_HIGH >>> 0);
const FUEL = 1000;
/** Cases that one function calls for `prepare`, and the bytes that it takes. */
const CALLS = 40;
const CALLER_SIZE = 256;

function fail(): never {
  throw new Error('a case called the host');
}

export class Guest {
  readonly memory: KernelMemory;
  readonly #engine: GuestEngine;

  /** @param memorySafety with a shadow that allows what the pages allow. */
  constructor(makeEngine: MakeEngine, memorySafety = false) {
    this.memory = new KernelMemory(CODE_ADDRESS + CODE_SIZE, { memorySafety });
    const pages = new Pages(this.memory);
    if (memorySafety) new Shadow(this.memory).follow(pages);
    pages.reserve(DATA_ADDRESS, DATA_SIZE / PAGE_SIZE, PAGE_READ_WRITE);
    pages.reserve(CODE_ADDRESS, CODE_SIZE / PAGE_SIZE, PAGE_READ | PAGE_EXECUTE);
    const host: EngineHost = {
      call: fail,
      readIrql: fail,
      writeIrql: fail,
      readPort: fail,
      writePort: fail,
      readTimestamp: fail,
      translate: (low, high, size) => {
        const inside = low >= DATA_ADDRESS && low + size <= DATA_ADDRESS + DATA_SIZE;
        return high === 0 && inside ? low : -1;
      },
    };
    this.#engine = makeEngine(this.memory, host, pages);
  }

  /** Puts the code of all cases where each runs, before the first does. */
  load(cases: readonly Case[]): void {
    const { u8, data } = this.memory;
    cases.forEach(({ code }, number) => {
      const at = CODE_ADDRESS + number * CODE_STRIDE;
      u8.set(code, at);
      u8[at + code.length] = END;
    });
    const { prepare } = this.#engine;
    if (prepare === undefined) return;
    let caller = CODE_ADDRESS + cases.length * CODE_STRIDE;
    for (let first = 0; first < cases.length; first += CALLS) {
      let at = caller;
      for (let number = first; number < Math.min(first + CALLS, cases.length); number++) {
        u8[at] = 0xe8;
        data.setInt32(at + 1, CODE_ADDRESS + number * CODE_STRIDE - (at + 5), true);
        at += 5;
      }
      u8[at] = 0xc3;
      prepare(caller);
      caller += CALLER_SIZE;
    }
  }

  /**
   * Runs one case. Pointers are in the kernel window and come back without its high half, or they are user
   * addresses, which the host translates.
   */
  run(each: Case, number: number): Registers {
    const pointers = each.samePointers || number % 4 === 3 ? 'user' : 'kernel';
    const { u8, i32, data } = this.memory;
    const { before } = each;
    u8.set(before.bytes.subarray(0, 128), STATE_GENERAL);
    u8.set(before.allXmm, STATE_XMM);
    u8.set(before.window, WINDOW_ADDRESS);
    if (pointers === 'kernel') {
      for (let register = 0; register < 16; register++) {
        if (((each.pointers >> register) & 1) !== 0)
          i32[(STATE_GENERAL >> 2) + register * 2 + 1] += KERNEL_WINDOW_HIGH;
      }
    }
    i32[STATE_FLAGS >> 2] = before.flags;
    i32[STATE_MXCSR >> 2] = before.mxcsr;
    i32[STATE_FUEL >> 2] = FUEL;
    i32[STATE_RIP >> 2] = CODE_ADDRESS + number * CODE_STRIDE;
    i32[(STATE_RIP >> 2) + 1] = KERNEL_WINDOW_HIGH;
    i32[STATE_GS_BASE >> 2] = WINDOW_ADDRESS;
    i32[(STATE_GS_BASE >> 2) + 1] = pointers === 'kernel' ? KERNEL_WINDOW_HIGH : 0;
    const exit = this.#engine.run();
    const after = new Registers();
    after.bytes.set(u8.subarray(STATE_GENERAL, STATE_GENERAL + 128));
    after.allXmm.set(u8.subarray(STATE_XMM, STATE_XMM + 256));
    after.window.set(u8.subarray(WINDOW_ADDRESS, WINDOW_ADDRESS + WINDOW_SIZE));
    after.flags = i32[STATE_FLAGS >> 2];
    after.mxcsr = i32[STATE_MXCSR >> 2];
    after.rip = i32[STATE_RIP >> 2];
    const end = CODE_ADDRESS + number * CODE_STRIDE + each.code.length;
    if (exit.kind !== 'exception') after.vector = NOT_ENDED;
    else after.vector = exit.vector === BREAKPOINT && after.rip === end ? -1 : exit.vector;
    if (pointers === 'kernel') {
      for (let register = 0; register < 16; register++) {
        if (((each.pointers >> register) & 1) === 0) continue;
        const value = data.getBigUint64(STATE_GENERAL + register * 8, true);
        if (value >> 32n === KERNEL_HIGH) after.setGeneral(register, value & 0xffff_ffffn);
      }
    }
    return after;
  }
}
