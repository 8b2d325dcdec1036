/**
 * DPCs as the run loop sees them: one queue for each logical processor, run at DISPATCH_LEVEL, one at a time.
 * Implements "Introduction to DPC Objects" (windows-driver-docs-pr/kernel) for the scheduler.
 */

import type { Address } from '../memory/index.ts';
import { NdisboxError } from './errors.ts';
import { DISPATCH_LEVEL } from './generated/constants/basic.ts';
import type { Kernel } from './kernel.ts';
import type { Processor } from './thread.ts';

/** DPCs that may wait in the queue of one processor; each KDPC is queued once, so a driver needs as many KDPCs. */
const DPC_QUEUE_LIMIT = 65_536;
/** DPCs that one processor may run before a thread runs or time goes on. */
const DPC_CHAIN_LIMIT = 1_000_000;
/** Bug check of a processor that stays at DISPATCH_LEVEL too long (bug check reference). */
export const DPC_WATCHDOG_VIOLATION = 0x133;

export class DpcQueues {
  #current: Processor;
  /** Busy time of the machine when `#current` began to run. */
  #began = 0;
  readonly #kernel: Kernel;
  readonly #processors: readonly Processor[];
  /** Machine time when the chain of DPCs that the watchdog counts began. */
  #chainBegan = -1;

  constructor(kernel: Kernel, processors: readonly Processor[]) {
    this.#kernel = kernel;
    this.#processors = processors;
    this.#current = processors[0];
  }

  /** The processor that runs now. */
  get current(): Processor {
    return this.#current;
  }

  set current(next: Processor) {
    if (next === this.#current) return;
    const { busy } = this.#kernel.clock;
    this.#current.busyTime += busy - this.#began;
    this.#began = busy;
    this.#current = next;
  }

  /** How long a processor ran, in units of 100 ns. */
  busyTime(processor: Processor): number {
    const running = processor === this.#current ? this.#kernel.clock.busy - this.#began : 0;
    return processor.busyTime + running;
  }

  /**
   * Queues a DPC on a processor; the caller did the bookkeeping in the KDPC.
   * @throws NdisboxError DPC_QUEUE_FULL at DPC_QUEUE_LIMIT.
   */
  queue(address: Address, processor: number, first: boolean): void {
    const queue = this.#processors[processor].dpcs;
    if (queue.length >= DPC_QUEUE_LIMIT) {
      throw new NdisboxError(
        'DPC_QUEUE_FULL',
        `${DPC_QUEUE_LIMIT} DPCs wait on processor ${processor}; let it run below DISPATCH_LEVEL or use fewer KDPCs`,
      );
    }
    if (first) queue.unshift(address);
    else queue.push(address);
  }

  /** Runs the DPCs of the current processor; called where its IRQL drops below DISPATCH_LEVEL. */
  drain(): void {
    const processor = this.current;
    while (processor.irql < DISPATCH_LEVEL && processor.dpcs.length > 0 && !processor.dpcActive) {
      this.#runOn(processor);
      // The driver that lowered the IRQL must not go on in a stopped machine.
      if (this.#kernel.stopReason !== null) this.#kernel.refuse();
    }
  }

  /** Takes a DPC out of the queue of a processor; false if it is not there. */
  remove(address: Address, processor: number): boolean {
    const queue = this.#processors[processor].dpcs;
    const index = queue.indexOf(address);
    if (index < 0) return false;
    queue.splice(index, 1);
    return true;
  }

  /** Runs every DPC that is queued now, on all processors, before it returns. The caller runs below DISPATCH_LEVEL. */
  flush(): void {
    const caller = this.current;
    for (const processor of this.#processors) {
      const queued = new Set(processor.dpcs);
      for (const address of queued) {
        if (
          processor.dpcActive ||
          processor.irql >= DISPATCH_LEVEL ||
          !this.remove(address, processor.number)
        )
          continue;
        processor.dpcs.unshift(address);
        this.current = processor;
        this.#runOn(processor);
        this.current = caller;
        if (this.#kernel.stopReason !== null) this.#kernel.refuse();
      }
    }
  }

  /**
   * A place where another processor may run: called by the seam at the DDI calls of TypeScript code. Runs one DPC of
   * another processor to completion, nested, when the seed says so and the caller holds no spin lock.
   */
  preemptionPoint(): void {
    if (this.#processors.length === 1 || this.current.spinLocksHeld > 0) return;
    for (const other of this.#processors) {
      if (
        other === this.current ||
        other.dpcActive ||
        other.irql >= DISPATCH_LEVEL ||
        other.dpcs.length === 0
      )
        continue;
      if (!this.#kernel.random.chance(1, 2)) continue;
      const interrupted = this.current;
      this.current = other;
      this.#runOn(other);
      this.current = interrupted;
      return;
    }
  }

  /** Runs one queued DPC of a processor that may run one, by the seed; false when there is none. */
  runOne(): boolean {
    const candidates = this.#processors.filter(
      (p) => p.dpcs.length > 0 && !p.dpcActive && p.irql < DISPATCH_LEVEL,
    );
    if (candidates.length === 0) return false;
    const chosen =
      candidates.length === 1 ? candidates[0] : candidates[this.#kernel.random.below(candidates.length)];
    this.current = chosen;
    this.#runOn(chosen);
    return true;
  }

  #runOn(processor: Processor): void {
    const address = processor.dpcs.shift();
    if (address === undefined) return;
    const before = processor.irql;
    processor.irql = DISPATCH_LEVEL;
    processor.dpcActive = true;
    try {
      if (++processor.dpcChain > DPC_CHAIN_LIMIT) this.#reportDpcChain(processor, address);
      this.#kernel.runDpc(address);
    } catch (error) {
      this.#kernel.stopForError(error, `a DPC on processor ${processor.number}`);
    }
    processor.dpcActive = false;
    processor.irql = before;
  }

  /** Counts from 0 again if time went on since the chain began, else stops the machine. */
  #reportDpcChain(processor: Processor, address: Address): void {
    const { now } = this.#kernel.clock;
    processor.dpcChain = 0;
    if (now !== this.#chainBegan) {
      this.#chainBegan = now;
      return;
    }
    this.#kernel.bugCheck(
      DPC_WATCHDOG_VIOLATION,
      [1, DPC_CHAIN_LIMIT, DPC_CHAIN_LIMIT, address],
      `processor ${processor.number} ran ${DPC_CHAIN_LIMIT} DPCs in a row while no time passed; ` +
        `a DPC (now 0x${address.toString(16)}) queues itself for ever`,
    );
  }
}
