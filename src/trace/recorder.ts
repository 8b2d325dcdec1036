/**
 * The recorder: keeps the events of a machine in binary, cheaply, in memory of a stated bound, and gives them back
 * as events. Implements decision 9 of the design.
 */

import type { TraceEvent, TraceSink } from './events.ts';
import { Recording } from './recording.ts';

/** How a recorder keeps events. */
export interface RecorderOptions {
  /** Words of one stretch; default 65536 (256 KiB, some 7000 events). */
  readonly stretchWords?: number;
  /** Bytes kept at most, about; beyond it the oldest stretch is dropped. Default 256 MiB. */
  readonly limitBytes?: number;
  /**
   * Takes a full stretch, oldest event first, before it is used again; then nothing is kept or dropped. Called from
   * `emit`, so it must not call back into the machine.
   */
  readonly full?: (events: Iterable<TraceEvent>) => void;
}

const STRETCH_WORDS = 65_536;
const LIMIT_BYTES = 256 * 1024 * 1024;
/** Characters of texts in one stretch. */
const TEXT_LIMIT = 1_000_000;

/** Keeps events. */
export class TraceRecorder implements TraceSink {
  readonly #options: RecorderOptions;
  readonly #full: Recording[] = [];
  #fullBytes = 0;
  #current: Recording;
  /** Events taken so far. */
  recorded = 0;
  /** Events that were dropped because the bound was reached: the oldest ones. */
  dropped = 0;

  constructor(options: RecorderOptions = {}) {
    this.#options = options;
    this.#current = this.#create();
  }

  emit(event: TraceEvent): void {
    this.recorded++;
    if (this.#current.add(event)) return;
    this.#next();
    this.#current.add(event);
  }

  /** The events that are kept, oldest first. Decoded as they are asked for. */
  *events(): Generator<TraceEvent> {
    for (const recording of this.#full) yield* recording.events();
    yield* this.#current.events();
  }

  /** Gives what has gathered to `full`, where there is one; call it when the machine is done. */
  flush(): void {
    if (this.#options.full === undefined || this.#current.count === 0) return;
    this.#options.full(this.#current.events());
    this.#current.clear();
  }

  #create(): Recording {
    return new Recording(this.#options.stretchWords ?? STRETCH_WORDS, TEXT_LIMIT);
  }

  #next(): void {
    if (this.#options.full !== undefined) return this.flush();
    this.#full.push(this.#current);
    this.#fullBytes += this.#current.bytes;
    this.#current = this.#create();
    const limit = this.#options.limitBytes ?? LIMIT_BYTES;
    while (this.#fullBytes + this.#current.bytes > limit) {
      const oldest = this.#full.shift();
      if (oldest === undefined) return;
      this.#fullBytes -= oldest.bytes;
      this.dropped += oldest.count;
    }
  }
}
