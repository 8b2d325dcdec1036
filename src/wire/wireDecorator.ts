/** The base of wires that wrap another wire: everything passes through unless a subclass says otherwise. */

import type { FrameBatch } from './frameBatch.ts';
import type { Wire, WireCounters, WireHost, WireProperties } from './wire.ts';
import type { WireError } from './wireError.ts';
import { requireClosed } from './wireState.ts';

/** Passes everything to the inner wire, and everything the inner wire says to the host. */
export class WireDecorator implements Wire, WireHost {
  readonly inner: Wire;
  readonly counters: WireCounters;
  protected host: WireHost | undefined;

  constructor(inner: Wire) {
    this.inner = inner;
    this.counters = inner.counters;
  }

  get name(): string {
    return this.inner.name;
  }

  get properties(): WireProperties {
    return this.inner.properties;
  }

  get linkUp(): boolean {
    return this.inner.linkUp;
  }

  open(host: WireHost): void {
    requireClosed(this.host, this.name);
    this.host = host;
    try {
      this.inner.open(this);
    } catch (error) {
      this.host = undefined;
      throw error;
    }
  }

  receive(batch: FrameBatch): number {
    return this.inner.receive(batch);
  }

  send(batch: FrameBatch, first = 0): number {
    return this.inner.send(batch, first);
  }

  close(): void {
    this.inner.close();
    this.host = undefined;
  }

  get epochNanoseconds(): bigint {
    return this.host?.epochNanoseconds ?? 0n;
  }

  now(): number {
    return this.host?.now() ?? 0;
  }

  readableAt(nanoseconds: number): void {
    this.host?.readableAt(nanoseconds);
  }

  readable(): void {
    this.host?.readable();
  }

  writable(): void {
    this.host?.writable();
  }

  linkChanged(up: boolean): void {
    this.host?.linkChanged(up);
  }

  failed(error: WireError): void {
    this.host?.failed(error);
  }
}
