/** Builds the workloads of native/bench with the compilers of this machine, and runs them in an engine. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KERNEL_WINDOW_HIGH, KernelMemory, PAGE_READ_WRITE, Pages, Shadow } from '../../src/memory/index.ts';
import { Engine, R8, RAX, RCX, RDX, RSP, STATE_FUEL, STATE_GENERAL, STATE_RIP } from '../../src/x64/index.ts';

const SOURCES = fileURLToPath(new URL('../../../native/bench/', import.meta.url));
const ORIGIN = 0x10_0000;
const DATA = 0x30_0000;
const STACK = 0x40_0000;
const READ_EXECUTE = 5;
const RETURN = 0x7800_0010;
const HOST_FUNCTION = 0x7800_0020;
const FUEL = 0x7fff_ffff;
const FLAGS = [
  '-O2',
  '-mabi=ms',
  '-ffreestanding',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fno-tree-vectorize',
  '-fno-tree-loop-distribute-patterns',
  '-fcf-protection=none',
];

export interface Workloads {
  /** Nanoseconds per call on this processor. */
  readonly native: ReadonlyMap<string, number>;
  readonly image: Uint8Array;
  readonly symbols: ReadonlyMap<string, number>;
  /** Nanoseconds per call in Unicorn, plain and with hooks on memory; null where it is not installed. */
  readonly unicorn: ReadonlyMap<string, readonly [number, number]> | null;
}

function lines(text: string): string[][] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
}

export function buildWorkloads(): Workloads {
  const folder = mkdtempSync(join(tmpdir(), 'ndisbox-bench-'));
  const run = (command: string, ...parameters: string[]) =>
    execFileSync(command, parameters, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  run('gcc', ...FLAGS, '-c', `${SOURCES}workloads.c`, '-o', 'native.o');
  run('gcc', '-O2', `${SOURCES}native.c`, 'native.o', '-o', 'native');
  run('gcc', ...FLAGS, '-fPIE', '-c', `${SOURCES}workloads.c`, '-o', 'guest.o');
  run(
    'ld',
    '-pie',
    `-Ttext=0x${ORIGIN.toString(16)}`,
    '-e',
    '0',
    '--no-dynamic-linker',
    '-o',
    'guest.elf',
    'guest.o',
  );
  run('objcopy', '-O', 'binary', '-j', '.text', '-j', '.rodata', 'guest.elf', 'guest.bin');
  const symbols = new Map(
    lines(run('nm', 'guest.elf')).map(([at, , name]) => [name, Number.parseInt(at, 16)]),
  );
  const native = new Map(lines(run('./native')).map(([name, each]) => [name, Number(each)]));
  let unicorn: Map<string, readonly [number, number]> | null = null;
  try {
    run('gcc', '-O2', `${SOURCES}unicorn.c`, '-lunicorn', '-o', 'unicorn');
    const named = [...native.keys()].flatMap((name) => [name, String(symbols.get(name))]);
    const at = (name: string) => String(symbols.get(name));
    const out = run('./unicorn', 'guest.bin', String(ORIGIN), at('prepare'), at('repeat'), ...named);
    unicorn = new Map(lines(out).map(([name, plain, hooked]) => [name, [Number(plain), Number(hooked)]]));
  } catch {
    // Not installed: its columns are left out.
  }
  return { native, image: new Uint8Array(readFileSync(join(folder, 'guest.bin'))), symbols, unicorn };
}

/** A machine with nothing but the workloads in it. */
export class Guest {
  readonly memory: KernelMemory;
  readonly engine: Engine;
  readonly #symbols: ReadonlyMap<string, number>;

  constructor(workloads: Workloads, options: { translate: boolean; memorySafety: boolean }) {
    const { memorySafety } = options;
    this.memory = new KernelMemory(16 * 1024 * 1024, { memorySafety });
    this.#symbols = workloads.symbols;
    const pages = new Pages(this.memory);
    const shadow = memorySafety ? new Shadow(this.memory) : null;
    shadow?.follow(pages);
    pages.reserve(ORIGIN, 16, READ_EXECUTE);
    pages.reserve(DATA, 16, PAGE_READ_WRITE);
    pages.reserve(STACK - 0x8000, 8, PAGE_READ_WRITE);
    this.memory.u8.set(workloads.image, ORIGIN);
    const { i32 } = this.memory;
    this.engine = new Engine(
      this.memory,
      {
        call: (target) => {
          if (target !== HOST_FUNCTION) return 2;
          i32[(STATE_GENERAL + RAX * 8) >> 2] = 1;
          i32[((STATE_GENERAL + RAX * 8) >> 2) + 1] = 0;
          return 0;
        },
        readIrql: () => 0,
        writeIrql: () => 0,
        readPort: () => 0,
        writePort: () => {},
        translate: () => -1,
        readTimestamp: () => 0,
      },
      {
        pages,
        translate: options.translate,
        thresholds: { calls: 2, loops: 1000 },
        ...(shadow === null ? {} : { safety: shadow }),
      },
    );
    this.call('prepare');
    const size = this.memory.i32[(STATE_GENERAL + RAX * 8) >> 2];
    i32[(DATA + size - 8) >> 2] = HOST_FUNCTION;
    i32[(DATA + size - 4) >> 2] = KERNEL_WINDOW_HIGH;
  }

  /** Calls a function. @returns the instructions that it took. */
  call(name: string, second = 0, third = 0): number {
    const { i32 } = this.memory;
    const set = (at: number, low: number, high: number) => {
      i32[at >> 2] = low;
      i32[(at >> 2) + 1] = high;
    };
    const rsp = STACK - 0x108;
    set(STATE_GENERAL + RSP * 8, rsp, KERNEL_WINDOW_HIGH);
    set(rsp, RETURN, KERNEL_WINDOW_HIGH);
    set(STATE_GENERAL + RCX * 8, DATA, KERNEL_WINDOW_HIGH);
    set(STATE_GENERAL + RDX * 8, second, KERNEL_WINDOW_HIGH);
    set(STATE_GENERAL + R8 * 8, third, 0);
    set(STATE_RIP, this.#symbols.get(name) ?? 0, KERNEL_WINDOW_HIGH);
    i32[STATE_FUEL >> 2] = FUEL;
    const exit = this.engine.run();
    if (exit.kind !== 'stopped') throw new Error(`${name} ended with ${JSON.stringify(exit)}`);
    return FUEL - i32[STATE_FUEL >> 2];
  }

  repeat(name: string, times: number): number {
    return this.call('repeat', this.#symbols.get(name) ?? 0, times);
  }
}
