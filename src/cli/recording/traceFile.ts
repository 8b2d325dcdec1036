/** A trace as a file: events gather in binary and are written as NDJSON a stretch at a time. */

import {
  formatEvent,
  formatHeader,
  type TraceEvent,
  TraceRecorder,
  type TraceSink,
} from '../../trace/index.ts';
import { OutputFile } from './outputFile.ts';

/** Characters formatted before they are written. */
const WRITE_SIZE = 1 << 18;

/** A trace being written. */
export class TraceFile implements TraceSink {
  readonly #file: OutputFile;
  readonly #encoder = new TextEncoder();
  readonly #recorder = new TraceRecorder({ full: (events) => this.#write(events) });

  /** @throws CliError OUTPUT_FAILED */
  constructor(path: string, seed: number, options: Readonly<Record<string, unknown>>) {
    this.#file = new OutputFile(path);
    this.#file.write(this.#encoder.encode(formatHeader({ seed, options })));
  }

  get recorded(): number {
    return this.#recorder.recorded;
  }

  emit(event: TraceEvent): void {
    this.#recorder.emit(event);
  }

  /** Writes what is left. @throws CliError OUTPUT_FAILED */
  close(): void {
    this.#recorder.flush();
    this.#file.close();
  }

  #write(events: Iterable<TraceEvent>): void {
    let text = '';
    for (const event of events) {
      text += formatEvent(event);
      if (text.length < WRITE_SIZE) continue;
      this.#file.write(this.#encoder.encode(text));
      text = '';
    }
    if (text !== '') this.#file.write(this.#encoder.encode(text));
  }
}
