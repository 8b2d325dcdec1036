/** Runs random programs in the interpreter and in the translated tier, and compares what can be seen of them. */

import { KERNEL_WINDOW_HIGH, KernelMemory, Pages, Shadow } from '../../src/memory/index.ts';
import {
  Engine,
  type EngineHost,
  type Exit,
  STATE,
  STATE_FLAGS,
  STATE_FUEL,
  STATE_GENERAL,
  STATE_RIP,
  STATE_XMM,
} from '../../src/x64/index.ts';
import {
  DATA_REGISTER,
  EDGE_REGISTER,
  HOST_FUNCTION,
  RandomCode,
  randomFrom,
  WILD_REGISTER,
} from './randomCode.ts';

const CODE = 0x10_0000;
const DATA = 0x20_0000;
const READ_ONLY = 0x20_3000;
const STACK_TOP = 0x40_0000;
const MEMORY_SIZE = 0x80_0000;
/** Distance of the functions of a program. */
const FUNCTION = 0x4000;

/** A host with one function: it gives the number of its call and may want to stop. */
function makeHost(memory: KernelMemory): EngineHost {
  const { i32 } = memory;
  let calls = 0;
  return {
    call: (target) => {
      if (target !== HOST_FUNCTION) return 2;
      i32[STATE_GENERAL >> 2] = ++calls;
      i32[(STATE_GENERAL >> 2) + 1] = i32[(STATE_GENERAL >> 2) + 2];
      i32[(STATE_GENERAL >> 2) + 4] ^= calls;
      return 0;
    },
    readIrql: () => 0,
    writeIrql: () => 0,
    readPort: () => 0,
    writePort: () => {},
    translate: () => -1,
    readTimestamp: () => 0,
  };
}

interface Setup {
  readonly memory: KernelMemory;
  readonly engine: Engine;
}

export function makeEngine(translate: boolean, memorySafety = false): Setup {
  const memory = new KernelMemory(MEMORY_SIZE, { memorySafety });
  const pages = new Pages(memory);
  const shadow = memorySafety ? new Shadow(memory) : null;
  shadow?.follow(pages);
  pages.reserve(CODE, 64, 5);
  pages.reserve(DATA, 3, 3);
  pages.reserve(READ_ONLY, 1, 1);
  pages.reserve(STACK_TOP - 0x8000, 8, 3);
  // Blocks around the places that the programs touch, one of them of 21 bytes.
  shadow?.forbid(DATA + 0x240, 0x10, 'freedBlock');
  shadow?.allow(DATA + 0x260, 21);
  shadow?.forbid(DATA + 0x260 + 21, 0x20, 'redZone');
  const engine = new Engine(memory, makeHost(memory), {
    pages,
    translate,
    thresholds: { calls: 1, loops: 2 },
    ...(shadow === null ? {} : { safety: shadow }),
  });
  return { memory, engine };
}

/** Addresses for the register that faults: unmapped, read-only, another window, no canonical one, the edge of one. */
const WILD: readonly (readonly [number, number])[] = [
  [0x30_0000, KERNEL_WINDOW_HIGH],
  [READ_ONLY, KERNEL_WINDOW_HIGH],
  [READ_ONLY + 0xff8, KERNEL_WINDOW_HIGH],
  [0x10, KERNEL_WINDOW_HIGH],
  [DATA, 0],
  [DATA, 0x8000_0000 | 0],
  [-8, KERNEL_WINDOW_HIGH],
  [-8, KERNEL_WINDOW_HIGH - 1],
  [DATA - 4, KERNEL_WINDOW_HIGH],
  [DATA + 0x100, KERNEL_WINDOW_HIGH],
];

/** Puts the program and random registers and data there; rip is a call of the last function. */
export function load(
  { memory }: Setup,
  seed: number,
  length: number,
  faults: boolean,
  vectors: boolean,
): void {
  const random = randomFrom(seed);
  const { u8, i32 } = memory;
  const callees: number[] = [];
  for (let index = 1; index <= 4; index++) {
    const origin = CODE + index * FUNCTION;
    const code = new RandomCode(random, origin, { faults, callees: [...callees], vectors });
    u8.set(code.function(length), origin);
    callees.push(origin);
  }
  const entry = callees[callees.length - 1];
  const distance = entry - (CODE + 5);
  // call entry; int3
  u8.set([0xe8, distance, distance >> 8, distance >> 16, distance >> 24, 0xcc], CODE);
  for (let at = DATA; at < DATA + 0x3000; at += 4)
    i32[at >> 2] = random(0x1_0000) * 0x1_0000 + random(0x1_0000);
  const set = (register: number, low: number, high: number) => {
    i32[(STATE_GENERAL + register * 8) >> 2] = low;
    i32[(STATE_GENERAL + register * 8 + 4) >> 2] = high;
  };
  const interesting = [0, 1, -1, 0x7fff_ffff, 0x8000_0000 | 0, 0x80, 0xff, 0x8000];
  const half = () =>
    random(2) === 0 ? interesting[random(8)] : random(0x1_0000) * 0x1_0000 + random(0x1_0000);
  for (let register = 0; register < 16; register++) set(register, half(), half());
  for (let word = 0; word < 64; word++) i32[(STATE_XMM >> 2) + word] = half();
  set(4, STACK_TOP - 0x100, KERNEL_WINDOW_HIGH);
  set(5, 3, 0);
  set(DATA_REGISTER, DATA + 0x200, KERNEL_WINDOW_HIGH);
  set(EDGE_REGISTER, DATA + 0x1000, KERNEL_WINDOW_HIGH);
  const [low, high] = WILD[random(WILD.length)];
  set(WILD_REGISTER, low, high);
  set(15, 2, 0);
  i32[STATE_RIP >> 2] = CODE;
  i32[(STATE_RIP >> 2) + 1] = KERNEL_WINDOW_HIGH;
  i32[STATE_FLAGS >> 2] = 0x202;
}

/** Everything that a program can see, but dead flags. */
function snapshot({ memory }: Setup): Buffer {
  const state = memory.u8.slice(STATE, STATE_XMM + 256);
  state.fill(0, STATE_FLAGS - STATE, STATE_FLAGS - STATE + 4);
  return Buffer.concat([
    state,
    memory.u8.subarray(DATA, DATA + 0x4000),
    memory.u8.subarray(STACK_TOP - 0x8000, STACK_TOP),
  ]);
}

function differences(left: Buffer, right: Buffer): string {
  const found: string[] = [];
  for (let at = 0; at < left.length && found.length < 12; at++)
    if (left[at] !== right[at]) found.push(`0x${at.toString(16)}: ${left[at]} and ${right[at]}`);
  return found.join(', ');
}

/** Runs a loop of one block over memory: `step` bytes a round from both addresses. Throws where the tiers differ. */
export function compareWalk(
  from: number,
  to: number,
  step: number,
  rounds: number,
  fuel: number,
  safe: boolean,
): Exit {
  const setups = [makeEngine(false, safe), makeEngine(true, safe)];
  for (const setup of setups) {
    load(setup, 1, 1, false, false);
    const { u8, i32 } = setup.memory;
    const origin = CODE + FUNCTION;
    // again: mov eax, [r12]; mov [r13 + 0x10], eax; add r12, step; add r13, step; dec rcx; jnz again; ret
    const code = [
      0x41,
      0x8b,
      0x04,
      0x24,
      0x41,
      0x89,
      0x45,
      0x10,
      0x49,
      0x83,
      0xc4,
      step,
      0x49,
      0x83,
      0xc5,
      step,
    ];
    u8.set([...code, 0x48, 0xff, 0xc9, 0x75, 0x100 - code.length - 5, 0xc3], origin);
    u8.set([0xe8, origin - CODE - 5, (origin - CODE - 5) >> 8, 0, 0, 0xcc], CODE);
    i32[(STATE_GENERAL + DATA_REGISTER * 8) >> 2] = DATA + from;
    i32[(STATE_GENERAL + EDGE_REGISTER * 8) >> 2] = DATA + to;
    i32[(STATE_GENERAL + 8) >> 2] = rounds;
    i32[(STATE_GENERAL + 12) >> 2] = 0;
  }
  return compareRuns(setups[0], setups[1], fuel);
}

function ripOf({ memory }: Setup): string {
  return (memory.i32[STATE_RIP >> 2] >>> 0).toString(16);
}

/**
 * Runs both to the end with slices of fuel. @returns the last exit.
 * @throws Error that says what differs.
 */
export function compare(
  seed: number,
  length: number,
  faults: boolean,
  vectors: boolean,
  fuel: number,
  safe = false,
): Exit {
  const interpreted = makeEngine(false, safe);
  const translated = makeEngine(true, safe);
  for (const each of [interpreted, translated]) load(each, seed, length, faults, vectors);
  return compareRuns(interpreted, translated, fuel);
}

function compareRuns(interpreted: Setup, translated: Setup, fuel: number): Exit {
  for (let slice = 0; slice < (fuel > 1000 ? 3 : 60); slice++) {
    const exits = [interpreted, translated].map((each) => {
      each.memory.i32[STATE_FUEL >> 2] = fuel;
      return each.engine.run();
    });
    const [left, right] = exits.map((exit) => JSON.stringify(exit));
    if (left !== right) throw new Error(`exits differ: ${left} and ${right} at ${ripOf(translated)}`);
    const found = differences(snapshot(interpreted), snapshot(translated));
    if (found !== '') throw new Error(`after ${left}: ${found}`);
    if (exits[0].kind !== 'fuel') {
      if (translated.engine.translated?.counts.functions === 0) throw new Error('nothing was translated');
      return exits[0];
    }
  }
  return { kind: 'fuel' };
}
