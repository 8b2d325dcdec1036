/**
 * The machine's clock and its timer queue. Time is virtual: it advances when it is read, when code stalls, and when
 * nothing is left to run before the next due timer. With a live wire it follows the host's clock instead.
 * Implements decision 5 of the design.
 */

/** Units of 100 ns in a millisecond. */
export const UNITS_PER_MILLISECOND = 10_000;
/** System time of a new machine: 2025-01-01 00:00 UTC, in units of 100 ns since 1601. */
export const SYSTEM_TIME_AT_START = 133_801_632_000_000_000n;
/** What reading the clock costs, in units of 100 ns: time goes on in a loop that only reads it. */
const READ_COST = 1;

/** Something that happens at a time. `data` is plain; `run` is only for what the host (a wire) scheduled. */
export interface TimerEntry {
  readonly id: number;
  /** Machine time in units of 100 ns. */
  readonly due: number;
  readonly action: TimerAction;
}

export type TimerAction =
  | { readonly kind: 'timer'; readonly address: number }
  | { readonly kind: 'waitTimeout'; readonly thread: number }
  | { readonly kind: 'host'; readonly run: () => void };

/** A binary heap by due time, then by order of insertion. */
export class TimerQueue {
  readonly #heap: TimerEntry[] = [];
  readonly #cancelled = new Set<number>();
  readonly #live = new Set<number>();
  /** Live entries that do not keep the machine alive. */
  readonly #background = new Set<number>();
  #nextId = 1;

  /** Whether nothing is queued but what does not keep the machine alive. */
  get onlyBackground(): boolean {
    return this.#background.size === this.#live.size;
  }

  get size(): number {
    return this.#live.size;
  }

  /**
   * Adds an entry and returns its id. A `background` entry fires when time passes it, but a machine where nothing else
   * is left to happen is idle: a check that repeats for ever does not keep it running.
   */
  add(due: number, action: TimerAction, background = false): number {
    const entry: TimerEntry = { id: this.#nextId++, due, action };
    this.#live.add(entry.id);
    if (background) this.#background.add(entry.id);
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (before(heap[parent], entry)) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = entry;
    return entry.id;
  }

  /** Takes an entry out; false if it ran already or was never there. */
  cancel(id: number): boolean {
    if (!this.#live.delete(id)) return false;
    this.#background.delete(id);
    this.#cancelled.add(id);
    if (this.#cancelled.size > 64 + this.#live.size) this.#compact();
    return true;
  }

  /** The earliest due time, or null. */
  nextDue(): number | null {
    this.#dropCancelled();
    return this.#heap.length === 0 ? null : this.#heap[0].due;
  }

  /** Takes the earliest entry that is due at `now`, or null. */
  takeDue(now: number): TimerEntry | null {
    this.#dropCancelled();
    if (this.#heap.length === 0 || this.#heap[0].due > now) return null;
    const entry = this.#pop();
    this.#live.delete(entry.id);
    this.#background.delete(entry.id);
    return entry;
  }

  /** Drops all cancelled entries, so that they never outnumber the live ones by much. A sorted array is a heap. */
  #compact(): void {
    const live = this.#heap.filter(({ id }) => this.#live.has(id));
    live.sort((a, b) => (before(a, b) ? -1 : 1));
    this.#heap.length = 0;
    for (const entry of live) this.#heap.push(entry);
    this.#cancelled.clear();
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#cancelled.delete(this.#heap[0].id)) this.#pop();
  }

  #pop(): TimerEntry {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || last === top) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (before(last, heap[child])) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

function before(a: TimerEntry, b: TimerEntry): boolean {
  return a.due < b.due || (a.due === b.due && a.id < b.id);
}

/** The host's clock, used while a live wire is attached. Units of 100 ns, monotonic. */
export type HostClock = () => number;

export class Clock {
  readonly timers = new TimerQueue();
  /** Told when code let time pass: devices act at their times. */
  passed: (() => void) | null = null;
  #now = 0;
  #idle = 0;
  #host: HostClock | null = null;
  #hostOffset = 0;

  /** Reads the time and lets it advance: what drivers see. Units of 100 ns since the machine was created. */
  read(): number {
    if (this.#host !== null) this.#followHost();
    else this.#now += READ_COST;
    return this.#now;
  }

  /** The time without advancing it: for traces and for the scheduler. */
  get now(): number {
    return this.#now;
  }

  /** The time that passed while something ran, on any processor. */
  get busy(): number {
    return this.#now - this.#idle;
  }

  /** System time in units of 100 ns since 1601. */
  readSystemTime(): bigint {
    return SYSTEM_TIME_AT_START + BigInt(this.read());
  }

  /** Passes time, as a stall does. */
  advance(units: number): void {
    if (this.#host === null) this.#now += units;
    else this.#followHost();
    this.passed?.();
  }

  /** Jumps to `due` if it lies ahead; only virtual time can jump. Returns whether it did. */
  jumpTo(due: number): boolean {
    const before = this.#now;
    if (this.#host !== null) this.#followHost();
    else if (due > this.#now) this.#now = due;
    // Only who has nothing to run jumps.
    this.#idle += this.#now - before;
    return this.#host === null || this.#now >= due;
  }

  /** Follows `host` from now on; null returns to virtual time. Time never goes back. */
  follow(host: HostClock | null): void {
    this.#host = host;
    if (host !== null) this.#hostOffset = this.#now - host();
  }

  get live(): boolean {
    return this.#host !== null;
  }

  #followHost(): void {
    if (this.#host === null) return;
    const now = Math.floor(this.#host() + this.#hostOffset);
    if (now > this.#now) this.#now = now;
  }
}
