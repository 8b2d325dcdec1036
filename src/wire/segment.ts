/**
 * An Ethernet segment in memory: what one port sends, every other port receives, late, twice, out of order or
 * never, as a seed decides. Frames arrive by the schedule of the receiving port's host, never inside a send.
 */

import type { FrameBatch } from './frameBatch.ts';
import { OUTCOME_LINK_DOWN, OUTCOME_SENT } from './frameBatch.ts';
import { FrameQueue } from './frameQueue.ts';
import { Random } from './random.ts';
import {
  createWireCounters,
  NEVER,
  NO_OFFLOADS,
  type Wire,
  type WireHost,
  type WireProperties,
} from './wire.ts';
import { WireError } from './wireError.ts';
import { checkFrame, requireClosed, requireOpen, settle, VLAN_TAG_SIZE } from './wireState.ts';

/** How a segment treats frames. Probabilities are from 0 to 1 and default to 0; times are nanoseconds. */
export interface SegmentOptions {
  /** Default `segment`. */
  readonly name?: string;
  /** Decides every random choice. Default 0. */
  readonly seed?: number;
  /** Shortest and longest time on the way; frames stay in order. Default 0 and the minimum. */
  readonly minimumDelay?: number;
  readonly maximumDelay?: number;
  /** Probability that a frame is lost, for each receiver by itself. */
  readonly loss?: number;
  /** Probability that a frame arrives twice. */
  readonly duplication?: number;
  /** Probability that a frame is held back by `reorderingDelay`, so that later ones overtake it. */
  readonly reordering?: number;
  /** Default 1 ms. */
  readonly reorderingDelay?: number;
  /** Frames on the way to one port; more are lost and counted there. Default 1024, with offloads 128. */
  readonly queueCapacity?: number;
  /** Default 1514. */
  readonly maximumFrameSize?: number;
  /** Default 10 Gb/s; only told, not kept. */
  readonly linkSpeedBitsPerSecond?: number;
  /** Carries frames of up to 64 KB with their offload members from port to port. Default false. */
  readonly offloads?: boolean;
}

const MAXIMUM_PORTS = 256;
const MAXIMUM_SEGMENTED_SIZE = 65535 + 14;

/** A segment and its ports. */
export class Segment {
  readonly name: string;
  readonly ports: SegmentPort[] = [];
  private readonly options: SegmentOptions;
  private readonly random: Random;

  constructor(options: SegmentOptions = {}) {
    this.options = options;
    this.name = options.name ?? 'segment';
    this.random = new Random(options.seed ?? 0);
  }

  /**
   * A new port, the wire for one adapter.
   * @param macAddress what the port suggests to its adapter; by default a local address with the port's number.
   * @throws WireError WIRE_MISUSE beyond 256 ports.
   */
  addPort(macAddress?: Uint8Array): SegmentPort {
    const index = this.ports.length;
    if (index === MAXIMUM_PORTS) {
      throw new WireError(
        'WIRE_MISUSE',
        `The segment "${this.name}" has its ${MAXIMUM_PORTS} ports: make another.`,
      );
    }
    const address = macAddress ?? Uint8Array.of(0x02, 0, 0, 0, 1, index);
    const port = new SegmentPort(
      this,
      `segment:${this.name}:${index}`,
      this.portProperties(address),
      this.queueCapacity(),
    );
    this.ports.push(port);
    return port;
  }

  /** Takes every port's link down or up. */
  setLink(up: boolean): void {
    for (const port of this.ports) port.setLink(up);
  }

  /** Used by ports: puts a frame on the way to every other port. */
  carry(from: SegmentPort, batch: FrameBatch, slot: number): void {
    const { loss = 0, duplication = 0, reordering = 0, reorderingDelay = 1e6 } = this.options;
    const { minimumDelay = 0, maximumDelay = minimumDelay } = this.options;
    for (const port of this.ports) {
      if (port === from || !port.accepts) continue;
      // Every choice is drawn for every frame, so that changing one probability leaves the others' draws alone.
      const lost = this.random.chance(loss);
      const twice = this.random.chance(duplication);
      const late = this.random.chance(reordering);
      const delay = this.random.between(minimumDelay, maximumDelay);
      if (lost) continue;
      for (let copies = twice ? 2 : 1; copies > 0; copies--) {
        port.deliver(batch, slot, delay, late ? reorderingDelay : 0);
      }
    }
  }

  private queueCapacity(): number {
    return this.options.queueCapacity ?? (this.options.offloads === true ? 128 : 1024);
  }

  private portProperties(macAddress: Uint8Array): WireProperties {
    const offloads = this.options.offloads === true;
    return {
      maximumFrameSize: this.options.maximumFrameSize ?? 1514,
      macAddress,
      linkSpeedBitsPerSecond: this.options.linkSpeedBitsPerSecond ?? 10_000_000_000,
      live: false,
      offloads: offloads
        ? {
            checksum: true,
            segmentationIpv4: true,
            segmentationIpv6: true,
            segmentationUdp: true,
            vlan: true,
            maximumSegmentedSize: MAXIMUM_SEGMENTED_SIZE,
          }
        : NO_OFFLOADS,
    };
  }
}

/** One port of a segment. */
export class SegmentPort implements Wire {
  readonly name: string;
  readonly properties: WireProperties;
  readonly counters = createWireCounters();
  linkUp = true;
  private readonly segment: Segment;
  private readonly queueCapacity: number;
  private host: WireHost | undefined;
  private queue: FrameQueue | undefined;
  /** When the last frame that keeps the order is due. */
  private lastDue = 0;
  /** The time the host was last told. */
  private told = NEVER;

  constructor(segment: Segment, name: string, properties: WireProperties, queueCapacity: number) {
    this.segment = segment;
    this.name = name;
    this.properties = properties;
    this.queueCapacity = queueCapacity;
  }

  /** Whether frames can be put on the way to this port. */
  get accepts(): boolean {
    return this.host !== undefined && this.linkUp;
  }

  open(host: WireHost): void {
    requireClosed(this.host, this.name);
    const { maximumFrameSize, offloads } = this.properties;
    const slotSize = Math.max(maximumFrameSize + VLAN_TAG_SIZE, offloads.maximumSegmentedSize);
    this.queue ??= new FrameQueue(this.queueCapacity, slotSize);
    this.host = host;
    this.lastDue = 0;
    this.told = NEVER;
  }

  receive(batch: FrameBatch): number {
    const host = requireOpen(this.host, this.name);
    const queue = this.queue;
    const now = host.now();
    let count = 0;
    while (queue !== undefined && count < batch.capacity && queue.nextDue() <= now) {
      if (queue.pop(batch, count)) {
        this.counters.received++;
        this.counters.receivedBytes += batch.length[count];
        count++;
      } else {
        this.counters.receiveDropped++;
      }
    }
    batch.count = count;
    this.told = queue?.nextDue() ?? NEVER;
    host.readableAt(this.told);
    return count;
  }

  send(batch: FrameBatch, first = 0): number {
    requireOpen(this.host, this.name);
    for (let slot = first; slot < batch.count; slot++) {
      const outcome = this.linkUp ? checkFrame(batch, slot, this.properties) : OUTCOME_LINK_DOWN;
      if (outcome === OUTCOME_SENT) this.segment.carry(this, batch, slot);
      settle(batch, slot, outcome, this.counters);
    }
    return Math.max(0, batch.count - first);
  }

  close(): void {
    this.host?.readableAt(NEVER);
    this.host = undefined;
    this.queue?.clear();
  }

  /** Takes the link down, losing what is on the way to this port, or up. */
  setLink(up: boolean): void {
    if (this.linkUp === up) return;
    this.linkUp = up;
    if (!up && this.queue !== undefined) {
      this.counters.receiveDropped += this.queue.count;
      this.queue.clear();
      this.told = NEVER;
      this.host?.readableAt(NEVER);
    }
    this.host?.linkChanged(up);
  }

  /** Used by the segment: a frame arrives after `delay`, or out of order if `extraDelay` is not 0. */
  deliver(batch: FrameBatch, slot: number, delay: number, extraDelay: number): void {
    if (this.host === undefined || this.queue === undefined) return;
    const arrival = this.host.now() + delay;
    let due = arrival + extraDelay;
    if (extraDelay === 0) {
      due = Math.max(arrival, this.lastDue);
      this.lastDue = due;
    }
    if (this.queue.push(batch, slot, due)) this.tell(this.host);
    else this.counters.receiveDropped++;
  }

  private tell(host: WireHost): void {
    const due = this.queue?.nextDue() ?? NEVER;
    if (due === this.told) return;
    this.told = due;
    host.readableAt(due);
  }
}
