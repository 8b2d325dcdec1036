/**
 * A decorator that breaks a wire on purpose: frames are lost, doubled, damaged, cut, held back or refused, in
 * either direction, as a seed decides.
 */

import { FrameBatch, OUTCOME_LINK_DOWN, OUTCOME_QUEUE_FULL, OUTCOME_SENT } from './frameBatch.ts';
import { FrameQueue } from './frameQueue.ts';
import { Random } from './random.ts';
import { createWireCounters, NEVER, type Wire, type WireHost } from './wire.ts';
import { WireDecorator } from './wireDecorator.ts';
import { checkFrame, requireOpen, settle, VLAN_TAG_SIZE } from './wireState.ts';

/** Faults of one direction. Probabilities are from 0 to 1 and default to 0; times are nanoseconds. */
export interface DirectionFaults {
  readonly loss?: number;
  readonly duplication?: number;
  /** One bit is turned. */
  readonly corruption?: number;
  /** The frame is cut to a random length, at least 14 bytes. */
  readonly truncation?: number;
  /** The frame is held back by `delay`. */
  readonly delaying?: number;
  /** Default 1 ms. */
  readonly delay?: number;
}

/** What a fault injector does. */
export interface FaultOptions {
  /** Default 0. */
  readonly seed?: number;
  readonly receive?: DirectionFaults;
  readonly send?: DirectionFaults;
  /** Probability that a call of `send` takes only part of its batch. */
  readonly partialSend?: number;
  /** Frames held in each direction; beyond it frames sent are dropped and frames received wait. Default 256. */
  readonly queueCapacity?: number;
}

/** What faults have been injected. */
export interface FaultCounters {
  lost: number;
  duplicated: number;
  corrupted: number;
  truncated: number;
  delayed: number;
  partialSends: number;
}

const STAGING_CAPACITY = 16;
const MINIMUM_LENGTH = 14;

/** Injects faults. */
export class FaultyWire extends WireDecorator {
  override readonly counters = createWireCounters();
  readonly faults: FaultCounters = {
    lost: 0,
    duplicated: 0,
    corrupted: 0,
    truncated: 0,
    delayed: 0,
    partialSends: 0,
  };
  private readonly options: FaultOptions;
  private readonly random: Random;
  private incoming: FrameQueue | undefined;
  private outgoing: FrameQueue | undefined;
  private staging: FrameBatch | undefined;
  /** Frames taken from `outgoing` that the inner wire has not accepted yet: from `stagedFirst` to its count. */
  private staged: FrameBatch | undefined;
  private stagedFirst = 0;
  private innerAt = NEVER;
  /** A send was cut short, and the host has not been told to go on: it is at its next receive. */
  private owesWritable = false;

  constructor(inner: Wire, options: FaultOptions) {
    super(inner);
    this.options = options;
    this.random = new Random(options.seed ?? 0);
  }

  override open(host: WireHost): void {
    super.open(host);
    const { maximumFrameSize, offloads } = this.properties;
    const slotSize = Math.max(maximumFrameSize + VLAN_TAG_SIZE, offloads.maximumSegmentedSize);
    const capacity = Math.max(2 * STAGING_CAPACITY, this.options.queueCapacity ?? 256);
    this.incoming = new FrameQueue(capacity, slotSize);
    this.outgoing = new FrameQueue(capacity, slotSize);
    this.staging = FrameBatch.allocate(STAGING_CAPACITY, slotSize);
    this.staged = FrameBatch.allocate(STAGING_CAPACITY, slotSize);
    this.stagedFirst = 0;
    this.tell();
  }

  override receive(batch: FrameBatch): number {
    const host = requireOpen(this.host, this.name);
    const { incoming, staging } = this;
    if (incoming === undefined || staging === undefined) return 0;
    this.flush();
    if (this.owesWritable) {
      this.owesWritable = false;
      host.writable();
    }
    const now = host.now();
    // Twice the staging: every frame may be doubled.
    while (incoming.capacity - incoming.count >= 2 * STAGING_CAPACITY) {
      const taken = this.inner.receive(staging);
      for (let slot = 0; slot < taken; slot++) this.pass(staging, slot, now, incoming, this.options.receive);
      if (taken < staging.capacity) break;
    }
    let count = 0;
    while (count < batch.capacity && incoming.nextDue() <= now) {
      if (incoming.pop(batch, count)) {
        this.counters.received++;
        this.counters.receivedBytes += batch.length[count];
        count++;
      } else {
        this.counters.receiveDropped++;
      }
    }
    batch.count = count;
    this.tell();
    return count;
  }

  override send(batch: FrameBatch, first = 0): number {
    const host = requireOpen(this.host, this.name);
    const outgoing = this.outgoing;
    if (outgoing === undefined) return 0;
    const now = host.now();
    let end = batch.count;
    if (end > first && this.random.chance(this.options.partialSend ?? 0)) {
      end = first + this.random.below(end - first);
      this.faults.partialSends++;
      this.owesWritable = true;
    }
    for (let slot = first; slot < end; slot++) {
      let outcome = this.linkUp ? checkFrame(batch, slot, this.properties) : OUTCOME_LINK_DOWN;
      if (outcome === OUTCOME_SENT && outgoing.count >= outgoing.capacity - 1) outcome = OUTCOME_QUEUE_FULL;
      if (outcome === OUTCOME_SENT) this.pass(batch, slot, now, outgoing, this.options.send);
      settle(batch, slot, outcome, this.counters);
    }
    this.flush();
    this.tell();
    return Math.max(0, end - first);
  }

  override close(): void {
    super.close();
    this.incoming?.clear();
    this.outgoing?.clear();
    this.innerAt = NEVER;
    this.owesWritable = false;
  }

  override readableAt(nanoseconds: number): void {
    this.innerAt = nanoseconds;
    this.tell();
  }

  override writable(): void {
    this.flush();
    this.host?.writable();
  }

  /** Decides what becomes of a frame and puts it into a queue. */
  private pass(
    batch: FrameBatch,
    slot: number,
    now: number,
    queue: FrameQueue,
    faults: DirectionFaults = {},
  ): void {
    const { random, faults: counts } = this;
    const lost = random.chance(faults.loss ?? 0);
    const twice = random.chance(faults.duplication ?? 0);
    const damaged = random.chance(faults.corruption ?? 0);
    const cut = random.chance(faults.truncation ?? 0);
    const late = random.chance(faults.delaying ?? 0);
    const length = batch.length[slot];
    const bit = random.below(length * 8);
    const shorter = MINIMUM_LENGTH + random.below(Math.max(1, length - MINIMUM_LENGTH));
    if (lost) {
      counts.lost++;
      return;
    }
    const place = batch.offset[slot] + (bit >> 3);
    // The memory is the caller's: the bit is turned back once the queue has its copy.
    if (damaged) batch.memory[place] ^= 1 << (bit & 7);
    if (cut) batch.length[slot] = shorter;
    const due = now + (late ? (faults.delay ?? 1e6) : 0);
    queue.push(batch, slot, due);
    if (twice && queue.push(batch, slot, due)) counts.duplicated++;
    batch.length[slot] = length;
    if (damaged) batch.memory[place] ^= 1 << (bit & 7);
    counts.corrupted += Number(damaged);
    counts.truncated += Number(cut);
    counts.delayed += Number(late);
  }

  /** Gives the inner wire what is due, as far as it takes it. */
  private flush(): void {
    const { outgoing, staged } = this;
    if (outgoing === undefined || staged === undefined) return;
    const now = this.now();
    for (;;) {
      if (this.stagedFirst >= staged.count) {
        staged.count = 0;
        this.stagedFirst = 0;
        while (staged.count < staged.capacity && outgoing.nextDue() <= now) {
          if (outgoing.pop(staged, staged.count)) staged.count++;
        }
        if (staged.count === 0) return;
      }
      const taken = this.inner.send(staged, this.stagedFirst);
      this.stagedFirst += taken;
      if (taken === 0) return;
    }
  }

  private tell(): void {
    const incoming = this.incoming?.nextDue() ?? NEVER;
    const outgoing = this.outgoing?.nextDue() ?? NEVER;
    const soon = this.owesWritable ? this.now() : NEVER;
    this.host?.readableAt(Math.min(this.innerAt, incoming, outgoing, soon));
  }
}
