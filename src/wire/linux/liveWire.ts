/**
 * What TAP and packet socket have in common: opening and giving back, readiness, the bound of frames a wake, busy
 * polling, the link, and a device that dies. Everything is done on the main thread by non-blocking calls.
 */

import type { FrameBatch } from '../frameBatch.ts';
import { createWireCounters, NO_OFFLOADS, type Wire, type WireHost, type WireProperties } from '../wire.ts';
import { WireError } from '../wireError.ts';
import { requireClosed } from '../wireState.ts';
import { LinkMonitor } from './linkMonitor.ts';
import { NetworkInterface } from './networkInterface.ts';
import { Readiness } from './readiness.ts';
import { SystemCalls } from './systemCalls.ts';
import { deviceVanished, EBADF, EBADFD, ENODEV, ENXIO, systemError } from './systemErrors.ts';

/** What every live wire may be told. */
export interface LiveWireOptions {
  /** Frames received at one wake of the event loop. Default 512: eight batches of 64. */
  readonly framesPerWake?: number;
  /**
   * Microseconds to go on asking for frames, without waiting, after the last one came. Default 0: wait. Trades a
   * busy core for less delay.
   */
  readonly busyPollMicroseconds?: number;
}

/** An open device of a subclass. */
export interface OpenDevice {
  readonly descriptor: number;
  readonly interfaceName: string;
}

const DEFAULT_FRAMES_PER_WAKE = 512;
/** The poll may give up this often in a row before the device counts as gone. */
const MAXIMUM_BREAKDOWNS = 16;
/** Of a device that is up and tells no speed. */
const DEFAULT_LINK_SPEED = 10_000_000_000;

/** A wire over a descriptor of the Linux kernel. */
export abstract class LiveWire implements Wire {
  readonly name: string;
  properties: WireProperties;
  readonly counters = createWireCounters();
  linkUp = false;
  protected host: WireHost | undefined;
  protected calls: SystemCalls | undefined;
  protected descriptor = -1;
  /** Frames that may still be received at this wake. */
  protected budget: number;
  private readonly framesPerWake: number;
  private readonly busyPollNanoseconds: bigint;
  private readiness: Readiness | undefined;
  private networkInterface: NetworkInterface | undefined;
  private monitor: LinkMonitor | undefined;
  /** Whether the host has asked for frames since it was last told that there are some. */
  private asked = false;
  private dead = false;
  /** How often the poll gave up since it last worked. */
  private breakdowns = 0;
  private spinning = false;
  private lastActive = 0n;
  /** The memory whose address is known. Held, so that the address stays good. */
  private memory: Uint8Array | undefined;
  private memoryAddress = 0;

  constructor(name: string, options: LiveWireOptions) {
    this.name = name;
    this.framesPerWake = options.framesPerWake ?? DEFAULT_FRAMES_PER_WAKE;
    this.budget = this.framesPerWake;
    this.busyPollNanoseconds = BigInt(Math.round((options.busyPollMicroseconds ?? 0) * 1000));
    this.properties = {
      maximumFrameSize: 1514,
      macAddress: undefined,
      linkSpeedBitsPerSecond: DEFAULT_LINK_SPEED,
      live: true,
      offloads: NO_OFFLOADS,
    };
  }

  /** Opens and configures the device. @throws WireError after giving back what it took. */
  protected abstract openDevice(calls: SystemCalls): OpenDevice;
  /** Completes the properties and prepares memory, with the device open. */
  protected abstract prepare(calls: SystemCalls, networkInterface: NetworkInterface): void;
  /** Whether the device is still there, after the poll or the link said that it might not be. Clears its errors. */
  protected abstract deviceExists(calls: SystemCalls): boolean;
  abstract receive(batch: FrameBatch): number;
  abstract send(batch: FrameBatch, first?: number): number;

  open(host: WireHost): void {
    requireClosed(this.host, this.name);
    const calls = new SystemCalls(this.name);
    this.calls = calls;
    try {
      const { descriptor, interfaceName } = this.openDevice(calls);
      this.descriptor = descriptor;
      this.networkInterface = new NetworkInterface(calls, this.name, interfaceName);
      this.prepare(calls, this.networkInterface);
      this.linkUp = this.networkInterface.linkUp() ?? false;
      this.monitor = new LinkMonitor(calls, this.name, this.networkInterface, (up) => this.linkSeen(up));
      this.readiness = new Readiness(calls.koffi, descriptor, {
        ready: (readable, writable) => this.ready(readable, writable),
        broken: () => this.broken(),
      });
    } catch (error) {
      this.release();
      throw error;
    }
    this.host = host;
    this.dead = false;
    this.breakdowns = 0;
    this.asked = true;
    this.budget = this.framesPerWake;
  }

  close(): void {
    if (this.host === undefined) return;
    this.host = undefined;
    this.release();
  }

  /** Begins a receive: the poll goes on if it had been paused because nobody asked. */
  protected beginReceive(): void {
    this.asked = true;
    if (!this.spinning && !this.dead) this.readiness?.resume();
  }

  /** The address of a memory, which this wire then holds on to. */
  protected addressOf(memory: Uint8Array): number {
    if (memory !== this.memory && this.calls !== undefined) {
      this.memoryAddress = this.calls.addressOf(memory);
      this.memory = memory;
    }
    return this.memoryAddress;
  }

  /** @throws WireError WIRE_MISUSE if bytes lie outside the memory: the kernel would overwrite anything. */
  protected checkRange(memory: Uint8Array, offset: number, length: number): void {
    if (offset >= 0 && length >= 0 && offset + length <= memory.length) return;
    throw new WireError(
      'WIRE_MISUSE',
      `A slot of a batch for "${this.name}" covers bytes ${offset} to ${offset + length} of a memory of ` +
        `${memory.length}: set offset and size of every slot within the memory.`,
    );
  }

  /** Asks to be told when the device takes frames again. */
  protected waitWritable(): void {
    this.readiness?.watchWritable(true);
  }

  /** The device is of no use any more: tells the host once. */
  protected die(errno: number): void {
    if (this.dead) return;
    this.dead = true;
    this.readiness?.pause();
    this.setLink(false);
    const gone = errno === EBADFD || errno === EBADF || errno === ENODEV || errno === ENXIO;
    this.host?.failed(gone ? deviceVanished(this.name, errno) : systemError(this.name, 'go on', errno));
  }

  protected get isDead(): boolean {
    return this.dead;
  }

  protected setLink(up: boolean): void {
    if (this.linkUp === up) return;
    this.linkUp = up;
    this.host?.linkChanged(up);
  }

  private linkSeen(up: boolean | undefined): void {
    const { calls, linkUp, dead } = this;
    if (calls === undefined || dead) return;
    if (up !== undefined) this.setLink(up);
    else if (!this.deviceExists(calls)) this.die(ENODEV);
    if (this.linkUp !== linkUp || this.isDead) this.host?.readable();
  }

  /** The poll gave up: for good if the device is gone or keeps failing, else it was an error of the moment. */
  private broken(): void {
    const { calls, networkInterface } = this;
    if (calls === undefined || this.dead) return;
    this.breakdowns++;
    if (this.breakdowns > MAXIMUM_BREAKDOWNS || !this.deviceExists(calls)) {
      this.die(EBADFD);
    } else {
      const up = networkInterface?.linkUp();
      if (up !== undefined) this.setLink(up);
      this.readiness?.resume();
    }
    this.host?.readable();
  }

  private ready(readable: boolean, writable: boolean): void {
    this.breakdowns = 0;
    if (writable) {
      this.readiness?.watchWritable(false);
      this.host?.writable();
    }
    if (readable) {
      if (!this.asked) {
        // The host has not come for the frames: being told again would only burn the processor.
        this.readiness?.pause();
        return;
      }
      this.asked = false;
      this.budget = this.framesPerWake;
    }
    this.host?.readable();
    if (readable && this.busyPollNanoseconds > 0n && this.host !== undefined && !this.dead)
      this.startSpinning();
  }

  private startSpinning(): void {
    if (this.spinning) return;
    this.spinning = true;
    this.readiness?.pause();
    this.lastActive = process.hrtime.bigint();
    setImmediate(this.spin);
  }

  private readonly spin = (): void => {
    if (this.host === undefined || this.dead) {
      this.spinning = false;
      return;
    }
    const before = this.counters.received;
    this.budget = this.framesPerWake;
    this.host.readable();
    const now = process.hrtime.bigint();
    if (this.counters.received !== before) this.lastActive = now;
    if (now - this.lastActive < this.busyPollNanoseconds) {
      setImmediate(this.spin);
      return;
    }
    this.spinning = false;
    this.asked = true;
    this.readiness?.resume();
  };

  private release(): void {
    this.monitor?.close();
    this.readiness?.close();
    this.networkInterface?.close();
    if (this.descriptor >= 0) this.calls?.close(this.descriptor);
    this.monitor = undefined;
    this.readiness = undefined;
    this.networkInterface = undefined;
    this.descriptor = -1;
    this.calls = undefined;
    this.memory = undefined;
    this.linkUp = false;
    this.spinning = false;
  }
}
