/**
 * Machine code of one machine as the kernel sees it: calls into compiled drivers and out of them, waits, suspension
 * and splitting. Implements docs/decisions/0001-control-passing.md: a call into machine code is a handler like any
 * other, which returns its result or, where it waits, a promise of it.
 */

import {
  type AnyFunction,
  APC_LEVEL,
  type CallbackDeclaration,
  DISPATCH_LEVEL,
  type Driver,
  type DriverCallback,
  type Kernel,
  LibraryObject,
  lowerIrql,
  type MachineCodeHandlers,
  type MachineCodeReport,
  MustSplitError,
  NdisboxError,
  PAGE_FAULT_IN_NONPAGED_AREA,
  pagesOf,
  preempt,
  procedure,
  RaisedStatusError,
  raiseIrql,
  shadowOf,
  UNEXPECTED_KERNEL_MODE_TRAP,
} from '../kernel/index.ts';
import {
  type Address,
  CALLABLE_RANGE_START,
  FIRST_MAPPED_ADDRESS,
  highHalfOf,
  isOpaque,
  KERNEL_WINDOW_HIGH,
  lowHalfOf,
  OBJECT_RANGE_START,
  PAGE_EXECUTE,
} from '../memory/index.ts';
import {
  type Access,
  CALL_RETURN,
  CALL_STOP,
  type CallOutcome,
  type EngineHost,
  type Exit,
  STATE_FLAGS,
  STATE_FUEL,
  STATE_GS_BASE,
  STATE_MXCSR,
  STATE_RIP,
} from '../x64/index.ts';
import { type CallGuard, GuardFunction } from './callGuard.ts';
import { Convention } from './convention.ts';
import { engineFault } from './engineFaults.ts';
import { type Entry, gathered } from './entry.ts';
import { GuestTime } from './guestTime.ts';
import { describeViolation } from './memorySafety.ts';
import { SpinGuard } from './spinGuard.ts';
import { type Leave, type Strand, StrandPool } from './strand.ts';
import { StrandExceptions } from './strandExceptions.ts';
import { HostFunction, plainFunction } from './thunks.ts';
import type { MappedImages } from './unwind/index.ts';
import { parameterKinds, type ValueKind, valueKind } from './valueKinds.ts';

/** Runs machine code from the registers in memory. */
export interface CodeEngine {
  run(): Exit;
  /** The same, where the function at rip has just been called. */
  runCall(): Exit;
}

/** What the machine supplies: everything that is no business of control. */
export interface MachineCodeParts {
  readonly kernel: Kernel;
  readonly createEngine: (host: EngineHost) => CodeEngine;
  readonly translate: EngineHost['translate'];
  /** Address of the KPCR of a processor. */
  readonly kpcr: (processor: number) => Address;
  /** Mapped images, whose data tells how their functions are unwound; none where it is left out. */
  readonly images?: MappedImages;
  readonly ports?: Pick<EngineHost, 'readPort' | 'writePort'>;
  /** Writes to registers of devices, which take effect before the code does anything else that others see. */
  readonly posted?: { readonly waiting: boolean; flush(): void };
  /** Instructions without a call of the host after which a loop counts as endless; default two thousand million. */
  readonly spinLimit?: number | undefined;
  /** Control-flow guard, where it is enforced. */
  readonly guard?: CallGuard | null;
}

/** With `exploreAccesses`, one in so many accesses to memory that others may see lets another processor run first. */
const ACCESSES_PER_PREEMPTION = 16;
/** Places of a call stack that the pool keeps for each block. */
const STACK_TEXT_FRAMES = 6;
const WORD_FUEL = STATE_FUEL >> 2;
const WORD_RIP = STATE_RIP >> 2;
/** The vector of a violation of memory safety; see `ProcessorException`. */
const MEMORY_SAFETY = 0x101;
/** Deepest nesting of functions of the host and machine code; each level takes part of the host's own stack. */
const NESTING_LIMIT = 200;
const DEFAULT_FLAGS = 0x202;
const DEFAULT_MXCSR = 0x1f80;

/** The value behind the callable address to which the outermost function of an activation returns. */
class ReturnMark {}

export class MachineCode implements EngineHost, MachineCodeHandlers {
  readonly kernel: Kernel;
  readonly convention: Convention;
  /** Structured exceptions, and the exports for them. */
  readonly exceptions: StrandExceptions;
  readonly #parts: MachineCodeParts;
  readonly #engine: CodeEngine;
  readonly #strands: StrandPool;
  readonly #back: Address;
  /** The strand whose registers are in memory. */
  #current: Strand | null = null;
  #depth = 0;
  /** Why `call` stopped the engine. */
  #leave: Leave = 'returned';
  /** What the strand that stopped waits for. */
  #awaited: Promise<unknown> | null = null;
  #awaitedResult: ValueKind = 'none';
  readonly #time: GuestTime;
  readonly #spinning: SpinGuard;
  /** Machine code has just called, and nothing else has since. */
  #calling = false;
  readonly #plain = new WeakMap<AnyFunction, HostFunction>();

  constructor(parts: MachineCodeParts) {
    this.#parts = parts;
    this.kernel = parts.kernel;
    this.convention = new Convention(parts.kernel.memory);
    this.#engine = parts.createEngine(this);
    this.#strands = new StrandPool(parts.kernel.memory, pagesOf(parts.kernel), shadowOf(parts.kernel));
    this.#back = parts.kernel.memory.callables.addressOf(new ReturnMark(), 'kernel');
    this.#time = new GuestTime(parts.kernel);
    this.#spinning = new SpinGuard(parts.kernel, parts.spinLimit, () => this.#whereNow());
    this.exceptions = new StrandExceptions(parts.kernel, parts.images ?? { imageAt: () => null }, this.#back);
  }

  /** The strand that runs, innermost; null outside of machine code. */
  get current(): Strand | null {
    return this.#current;
  }

  /** A handler that runs the machine code at `address`, with the numbers that the library passes. */
  handlerAt(driver: Driver, address: Address, declaration: CallbackDeclaration<unknown>): AnyFunction | null {
    if (!this.#leadsToCode(address)) return null;
    const kinds = parameterKinds(declaration.parsed);
    const result = valueKind(declaration.parsed.returns);
    const name = `${declaration.role} of ${driver.name}`;
    const entry: Entry = { address, kinds, result, name, driver, declaration };
    if (declaration.waits !== 'never') {
      return gathered(kinds.length, (args) => this.#enterWaiting(entry, args));
    }
    const { onWait } = declaration;
    if (onWait === 'raise') return gathered(kinds.length, (args) => this.#enterRaised(entry, args));
    if (typeof onWait === 'string') return gathered(kinds.length, (args) => this.#enter(entry, args, true));
    return gathered(kinds.length, (args) =>
      onWait(args) === 'raise' ? this.#enterRaised(entry, args) : this.#enter(entry, args, true),
    );
  }

  /** What TypeScript registered is none of ours; a wild address is jumped to, and faults there as it would on Windows. */
  #leadsToCode(address: Address): boolean {
    if (address < OBJECT_RANGE_START) return address !== 0;
    const { callables, objects } = this.kernel.memory;
    const held = objects.valueAt(address);
    const ofTypeScript = held !== undefined && !(held instanceof LibraryObject);
    return typeof callables.valueAt(address) !== 'function' && !ofTypeScript;
  }

  /** Whether an address lies in a page with machine code. */
  isCode(address: Address): boolean {
    return pagesOf(this.kernel).allows(address, 1, PAGE_EXECUTE);
  }

  #enterWaiting(entry: Entry, args: readonly unknown[]): unknown {
    // A handler that may wait is called by the run loop, which can wait for it, or by nobody.
    return this.#enter(entry, args, this.#current !== null);
  }

  /** Nobody can wait for the handler, and what it was given is taken back when it returns: it runs at DISPATCH_LEVEL. */
  #enterRaised(entry: Entry, args: readonly unknown[]): unknown {
    const { kernel } = this;
    if (kernel.irql >= DISPATCH_LEVEL) return this.#enter(entry, args, true);
    const before = raiseIrql(kernel, DISPATCH_LEVEL);
    let result: unknown;
    try {
      result = this.#enter(entry, args, true);
    } catch (error) {
      // The driver knows nothing of this level, so an exception that leaves it must not keep it.
      if (error instanceof RaisedStatusError) lowerIrql(kernel, before);
      throw error;
    }
    lowerIrql(kernel, before);
    return result;
  }

  /** Calls machine code. Gives its result, or a promise of it where it waits and the caller can. */
  #enter(entry: Entry, args: readonly unknown[], synchronous: boolean): unknown {
    const { kernel } = this;
    if (kernel.stopReason !== null && !kernel.stopping) kernel.refuse();
    this.#calling = false;
    if (this.#depth >= NESTING_LIMIT) this.#tooDeep(entry);
    const outer = this.#current;
    // At DISPATCH_LEVEL nothing can be suspended, so the callee uses the stack of its caller.
    if (outer !== null && kernel.irql >= DISPATCH_LEVEL) return this.#enterSameStack(outer, entry, args);
    const strand = this.#takeStrand(entry);
    if (outer !== null) this.#strands.save(outer);
    strand.synchronous = synchronous;
    strand.below = outer;
    strand.name = entry.name;
    strand.spinning = 0;
    strand.holding = 0;
    strand.raisedSince = -1;
    // The seam has counted the handler already where it counts it.
    const counted = !entry.declaration.hot && entry.declaration.waits === 'never' ? 1 : 0;
    strand.handlersBelow = Math.max(0, kernel.synchronousDepth - counted);
    strand.ownHandlers = counted + (synchronous ? 1 : 0);
    this.#prepareState();
    this.#current = strand;
    this.convention.enter(strand.stackHigh, this.#back, entry.kinds, args);
    this.#jump(entry.address);
    this.#depth++;
    if (synchronous) kernel.synchronousDepth++;
    let result: unknown;
    try {
      result = this.#runStrand(strand, entry);
    } catch (error) {
      if (error instanceof RaisedStatusError) this.#strands.give(strand);
      throw error;
    } finally {
      this.#depth--;
      if (synchronous) kernel.synchronousDepth--;
      this.#current = outer;
      if (outer !== null) this.#resumeOuter(outer);
    }
    if (outer === null) kernel.scheduler.driveDeferred();
    return result;
  }

  #enterSameStack(outer: Strand, entry: Entry, args: readonly unknown[]): unknown {
    const { convention } = this;
    const { i32 } = this.kernel.memory;
    const stack = convention.stackPointer;
    const ripLow = i32[WORD_RIP];
    const synchronous = outer.synchronous;
    outer.synchronous = true;
    convention.enter(stack, this.#back, entry.kinds, args);
    outer.nested.push({ name: entry.name, end: convention.stackPointer + 8, stack });
    this.#jump(entry.address);
    this.#depth++;
    try {
      const left = this.#run(outer, true);
      if (left !== 'returned') throw this.#cannotSplit(entry);
      return convention.result(entry.result);
    } finally {
      this.#depth--;
      outer.nested.pop();
      outer.synchronous = synchronous;
      convention.stackPointer = stack;
      this.#jump(ripLow);
    }
  }

  #resumeOuter(outer: Strand): void {
    const fuel = this.kernel.memory.i32[WORD_FUEL];
    this.#strands.restore(outer);
    // Fuel belongs to the processor's slice, not to the strand.
    this.kernel.memory.i32[WORD_FUEL] = fuel;
  }

  #takeStrand(entry: Entry): Strand {
    const strand = this.#strands.take();
    if (strand !== null) return strand;
    return this.#tooDeep(entry);
  }

  #tooDeep(entry: Entry): never {
    return this.kernel.bugCheck(
      UNEXPECTED_KERNEL_MODE_TRAP,
      [8, 0, 0, 0],
      `the kernel stack is used up at ${entry.name}: drivers call one another without end; return before calling again`,
    );
  }

  /** Registers of a new activation. */
  #prepareState(): void {
    const { memory } = this.kernel;
    memory.i32[STATE_FLAGS >> 2] = DEFAULT_FLAGS;
    memory.i32[STATE_MXCSR >> 2] = DEFAULT_MXCSR;
    this.#setProcessor();
    if (this.#current === null) this.#time.refuel();
  }

  /** gs: is the KPCR of the processor that runs. */
  #setProcessor(): void {
    const { memory, scheduler } = this.kernel;
    memory.i32[STATE_GS_BASE >> 2] = this.#parts.kpcr(scheduler.processor.number);
    memory.i32[(STATE_GS_BASE >> 2) + 1] = KERNEL_WINDOW_HIGH;
  }

  #jump(address: Address): void {
    const { memory } = this.kernel;
    const wild = address < FIRST_MAPPED_ADDRESS || isOpaque(address);
    memory.i32[WORD_RIP] = wild ? lowHalfOf(memory, address) : address;
    memory.i32[WORD_RIP + 1] = wild ? highHalfOf(memory, address) : KERNEL_WINDOW_HIGH;
  }

  /** Runs a strand from its registers to the end of its activation, or until it has to wait. */
  #runStrand(strand: Strand, entry: Entry): unknown {
    const left = this.#run(strand, true);
    if (left === 'returned') {
      const result = this.convention.result(entry.result);
      this.#strands.give(strand);
      return result;
    }
    if (left === 'ended') {
      this.#strands.give(strand);
      return new Promise(() => {});
    }
    if (left === 'split') {
      this.#strands.save(strand);
      return this.#split(strand, entry);
    }
    return new Promise<number | bigint>((resolve, reject) => {
      strand.settle = resolve;
      strand.fail = reject;
      this.#suspend(strand, entry);
    });
  }

  /** Keeps a strand that has to wait; it goes on when what it waits for is over. */
  #suspend(strand: Strand, entry: Entry): void {
    this.#strands.save(strand);
    const awaited = this.#awaited ?? Promise.resolve(0);
    const kind = this.#awaitedResult;
    this.#awaited = null;
    awaited.then(
      (value: unknown) => this.#continue(strand, entry, () => this.#finishCall(kind, value)),
      (error: unknown) =>
        this.#continue(strand, entry, () => {
          if (!(error instanceof RaisedStatusError)) throw error;
          this.exceptions.raise(strand, error);
        }),
    );
  }

  /** Goes on with a strand whose wait is over; `prepare` changes its registers first. */
  #continue(strand: Strand, entry: Entry, prepare: () => void): void {
    const { settle, fail } = strand;
    if (settle === null || fail === null) return;
    try {
      this.#strands.restore(strand);
      this.#current = strand;
      this.#setProcessor();
      this.#time.refuel();
      prepare();
      const left = this.#run(strand);
      if (left === 'returned') {
        const result = this.convention.result(entry.result);
        this.#strands.give(strand);
        settle(result);
        return;
      }
      if (left === 'ended') return this.#strands.give(strand);
      this.#suspend(strand, entry);
    } catch (error) {
      if (error instanceof RaisedStatusError) this.#strands.give(strand);
      fail(error);
    } finally {
      this.#current = null;
    }
    this.kernel.scheduler.driveDeferred();
  }

  /** The import that waited is over: back to its caller in machine code. */
  #finishCall(kind: ValueKind, value: unknown): void {
    const { convention } = this;
    const { i32 } = this.kernel.memory;
    if (kind === 'none') return;
    convention.setResult(kind, value);
    const stack = convention.stackPointer;
    i32[WORD_RIP] = i32[stack >> 2];
    i32[WORD_RIP + 1] = i32[(stack >> 2) + 1];
    convention.stackPointer = stack + 8;
  }

  /** Runs the engine until the activation is over or has to wait. */
  #run(strand: Strand, called = false): Leave {
    for (;;) {
      let exit: Exit;
      try {
        exit = called ? this.#engine.runCall() : this.#engine.run();
        called = false;
      } catch (error) {
        if (!(error instanceof RaisedStatusError)) throw error;
        this.exceptions.raise(strand, error);
        continue;
      }
      this.#settleWrites();
      this.#time.pass();
      switch (exit.kind) {
        case 'stopped':
          this.exceptions.stopped();
          return this.#leave;
        case 'fuel': {
          this.#spinning.check(strand, this.#time.slice);
          this.#time.refuel();
          const left = this.#letOthersRun(strand);
          if (left !== null) return left;
          break;
        }
        case 'preemption': {
          const left = this.#letOthersRun(strand);
          if (left !== null) return left;
          break;
        }
        case 'exception':
          if (!this.exceptions.fault(strand, exit)) this.#exception(strand, exit);
      }
    }
  }

  /** Other work gets its turn. A strand that cannot be suspended goes on after it. */
  #letOthersRun(strand: Strand): 'waiting' | null {
    const { kernel } = this;
    if (kernel.irql <= APC_LEVEL && !strand.synchronous && kernel.scheduler.thread !== null) {
      this.#awaited = kernel.scheduler.deferring(() => kernel.scheduler.execute(preempt, kernel, {}));
      this.#awaitedResult = 'none';
      return 'waiting';
    }
    this.#strands.save(strand);
    if (kernel.scheduler.interruptsPending > 0) kernel.scheduler.deliverInterrupts('certain');
    kernel.scheduler.dpcs.preemptionPoint();
    this.#resumeOuter(strand);
    return null;
  }

  /** Where machine code is, for people; where it is about to call the host, the place of the call too. */
  #whereNow(): string {
    const { i32, callables } = this.kernel.memory;
    const rip = i32[WORD_RIP];
    const target = rip >= CALLABLE_RANGE_START ? callables.valueAt(rip) : undefined;
    if (!(target instanceof HostFunction)) return this.describe(rip);
    return `the call of ${target.name} before ${this.describe(i32[this.convention.stackPointer >> 2])}`;
  }

  /** Names an address; replaced by the loader, which knows the images. */
  describe: (address: Address) => string = (address) => `0x${address.toString(16)}`;

  /**
   * A strand under a host function that cannot wait has to wait: it becomes a thread of its own, and its caller goes on
   * as if the driver had queued the work.
   */
  #split(strand: Strand, entry: Entry): unknown {
    const { kernel } = this;
    if (entry.declaration.onWait === 'refuse') throw this.#cannotSplit(entry);
    kernel.note(
      'split',
      `${entry.name} waits, and its caller cannot wait for it: it goes on as a thread of its own, as if the driver had queued it`,
    );
    strand.synchronous = false;
    strand.below = null;
    strand.handlersBelow = 0;
    strand.ownHandlers = 0;
    const callback: DriverCallback = {
      declaration: { ...entry.declaration, waits: 'depends' } as CallbackDeclaration<never>,
      driver: entry.driver,
      address: entry.address,
      invoke: () =>
        new Promise<number | bigint>((resolve, reject) => {
          strand.settle = resolve;
          strand.fail = reject;
          this.#continue(strand, entry, () => {});
        }),
    };
    kernel.scheduler.createThread(`split ${entry.name}`, splitThread, null, { callback });
    return 0;
  }

  #cannotSplit(entry: Entry): NdisboxError {
    return new NdisboxError(
      'WAIT_IN_CALL',
      `${entry.name} waits, but it has to return before its caller can go on; call it from a work item`,
    );
  }

  /**
   * Exploration: whether another processor runs before an instruction touches memory that others may see.
   * @param low half of the address. @param locked the instruction is atomic.
   */
  preemptBefore(low: Address, locked: boolean): boolean {
    const strand = this.#current;
    if (strand === null) return false;
    if (!locked && low >= strand.stackLow && low < strand.stackHigh) return false;
    return this.kernel.random.chance(1, ACCESSES_PER_PREEMPTION);
  }

  // What follows is what machine code reaches: see EngineHost.

  #settleWrites(): void {
    const { posted } = this.#parts;
    if (posted?.waiting === true) posted.flush();
  }

  call(target: Address): CallOutcome {
    this.#settleWrites();
    this.#time.pass();
    const value = this.kernel.memory.callables.valueAt(target);
    if (value instanceof HostFunction) return this.#callHost(value);
    if (value instanceof ReturnMark) {
      this.#leave = 'returned';
      return CALL_STOP;
    }
    if (typeof value === 'function') return this.#callHost(this.#plainFunction(value as AnyFunction));
    if (value instanceof GuardFunction && this.#parts.guard)
      return this.#parts.guard.run(value, this.#current?.name ?? 'machine code');
    const outcome = this.#current === null ? null : this.exceptions.call(this.#current, value);
    if (outcome !== null) return outcome;
    return this.#nowhere(target);
  }

  #callHost(target: HostFunction): CallOutcome {
    const strand = this.#current;
    if (strand !== null) strand.spinning = 0;
    if (target.waits && strand !== null) return this.#callWaiting(strand, target);
    this.#calling = true;
    this.convention.setResult(target.result, target.call());
    this.#calling = false;
    return CALL_RETURN;
  }

  #callWaiting(strand: Strand, target: HostFunction): CallOutcome {
    const { scheduler } = this.kernel;
    let value: unknown;
    this.#calling = true;
    if (strand.synchronous) {
      scheduler.mustNotWait++;
      try {
        value = target.call();
      } catch (error) {
        if (!(error instanceof MustSplitError)) throw error;
        this.#leave = 'split';
        return CALL_STOP;
      } finally {
        scheduler.mustNotWait--;
      }
    } else value = scheduler.deferring(() => target.call());
    if (!(value instanceof Promise)) {
      this.convention.setResult(target.result, value);
      return CALL_RETURN;
    }
    if (scheduler.thread?.state === 'terminated') {
      this.#leave = 'ended';
      return CALL_STOP;
    }
    if (strand.synchronous) {
      throw new NdisboxError('INTERNAL', `${target.name} gave a promise where its caller cannot wait for it`);
    }
    this.#awaited = value;
    this.#awaitedResult = target.result === 'none' ? 'u32' : target.result;
    this.#leave = 'waiting';
    return CALL_STOP;
  }

  #plainFunction(call: AnyFunction): HostFunction {
    let known = this.#plain.get(call);
    if (known === undefined) {
      known = plainFunction(call.name === '' ? 'a function of the host' : call.name, call, this.convention);
      this.#plain.set(call, known);
    }
    return known;
  }

  caller(): string | undefined {
    if (!this.#calling) return undefined;
    this.#calling = false;
    const back = this.kernel.memory.i32[this.convention.stackPointer >> 2];
    // After a tail call the function of the host returns to whoever called the machine code.
    return this.isCode(back) ? this.describe(back) : undefined;
  }

  stackText(): string {
    return this.#current === null ? '' : this.exceptions.stackText(this.#current, STACK_TEXT_FRAMES);
  }

  readIrql(): number {
    return this.kernel.irql;
  }

  writeIrql(irql: number): CallOutcome {
    this.#settleWrites();
    const { kernel } = this;
    if (irql >= kernel.irql) raiseIrql(kernel, irql);
    else lowerIrql(kernel, irql);
    return CALL_RETURN;
  }

  readPort(port: number, size: 1 | 2 | 4): number {
    this.#settleWrites();
    // A port without a device: the bus floats.
    return this.#parts.ports?.readPort(port, size) ?? (size === 4 ? 0xffff_ffff : (1 << (8 * size)) - 1);
  }

  writePort(port: number, size: 1 | 2 | 4, value: number): void {
    this.#settleWrites();
    this.#parts.ports?.writePort(port, size, value);
  }

  /** One tick an instruction, in step with machine time. */
  readTimestamp(): number {
    return this.#time.timestamp();
  }

  translate(low: number, high: number, size: number, access: Access): Address {
    return this.#parts.translate(low, high, size, access);
  }

  #nowhere(target: Address): CallOutcome {
    const { callables } = this.kernel.memory;
    const stale = callables.isStale(target) ? ', a function that was released,' : '';
    return this.kernel.bugCheck(
      PAGE_FAULT_IN_NONPAGED_AREA,
      [target, 8, target, 2],
      `${this.#current?.name ?? 'machine code'} called 0x${target.toString(16)}${stale} where no function is`,
    );
  }

  /** Where machine code is, for a dump. */
  report(): MachineCodeReport | null {
    return this.exceptions.report(this.#current);
  }

  /** An exit of the engine that is no exception of Windows. */
  #exception(strand: Strand, exit: Exit & { readonly kind: 'exception' }): void {
    const { kernel } = this;
    const rip = kernel.memory.i32[WORD_RIP];
    const shadow = shadowOf(kernel);
    if (shadow !== null && exit.vector === MEMORY_SAFETY) {
      const nameOf = (address: Address) => this.describe(address);
      const violation = describeViolation(kernel, shadow, exit, rip, this.describe(rip), nameOf);
      kernel.bugCheck(violation.code, violation.parameters, `${strand.name}: ${violation.text}`);
    }
    const { code, parameters, text } = engineFault(exit, {
      rip,
      where: this.describe(rip),
      executable: this.isCode(rip),
      inImage: this.#parts.images === undefined || this.#parts.images.imageAt(rip) !== null,
    });
    kernel.bugCheck(code, parameters, `${strand.name}: ${text}`);
  }
}

const splitThread = procedure<null, { readonly callback: DriverCallback }>('SplitThread', {
  start: (_context, locals, step) => step.call('over', locals.callback),
  over: (_context, _locals, step, result) => step.done(result),
});
