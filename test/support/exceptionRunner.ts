/**
 * Runs the functions of native/exceptions/exceptions.c on one strand: the engine and the smallest run loop that knows
 * exceptions.
 */

import { readFileSync } from 'node:fs';
import {
  type Activation,
  classifyFault,
  EXCEPTION_EXPORTS,
  ExceptionDispatcher,
  type ExceptionOutcome,
  type ExceptionStrand,
  HandlerReturn,
  MachineExportTarget,
  mapImage,
  parseImage,
  readRegisters,
  type StrandOrigin,
  setInstructionPointer,
  setStackPointer,
  Unwinder,
  writeRegisters,
} from '../../src/image/index.ts';
import { PASSIVE_LEVEL } from '../../src/kernel/index.ts';
import {
  type Address,
  KernelMemory,
  PAGE_NONE,
  PAGE_READ,
  PAGE_SIZE,
  Pages,
} from '../../src/memory/index.ts';
import {
  CALL_JUMP,
  CALL_STOP,
  type CallOutcome,
  Engine,
  type EngineHost,
  type EngineOptions,
  RAX,
  RCX,
  RDX,
  STATE_FUEL,
  STATE_GENERAL,
  STATE_MXCSR,
} from '../../src/x64/index.ts';

const FIXTURE = new URL('../../native/fixtures/exceptions.sys', import.meta.url);
const STACK_PAGES = 6;
/** An address that belongs to no program. */
export const USER: Argument = [0x1234_5678, 0x1a0];
/** A register's two halves. */
export type Argument = readonly [low: number, high: number];

/** A function of the host that raises a status, as ExRaiseStatus does. */
class Raise {}
class Back {}
/** Machine code does what no exception is about. */
export class AstrayError extends Error {}

/** One strand that runs the functions of the fixture. */
export class Runner implements EngineHost {
  readonly memory = new KernelMemory(0x40_0000);
  readonly dispatcher: ExceptionDispatcher;
  readonly engine: Engine;
  readonly strand: ExceptionStrand;
  irql = PASSIVE_LEVEL;
  /** Called whenever machine code has been left. */
  between: () => void = () => {};
  readonly #pages = new Pages(this.memory);
  readonly #image;
  readonly #back: Address;
  #outcome: ExceptionOutcome | 'returned' = 'returned';

  constructor(origin: StrandOrigin = 'thread', engine: Omit<EngineOptions, 'pages'> = {}) {
    const { memory } = this;
    const { callables } = memory;
    this.#back = callables.addressOf(new Back(), 'kernel');
    const raise = callables.addressOf(new Raise(), 'kernel');
    this.#image = mapImage(this.#pages, parseImage(new Uint8Array(readFileSync(FIXTURE)), 'exceptions.sys'), {
      resolve: (_dll, symbol) => {
        if (symbol === 'ExRaiseStatus') return raise;
        const run = EXCEPTION_EXPORTS.get(String(symbol));
        return run === undefined
          ? null
          : callables.addressOf(new MachineExportTarget(String(symbol), run), 'kernel');
      },
      random: () => 1,
    });
    const image = this.#image;
    const unwinder = new Unwinder(memory, { imageAt: (address) => (image.contains(address) ? image : null) });
    this.dispatcher = new ExceptionDispatcher(memory, unwinder);
    this.engine = new Engine(memory, this, { pages: this.#pages, ...engine });
    const guard = this.#pages.allocate(STACK_PAGES + 1, PAGE_NONE);
    const stackLow = guard + PAGE_SIZE;
    this.#pages.protect(stackLow, STACK_PAGES, 3);
    const activations: Activation[] = [];
    this.strand = {
      activations,
      stackLow,
      stackHigh: stackLow + STACK_PAGES * PAGE_SIZE,
      origin,
      hostFrame: (address) => (address === this.#back ? { kind: 'end', name: 'the test' } : null),
      report: () => null,
    };
  }

  /** Calls an exported function; the number that it returns, or what else became of it. */
  invoke(name: string, ...args: Argument[]): number | Exclude<ExceptionOutcome, { kind: 'run' }> {
    const { memory, strand } = this;
    const target = this.#image.find(name);
    if (typeof target !== 'number') throw new Error(`${name} is not exported`);
    for (const register of [3, 5, 6, 7, 12, 13, 14, 15])
      memory.u32[(STATE_GENERAL >> 2) + register * 2] = register;
    const registers = readRegisters(memory);
    const places = [RCX, RDX];
    for (const [index, [low, high]] of args.entries()) registers.set([low, high], places[index] * 2);
    const top = strand.stackHigh - 0x38;
    memory.writePointer(top, this.#back);
    setStackPointer(registers, top);
    setInstructionPointer(registers, target);
    memory.i32[STATE_MXCSR >> 2] = 0x1f80;
    writeRegisters(memory, registers);
    return this.#run();
  }

  #run(): number | Exclude<ExceptionOutcome, { kind: 'run' }> {
    const { memory } = this;
    for (let turns = 0; turns < 1000; turns++) {
      memory.i32[STATE_FUEL >> 2] = 1_000_000;
      const exit = this.engine.run();
      let outcome = this.#outcome;
      if (exit.kind === 'exception') {
        const registers = readRegisters(memory);
        const where = this.dispatcher.describe(registers);
        const { irql, strand } = this;
        const protection = (address: Address): number =>
          this.#pages.allows(address, 1, PAGE_READ) ? PAGE_READ : 0;
        const situation = { memory, irql, stackLow: strand.stackLow, protection };
        const fault = classifyFault(exit, registers, situation, where);
        if (fault === null) throw new AstrayError(`vector ${exit.vector}`);
        outcome =
          fault.kind === 'raise'
            ? this.dispatcher.raiseAt(strand, fault.exception, fault.text)
            : { ...fault, registers };
      } else if (exit.kind !== 'stopped') throw new AstrayError(exit.kind);
      this.between();
      if (outcome === 'returned') return memory.u32[(STATE_GENERAL + RAX * 8) >> 2];
      if (outcome.kind !== 'run') return outcome;
    }
    throw new AstrayError('the function does not end');
  }

  call(target: Address): CallOutcome {
    const value = this.memory.callables.valueAt(target);
    if (value instanceof Back) {
      this.#outcome = 'returned';
      return CALL_STOP;
    }
    if (value instanceof HandlerReturn) return this.#leave(this.dispatcher.returned(this.strand));
    if (value instanceof MachineExportTarget) return this.#leave(value.run(this.dispatcher, this.strand));
    if (!(value instanceof Raise)) throw new AstrayError(`a call of 0x${target.toString(16)}`);
    const code = this.memory.u32[(STATE_GENERAL + RCX * 8) >> 2];
    return this.#leave(this.dispatcher.raiseInCaller(this.strand, code, [], 'ExRaiseStatus'));
  }

  #leave(outcome: ExceptionOutcome): CallOutcome {
    this.between();
    this.#outcome = outcome;
    return outcome.kind === 'run' ? CALL_JUMP : CALL_STOP;
  }

  readTimestamp = (): number => 0;
  readIrql = (): number => this.irql;
  writeIrql = (): CallOutcome => CALL_JUMP;
  readPort = (): number => 0;
  writePort = (): void => {};
  translate = (): Address => -1;

  /** What the functions noted, in order. */
  get events(): number[] {
    const { u32 } = this.memory;
    const count = u32[this.symbol('eventCount') >> 2];
    const first = this.symbol('events') >> 2;
    return [...u32.subarray(first, first + count)];
  }

  symbol(name: string): Address {
    const found = this.#image.find(name);
    if (typeof found !== 'number') throw new Error(name);
    return found;
  }
}
