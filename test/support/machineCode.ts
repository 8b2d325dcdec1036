/** A machine of a few pages for tests of machine code: bytes at CODE, a stack, memory at DATA. */

import {
  KERNEL_WINDOW_HIGH,
  KernelMemory,
  PAGE_EXECUTE,
  PAGE_READ,
  PAGE_READ_WRITE,
  Pages,
} from '../../src/memory/index.ts';
import { Engine, type EngineOptions } from '../../src/x64/engine.ts';
import { CALL_STOP, type EngineHost, type Exit } from '../../src/x64/host.ts';
import { STATE_FLAGS, STATE_FUEL, STATE_GENERAL, STATE_MXCSR, STATE_RIP } from '../../src/x64/state.ts';

export const CODE = 0x2_0000;
export const DATA = 0x4_0000;
export const STACK_TOP = 0x6_0000;
/** Where `ret` of the tested code leads: the host stops the run there. */
export const BACK = 0x7800_0000;

export interface TestMachine {
  readonly memory: KernelMemory;
  readonly pages: Pages;
  readonly engine: Engine;
  /** Callable addresses that were reached. */
  readonly calls: number[];
  /** Writes code, resets registers, pushes the return address BACK. */
  start(bytes: readonly number[] | string, fuel?: number): void;
  run(): Exit;
  get(register: number): bigint;
  set(register: number, value: bigint): void;
  flags(): number;
  fuel(): number;
  rip(): number;
}

/** The bytes of hexadecimal text, pairs of digits with or without space between them. */
export function bytesOf(text: string): number[] {
  return (text.match(/[0-9a-f]{2}/gi) ?? []).map((pair) => Number.parseInt(pair, 16));
}

export function makeTestMachine(
  options: Omit<EngineOptions, 'pages'> = {},
  host: Partial<EngineHost> = {},
): TestMachine {
  const memory = new KernelMemory(0x20_0000);
  const pages = new Pages(memory);
  const calls: number[] = [];
  pages.reserve(CODE, 2, PAGE_READ | PAGE_EXECUTE);
  pages.reserve(DATA, 4, PAGE_READ_WRITE);
  pages.reserve(STACK_TOP - 0x1_0000, 16, PAGE_READ_WRITE);
  const whole: EngineHost = {
    call: (target) => {
      calls.push(target);
      return CALL_STOP;
    },
    readIrql: () => 0,
    writeIrql: () => 0,
    readPort: () => 0xff,
    writePort: () => undefined,
    readTimestamp: () => 0,
    translate: () => -1,
    ...host,
  };
  const engine = new Engine(memory, whole, { translate: false, ...options, pages });
  const { i32, i64 } = memory;
  const set = (register: number, value: bigint) => {
    i64[(STATE_GENERAL >> 3) + register] = BigInt.asIntN(64, value);
  };
  return {
    memory,
    pages,
    engine,
    calls,
    start(bytes, fuel = 1_000_000) {
      memory.u8.set(typeof bytes === 'string' ? bytesOf(bytes) : bytes, CODE);
      engine.forget(CODE, 0x2000);
      for (let register = 0; register < 16; register++) set(register, 0n);
      set(4, 0xffff_8000_0000_0000n + BigInt(STACK_TOP - 0x108));
      memory.i32[(STACK_TOP - 0x108) >> 2] = BACK;
      memory.i32[(STACK_TOP - 0x104) >> 2] = KERNEL_WINDOW_HIGH;
      i32[STATE_RIP >> 2] = CODE;
      i32[(STATE_RIP >> 2) + 1] = KERNEL_WINDOW_HIGH;
      i32[STATE_FLAGS >> 2] = 0x202;
      i32[STATE_MXCSR >> 2] = 0x1f80;
      i32[STATE_FUEL >> 2] = fuel;
    },
    run: () => engine.run(),
    get: (register) => BigInt.asUintN(64, i64[(STATE_GENERAL >> 3) + register]),
    set,
    flags: () => i32[STATE_FLAGS >> 2],
    fuel: () => i32[STATE_FUEL >> 2],
    rip: () => i32[STATE_RIP >> 2],
  };
}

/** A pointer of the kernel window. */
export function kernelPointer(low: number): bigint {
  return 0xffff_8000_0000_0000n + BigInt(low);
}
