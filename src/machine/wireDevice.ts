/**
 * What a miniport has of the wire that the host attached to its adapter: the wire, and a DPC of the miniport's that
 * runs when something happened there, as after an interrupt of real hardware.
 */

import { insertQueueDpc, type Kernel, NdisboxError } from '../kernel/index.ts';
import type { Address } from '../memory/index.ts';
import { FrameBatch, NEVER, type Wire, WireError, type WireHost } from '../wire/index.ts';

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

/** What woke a sleeping device. */
export interface WokenBy {
  readonly frame: Uint8Array;
  /** What the filter said of it. */
  readonly pattern: number;
}

/** Says which pattern a frame matches, null where it is not to wake the device. */
export type WakeFilter = (frame: Uint8Array) => number | null;

/** Frames that a sleeping device looks at for one interrupt. */
const FRAMES_WHILE_ASLEEP = 1024;

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
  readonly #wakeAdapter: () => void;
  /** Set while the device sleeps. */
  #wakeFilter: WakeFilter | null = null;
  #wokenBy: WokenBy | null = null;
  #scratch: FrameBatch | null = null;

  /**
   * @param wake called when something came from outside while the machine may be idle.
   * @param wakeAdapter the wake-up signal of the hardware.
   */
  constructor(
    kernel: Kernel,
    wire: Wire,
    epochNanoseconds: bigint,
    wake: () => void,
    wakeAdapter: () => void = () => {},
  ) {
    this.#wakeAdapter = wakeAdapter;
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

  /**
   * The device sleeps: its DPC is not queued any more, and frames are gone, but for one that `filter` takes: that wakes
   * the adapter.
   */
  sleep(filter: WakeFilter): void {
    this.#wakeFilter = filter;
    this.#wokenBy = null;
  }

  /** The device is awake again. @returns what woke it, null where it was not a frame. */
  awake(): WokenBy | null {
    const woken = this.#wokenBy;
    this.#wakeFilter = null;
    this.#wokenBy = null;
    return woken;
  }

  /** Looks at the frames that are there, as sleeping hardware does. */
  #listen(filter: WakeFilter): void {
    const { maximumFrameSize } = this.wire.properties;
    const size = maximumFrameSize + 4;
    const batch = (this.#scratch ??= new FrameBatch(new Uint8Array(size), 1));
    for (let count = 0; count < FRAMES_WHILE_ASLEEP && this.#wokenBy === null; count++) {
      batch.offset[0] = 0;
      batch.size[0] = size;
      if (this.wire.receive(batch) === 0) return;
      const frame = batch.memory.slice(0, batch.length[0]);
      const pattern = filter(frame);
      if (pattern === null) continue;
      this.#wokenBy = { frame, pattern };
      this.#wakeAdapter();
    }
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
    if (this.#wakeFilter !== null && this.#present) return this.#listen(this.#wakeFilter);
    if (this.#dpc !== 0 && this.#kernel.stopReason === null) insertQueueDpc(this.#kernel, this.#dpc);
  }
}
