/**
 * A host with a virtual clock for one or more wires, for tests and small programs: time passes only when it is
 * told to.
 */

import { NEVER, type WireHost } from './wire.ts';
import type { WireError } from './wireError.ts';

/** A clock that several virtual hosts share. */
export class VirtualClock {
  /** Nanoseconds. */
  now = 0;
}

/** A host that notes what its wire says. */
export class VirtualWireHost implements WireHost {
  readonly epochNanoseconds: bigint;
  readonly clock: VirtualClock;
  /** When `receive` should be called next. */
  nextReadable = NEVER;
  /** How often `readable` and `writable` were called. */
  readableCount = 0;
  writableCount = 0;
  /** Every link change, in order. */
  readonly linkChanges: boolean[] = [];
  /** Every failure, in order. */
  readonly failures: WireError[] = [];
  /** Called by `readable`, if set. */
  onReadable: (() => void) | undefined;

  constructor(clock: VirtualClock = new VirtualClock(), epochNanoseconds = 0n) {
    this.clock = clock;
    this.epochNanoseconds = epochNanoseconds;
  }

  now(): number {
    return this.clock.now;
  }

  readableAt(nanoseconds: number): void {
    this.nextReadable = nanoseconds;
  }

  readable(): void {
    this.readableCount++;
    this.onReadable?.();
  }

  writable(): void {
    this.writableCount++;
  }

  linkChanged(up: boolean): void {
    this.linkChanges.push(up);
  }

  failed(error: WireError): void {
    this.failures.push(error);
  }
}
