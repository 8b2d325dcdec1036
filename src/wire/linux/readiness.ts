/**
 * Tells when a descriptor is readable or writable. The one place that knows koffi's undocumented `node.poll`
 * (a uv_poll_t, see koffi's src/koffi/src/uv.cc): level-triggered; `start` again changes events and callback;
 * `stop` keeps the handle; a negative status means that the descriptor is dead; the handle works only while it
 * is referenced.
 */

import type { Koffi, KoffiPollHandle } from './koffiLibrary.ts';

/** What a watched descriptor tells. Called from the event loop. */
export interface ReadinessListener {
  ready(readable: boolean, writable: boolean): void;
  /** The poll failed: `status` is a negative error number of libuv. */
  broken(status: number): void;
}

/** Watches one descriptor until closed. */
export class Readiness {
  private handle: KoffiPollHandle | undefined;
  private events = { readable: true, writable: false };
  private watching = true;
  /** One closure for all starts; it refers to this object, so handle and object live and die together. */
  private readonly callback: (status: number, events: { readable: boolean; writable: boolean }) => void;

  constructor(koffi: Koffi, descriptor: number, listener: ReadinessListener) {
    this.callback = (status, events) => {
      if (this.handle === undefined) return;
      if (status < 0) {
        // A dead descriptor would be reported for ever.
        this.pause();
        listener.broken(status);
      } else {
        listener.ready(events.readable, events.writable);
      }
    };
    this.handle = koffi.node.poll(descriptor, this.events, this.callback);
  }

  /** Stops watching until `resume`. */
  pause(): void {
    if (!this.watching) return;
    this.watching = false;
    this.handle?.stop();
  }

  /** Watches again after `pause`. */
  resume(): void {
    if (this.watching) return;
    this.watching = true;
    this.handle?.start(this.events, this.callback);
  }

  /** Whether to tell when the descriptor is writable. */
  watchWritable(wanted: boolean): void {
    if (this.events.writable === wanted) return;
    this.events = { readable: true, writable: wanted };
    if (this.watching) this.handle?.start(this.events, this.callback);
  }

  /** Must be called before the descriptor is closed. */
  close(): void {
    this.handle?.close();
    this.handle = undefined;
  }
}
