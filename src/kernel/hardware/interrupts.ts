/**
 * Interrupts as the kernel delivers them: shared level-triggered lines and messages, each with its DIRQL, to processors
 * whose IRQL is lower. They are delivered where a driver calls the kernel, where the IRQL is lowered, where a slice of
 * machine code ends, and between two pieces of work; the seed chooses among these. Implements "Introduction to
 * Interrupt Service Routines" and "Using Interrupt Spin Locks" (windows-driver-docs-pr/kernel).
 */

import type { Driver } from '../driver.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import { HARDWARE_INTERRUPT_STORM } from '../generated/constants/bugCheck.ts';
import type { Irql } from '../irql.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import type { Processor } from '../thread.ts';

/** Times that a line may interrupt without having been released; then the machine stops, as Windows does. */
const STORM_LIMIT = 1000;

/** The spin lock of one or more interrupts: who holds it runs at their DIRQL, and none of them is serviced. */
export class InterruptLock {
  readonly irql: Irql;
  /** Who holds it; null while it is free. */
  holder: Processor | null = null;
  constructor(irql: Irql) {
    this.irql = irql;
  }
}

/** A connected interrupt service routine. */
export interface InterruptService {
  readonly driver: Driver;
  readonly lock: InterruptLock;
  /** Calls the routine; true when it says that its device interrupted. */
  readonly service: () => boolean;
}

/** Where interrupts come from: a line, or one message. */
export class InterruptSource {
  readonly name: string;
  readonly irql: Irql;
  readonly vector: number;
  /** Bit mask of the processors that it may interrupt. */
  affinity: bigint;
  readonly services: InterruptService[] = [];
  /** Devices that assert the line now; unused by messages. */
  readonly asserted = new Set<object>();
  /** A message was sent and not serviced. */
  sent = false;
  /** Services since the line was last released. */
  unreleased = 0;

  constructor(name: string, irql: Irql, vector: number, affinity: bigint) {
    this.name = name;
    this.irql = irql;
    this.vector = vector;
    this.affinity = affinity;
  }

  /** Whether it interrupts as soon as a processor lets it. */
  get pending(): boolean {
    return (this.sent || this.asserted.size > 0) && this.services.length > 0;
  }
}

export class Interrupts {
  readonly #kernel: Kernel;
  /** Those that may be pending, in the order in which they became so. */
  readonly #requests = new Set<InterruptSource>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.scheduler.deliverInterrupts = (by) => this.#point(by);
  }

  /** Connects a routine; later ones of a line are asked after it. */
  connect(source: InterruptSource, service: InterruptService): void {
    source.services.push(service);
    this.#look(source);
  }

  /** The routine is not called any more. */
  disconnect(source: InterruptSource, service: InterruptService): void {
    const index = source.services.indexOf(service);
    if (index >= 0) source.services.splice(index, 1);
    if (source.services.length === 0) source.sent = false;
    this.#look(source);
  }

  /** A device asserts or releases a line. */
  setLine(source: InterruptSource, device: object, asserted: boolean): void {
    if (asserted) source.asserted.add(device);
    else source.asserted.delete(device);
    if (source.asserted.size === 0) source.unreleased = 0;
    this.#look(source);
  }

  /** A device sent a message; one that was not serviced yet is the same interrupt. */
  send(source: InterruptSource): void {
    if (source.services.length === 0) return;
    source.sent = true;
    this.#look(source);
  }

  /**
   * Runs `action` on this processor at the DIRQL of `lock` with the lock held.
   * @returns null where the lock is held already by this processor: it would wait for itself for ever.
   */
  synchronize<R>(lock: InterruptLock, action: () => R): R | null {
    const { scheduler } = this.#kernel;
    const { processor } = scheduler;
    if (lock.holder !== null) return null;
    const irql = Math.max(processor.irql, lock.irql);
    lock.holder = processor;
    processor.spinLocksHeld++;
    try {
      return scheduler.runOn(processor, irql, action);
    } finally {
      processor.spinLocksHeld--;
      lock.holder = null;
    }
  }

  /** Services everything that the IRQL of some processor lets through, highest DIRQL first. */
  deliver(): void {
    const kernel = this.#kernel;
    while (kernel.stopReason === null) {
      const source = this.#next();
      if (source === null) break;
      const processor = this.#processorFor(source);
      if (processor === null) break;
      kernel.scheduler.runOn(processor, source.irql, () => this.#service(source));
    }
  }

  #point(by: 'chance' | 'certain' | 'loop'): void {
    const { scheduler, random } = this.#kernel;
    if (by === 'chance' && !random.chance(1, 2)) return;
    this.deliver();
    // Returning from an interrupt to below DISPATCH_LEVEL runs what it queued; the run loop does that by itself.
    const { processor } = scheduler;
    if (by !== 'loop' && processor.irql < DISPATCH_LEVEL && processor.dpcs.length > 0) scheduler.dpcs.drain();
  }

  #look(source: InterruptSource): void {
    if (source.pending) this.#requests.add(source);
    else this.#requests.delete(source);
    this.#kernel.scheduler.interruptsPending = this.#requests.size;
  }

  #next(): InterruptSource | null {
    let best: InterruptSource | null = null;
    for (const source of this.#requests) {
      if (best !== null && source.irql <= best.irql) continue;
      if (source.services.some(({ lock }) => lock.holder !== null)) continue;
      if (this.#candidates(source).length > 0) best = source;
    }
    return best;
  }

  #candidates(source: InterruptSource): Processor[] {
    return this.#kernel.scheduler.processors.filter(
      ({ number, irql }) => (source.affinity >> BigInt(number)) & 1n && irql < source.irql,
    );
  }

  #processorFor(source: InterruptSource): Processor | null {
    const candidates = this.#candidates(source);
    if (candidates.length <= 1) return candidates[0] ?? null;
    return candidates[this.#kernel.random.below(candidates.length)];
  }

  /** Calls the routines of a source at its DIRQL, those of a line until one says that the interrupt was its own. */
  #service(source: InterruptSource): void {
    const { sent } = source;
    source.sent = false;
    if (!sent && ++source.unreleased > STORM_LIMIT) return this.#storm(source);
    for (const { driver, lock, service } of source.services.slice()) {
      lock.holder = this.#kernel.scheduler.processor;
      lock.holder.spinLocksHeld++;
      let claimed = true;
      try {
        claimed = service();
      } catch (error) {
        this.#kernel.stopForError(error, `an interrupt service routine of ${driver.name}`);
      } finally {
        this.#kernel.scheduler.processor.spinLocksHeld--;
        lock.holder = null;
      }
      if (claimed || this.#kernel.stopReason !== null) break;
    }
    this.#look(source);
  }

  #storm(source: InterruptSource): void {
    const names = source.services.map(({ driver }) => driver.name).join(', ');
    try {
      this.#kernel.bugCheck(
        HARDWARE_INTERRUPT_STORM,
        [0, 0, 0, source.services.length > 1 ? 2 : 1],
        `${source.name} interrupted ${STORM_LIMIT} times and was never released; ` +
          `the interrupt service routine of ${names} has to dismiss the interrupt at its device`,
      );
    } catch (error) {
      this.#kernel.stopForError(error, source.name);
    }
  }
}

export const interruptsOf: (kernel: Kernel) => Interrupts = perKernel(
  'interrupts',
  (kernel) => new Interrupts(kernel),
);
