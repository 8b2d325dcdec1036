/** Where the command writes: results to stdout, everything else to stderr; colours and progress only on a terminal. */

/** A stream as this file needs it. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;

/** Name of a colour or weight. */
export type Style = keyof typeof CODES;

/** Milliseconds before a progress line appears, and between two of them. */
const PROGRESS_DELAY = 1000;
const PROGRESS_INTERVAL = 200;

/** Standard output and error. */
export class Terminal {
  readonly #out: OutputStream;
  readonly #err: OutputStream;
  readonly #colours: boolean;
  readonly #now: () => number;
  #started: number;
  #shownAt = 0;
  #progressShown = false;

  constructor(
    out: OutputStream = process.stdout,
    err: OutputStream = process.stderr,
    environment: Readonly<Record<string, string | undefined>> = process.env,
    now: () => number = () => performance.now(),
  ) {
    this.#out = out;
    this.#err = err;
    const { NO_COLOR, TERM } = environment;
    this.#colours = out.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb';
    this.#now = now;
    this.#started = now();
  }

  /** Whether people watch the output. */
  get interactive(): boolean {
    return this.#out.isTTY === true;
  }

  /** A line of the result. */
  line(text = ''): void {
    this.clearProgress();
    this.#out.write(`${text}\n`);
  }

  /** A line for people beside the result: a message, a warning. */
  note(text: string): void {
    this.clearProgress();
    this.#err.write(`${text}\n`);
  }

  /** `text` in a colour, where colours are shown. */
  style(style: Style, text: string): string {
    return this.#colours && text !== '' ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
  }

  /** Clears the screen, on a terminal. */
  clearScreen(): void {
    if (this.interactive) this.#out.write('\u001b[H\u001b[2J');
  }

  /** Something begins that may take long. */
  beginProgress(): void {
    this.#started = this.#now();
    this.#shownAt = 0;
  }

  /** Shows how far it is: after a second, on a terminal only. */
  progress(text: () => string): void {
    if (this.#err.isTTY !== true) return;
    const now = this.#now();
    if (now - this.#started < PROGRESS_DELAY || now - this.#shownAt < PROGRESS_INTERVAL) return;
    this.#shownAt = now;
    this.#progressShown = true;
    this.#err.write(`\r\u001b[K${text().slice(0, (this.#err.columns ?? 80) - 1)}`);
  }

  /** Takes the progress line away. */
  clearProgress(): void {
    if (!this.#progressShown) return;
    this.#progressShown = false;
    this.#err.write('\r\u001b[K');
  }
}
