/**
 * A file that is written while a machine runs. A write that fails must not unwind the driver that happens to run, so
 * the first failure is kept, nothing more is written, and the command tells it at the end.
 */

import { openFileSink } from '../../wire/captureFile.ts';
import { CliError } from '../cliError.ts';

/** A file being written. */
export class OutputFile {
  readonly path: string;
  readonly #sink: ReturnType<typeof openFileSink>;
  #failure: unknown = null;
  #closed = false;

  /** Creates the file at once, so that a wrong path is told before anything runs. @throws CliError OUTPUT_FAILED */
  constructor(path: string) {
    this.path = path;
    try {
      this.#sink = openFileSink(path);
    } catch (cause) {
      throw failed(path, cause);
    }
  }

  /** Writes bytes, or does nothing once a write has failed. */
  readonly write = (bytes: Uint8Array): void => {
    if (this.#failure !== null || this.#closed) return;
    try {
      this.#sink.write(bytes);
    } catch (error) {
      this.#failure = error;
    }
  };

  /** Closes the file. @throws CliError OUTPUT_FAILED if a write failed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink.close();
    if (this.#failure !== null) throw failed(this.path, this.#failure);
  }
}

function failed(path: string, cause: unknown): CliError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(
    / Check path and rights\.$/,
    '',
  );
  return new CliError(
    'OUTPUT_FAILED',
    `${path} was not written: ${reason} Check path, rights and free space.`,
    { cause },
  );
}
