/**
 * What a miniport has of the wire that the host attached to its adapter: the wire, and a DPC of the miniport's that
 * runs when something happened there, as after an interrupt of real hardware.
 */

import { insertQueueDpc, type Kernel, NdisboxError } from '../kernel/index.ts';
import type { Address } from '../memory/index.ts';
import { NEVER, type Wire, WireError, type WireHost } from '../wire/index.ts';

/** Nanoseconds in a unit of machine time. */
const NANOSECONDS_PER_UNIT = 100;

/** What happened since the DPC looked last. */
export interface WireEvents {
  /** The link went up or down. */
  readonly linkChanged: boolean;
  /** The wire takes frames again. */
  readonly writable: boolean;
  /** The wire is dead, and why. */
  readonly failure: WireError | null;
}

/** A wire as a miniport sees it. */
export class WireDevice implements WireHost {
  readonly wire: Wire;
  readonly epochNanoseconds: bigint;
  readonly #kernel: Kernel;
  readonly #wake: () => void;
  #dpc: Address = 0;
  #timer = 0;
  #linkChanged = false;
  #writable = false;
  #failure: WireError | null = null;
  #open = false;
  #present = true;

  /** @param wake called when something came from outside while the machine may be idle. */
  constructor(kernel: Kernel, wire: Wire, epochNanoseconds: bigint, wake: () => void) {
    this.#kernel = kernel;
    this.wire = wire;
    this.epochNanoseconds = epochNanoseconds;
    this.#wake = wake;
  }

  /**
   * Opens the wire; from now on `dpc`, an initialized KDPC, is queued when something happens.
   * @throws WireError if the device cannot be had.
   */
  connect(dpc: Address): void {
    if (this.#open)
      throw new NdisboxError('WIRE_IN_USE', `${this.wire.name} is connected already; one adapter a wire`);
    this.#dpc = dpc;
    this.#open = true;
    this.wire.open(this);
  }

  /** Closes the wire; the DPC is not queued any more. */
  disconnect(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#dpc = 0;
    if (this.#timer !== 0) this.#kernel.clock.timers.cancel(this.#timer);
    this.#timer = 0;
    this.wire.close();
  }

  /** The hardware is gone: nothing comes from the wire any more, and nothing reaches it. */
  pullOut(): void {
    if (this.#timer !== 0) this.#kernel.clock.timers.cancel(this.#timer);
    this.#timer = 0;
    this.#present = false;
    this.#failure = new WireError(
      'DEVICE_VANISHED',
      `${this.wire.name}: the adapter was pulled out; remove the wire or add a new adapter`,
    );
    this.#interrupt();
  }

  /** Whether the hardware is there; a driver that reads otherwise leaves it alone. */
  get present(): boolean {
    return this.#present;
  }

  /** What happened since the last call. */
  takeEvents(): WireEvents {
    const events = { linkChanged: this.#linkChanged, writable: this.#writable, failure: this.#failure };
    this.#linkChanged = false;
    this.#writable = false;
    return events;
  }

  now(): number {
    return this.#kernel.clock.now * NANOSECONDS_PER_UNIT;
  }

  readableAt(nanoseconds: number): void {
    const { timers } = this.#kernel.clock;
    if (this.#timer !== 0) timers.cancel(this.#timer);
    this.#timer = 0;
    if (nanoseconds === NEVER || !this.#open) return;
    const due = Math.max(Math.ceil(nanoseconds / NANOSECONDS_PER_UNIT), this.#kernel.clock.now);
    this.#timer = timers.add(due, {
      kind: 'host',
      run: () => {
        this.#timer = 0;
        this.#interrupt();
      },
    });
  }

  readable(): void {
    this.#interrupt();
    this.#wake();
  }

  writable(): void {
    this.#writable = true;
    this.#interrupt();
    this.#wake();
  }

  linkChanged(): void {
    this.#linkChanged = true;
    this.readableAt(this.now());
    this.#wake();
  }

  failed(error: WireError): void {
    this.#failure = error;
    this.readableAt(this.now());
    this.#wake();
  }

  #interrupt(): void {
    if (this.#dpc !== 0 && this.#kernel.stopReason === null) insertQueueDpc(this.#kernel, this.#dpc);
  }
}
