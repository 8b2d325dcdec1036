/**
 * A UNIX stream socket as a wire, in the framing of QEMU's `-netdev stream`: works without root. Connects, or
 * listens for one peer at a time; the link is up while there is a peer.
 */

import { statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type FrameBatch, OUTCOME_LINK_DOWN, OUTCOME_SENT } from '../frameBatch.ts';
import { createWireCounters, NO_OFFLOADS, type Wire, type WireHost, type WireProperties } from '../wire.ts';
import { WireError } from '../wireError.ts';
import { checkFrame, requireClosed, requireOpen, settle, VLAN_TAG_SIZE } from '../wireState.ts';
import { FrameStreamReader, FrameStreamWriter } from './frameStream.ts';

/** A UNIX stream wire. */
export interface UnixStreamWireOptions {
  /** Path of the socket; a name in the abstract namespace begins with a zero character. */
  readonly path: string;
  /** `connect`, the default, or `listen`; who listens removes a stale socket and takes the next peer when one leaves. */
  readonly role?: 'connect' | 'listen';
  readonly macAddress?: Uint8Array;
  /** Default 1514. */
  readonly maximumFrameSize?: number;
  /** Bytes that may wait in each direction. Default 1 MiB. */
  readonly bufferSize?: number;
}

const DEFAULT_BUFFER_SIZE = 1 << 20;

/** Frames over a UNIX stream. */
export class UnixStreamWire implements Wire {
  readonly name: string;
  readonly properties: WireProperties;
  readonly counters = createWireCounters();
  linkUp = false;
  private readonly options: UnixStreamWireOptions;
  private readonly bufferSize: number;
  private host: WireHost | undefined;
  private server: Server | undefined;
  private socket: Socket | undefined;
  private reader: FrameStreamReader | undefined;
  private writer: FrameStreamWriter | undefined;
  /** What came while the reader was full: at most one chunk, for the socket is paused then. */
  private held: Uint8Array | undefined;
  private flushAsked = false;
  private owesWritable = false;

  constructor(options: UnixStreamWireOptions) {
    this.options = options;
    this.name = `stream:${options.path.replace('\0', '@')}`;
    this.bufferSize = options.bufferSize ?? DEFAULT_BUFFER_SIZE;
    this.properties = {
      maximumFrameSize: options.maximumFrameSize ?? 1514,
      macAddress: options.macAddress,
      linkSpeedBitsPerSecond: 10_000_000_000,
      live: true,
      offloads: NO_OFFLOADS,
    };
  }

  /** Begins to connect or listen; the link comes up when the peer is there. */
  open(host: WireHost): void {
    requireClosed(this.host, this.name);
    this.host = host;
    this.writer = new FrameStreamWriter(this.bufferSize);
    if (this.options.role === 'listen') this.listen();
    else this.adopt(connect({ path: this.options.path }), true);
  }

  receive(batch: FrameBatch): number {
    const host = requireOpen(this.host, this.name);
    const now = host.now();
    let count = 0;
    try {
      while (this.reader !== undefined && count < batch.capacity) {
        const length = this.reader.nextLength();
        if (length === 0) {
          if (!this.refill()) break;
          continue;
        }
        if (!this.reader.take(length, batch, count)) {
          this.counters.receiveDropped++;
          continue;
        }
        batch.stamp[count] = now;
        this.counters.received++;
        this.counters.receivedBytes += length;
        count++;
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.reader = undefined;
      host.failed(error);
      this.socket?.destroy();
    }
    batch.count = count;
    // A full batch may have left frames behind, of which the socket will not tell.
    if (count === batch.capacity) host.readableAt(now);
    return count;
  }

  send(batch: FrameBatch, first = 0): number {
    requireOpen(this.host, this.name);
    let slot = first;
    for (; slot < batch.count; slot++) {
      let outcome = checkFrame(batch, slot, this.properties);
      if (outcome === OUTCOME_SENT && !this.linkUp) outcome = OUTCOME_LINK_DOWN;
      if (outcome === OUTCOME_SENT && !this.enqueue(batch, slot)) {
        this.owesWritable = true;
        break;
      }
      settle(batch, slot, outcome, this.counters);
    }
    return Math.max(0, slot - first);
  }

  close(): void {
    if (this.host === undefined) return;
    this.flush();
    this.host = undefined;
    const { server, socket } = this;
    this.server = undefined;
    this.socket = undefined;
    this.linkUp = false;
    // What has been accepted still leaves.
    socket?.end();
    server?.close();
  }

  private listen(): void {
    const server = createServer((socket) => {
      if (this.socket === undefined) this.adopt(socket, false);
      else socket.destroy();
    });
    this.server = server;
    server.on('error', (error) => this.fail(error));
    removeStaleSocket(this.options.path);
    server.listen({ path: this.options.path });
  }

  private adopt(socket: Socket, connecting: boolean): void {
    this.socket = socket;
    this.reader = new FrameStreamReader(this.properties.maximumFrameSize + VLAN_TAG_SIZE, this.bufferSize);
    this.held = undefined;
    const up = (): void => {
      if (this.socket !== socket) return;
      this.setLink(true);
      this.host?.readable();
    };
    if (connecting) socket.once('connect', up);
    else up();
    socket.on('data', (chunk: Uint8Array) => this.arrived(socket, chunk));
    socket.on('drain', () => this.drained());
    socket.on('error', (error) => {
      if (this.socket === socket && connecting) this.fail(error);
    });
    socket.on('close', () => this.left(socket, connecting));
  }

  private arrived(socket: Socket, chunk: Uint8Array): void {
    if (this.socket !== socket || this.reader === undefined) return;
    const taken = this.reader.push(chunk);
    if (taken < chunk.length) {
      this.held = chunk.subarray(taken);
      socket.pause();
    }
    this.host?.readable();
  }

  /** Moves held bytes into the reader; false if there are none. */
  private refill(): boolean {
    const { held, reader } = this;
    if (held === undefined || reader === undefined) return false;
    const taken = reader.push(held);
    this.held = taken === held.length ? undefined : held.subarray(taken);
    if (this.held === undefined) this.socket?.resume();
    return taken > 0;
  }

  /** Gathers a frame; false if as much waits as may. */
  private enqueue(batch: FrameBatch, slot: number): boolean {
    const { socket, writer } = this;
    if (socket === undefined || writer === undefined) return false;
    if (socket.writableLength + writer.length >= this.bufferSize) return false;
    if (!writer.add(batch, slot)) return false;
    if (!this.flushAsked) {
      this.flushAsked = true;
      // Everything sent until the event loop turns leaves in one write.
      setImmediate(() => this.flush());
    }
    return true;
  }

  private flush(): void {
    this.flushAsked = false;
    const { socket, writer } = this;
    if (socket === undefined || writer === undefined || writer.length === 0) return;
    if (socket.write(writer.drain())) this.drained();
  }

  private drained(): void {
    if (!this.owesWritable) return;
    this.owesWritable = false;
    this.host?.writable();
    this.host?.readable();
  }

  private left(socket: Socket, connecting: boolean): void {
    if (this.socket !== socket) return;
    const wasUp = this.linkUp;
    this.socket = undefined;
    this.writer?.drain();
    this.setLink(false);
    if (connecting && wasUp && this.reader !== undefined) {
      this.host?.failed(
        new WireError(
          'STREAM_CLOSED',
          `The peer of the wire "${this.name}" closed the connection: start it again and open the wire anew.`,
        ),
      );
    }
    this.drained();
    this.host?.readable();
  }

  private setLink(up: boolean): void {
    if (this.linkUp === up) return;
    this.linkUp = up;
    this.host?.linkChanged(up);
  }

  private fail(error: Error): void {
    const code = 'code' in error ? String(error.code) : '';
    const listening = this.options.role === 'listen';
    if (!listening && this.linkUp) return;
    const denied = code === 'EACCES' || code === 'EPERM';
    this.host?.failed(
      new WireError(
        denied ? 'DEVICE_NO_PERMISSION' : 'STREAM_UNREACHABLE',
        `The wire "${this.name}" could not ${listening ? 'listen' : 'connect'}: ${error.message}. ` +
          (listening
            ? 'Check the directory, and that no other program listens there.'
            : 'Start the peer that listens first.'),
        { cause: error },
      ),
    );
    this.host?.readable();
  }
}

/** A socket file nobody listens on would make listening fail; anything that is no socket is left alone. */
function removeStaleSocket(path: string): void {
  if (path.startsWith('\0')) return;
  try {
    if (statSync(path).isSocket()) unlinkSync(path);
  } catch {
    // Not there, or not ours to remove: listen says what is wrong.
  }
}
