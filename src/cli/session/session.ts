/** A stack of a stack file as a running machine: brought up step by step, run, and taken down in order. */

import { type InstalledSystem, type StartProblem, startSystem } from '../../install/index.ts';
import { Machine, type MachineSnapshot, NT_SUCCESS, ntstatusName } from '../../machine/index.ts';
import { createWire } from '../../wire/createWire.ts';
import type { Segment } from '../../wire/index.ts';
import { CliError } from '../cliError.ts';
import { ModuleImages } from '../installation/moduleImages.ts';
import { HopCapture } from '../recording/hopCapture.ts';
import { TraceFile } from '../recording/traceFile.ts';
import { WatchedWire } from '../recording/watchedWire.ts';
import { loadImage } from '../stack/driverImages.ts';
import type { StackAdapter, StackDescription } from '../stack/stackFile.ts';

/** Machine time of one turn, in milliseconds; between two the command looks at signals. */
const VIRTUAL_TURN = 10;
const LIVE_TURN = 50;
/** Machine time after which a stack without live wires and without a duration ends: a timer of a driver may never. */
export const VIRTUAL_LIMIT = 3_600_000;
/** Real milliseconds that taking a stack down may take. */
const STOP_LIMIT = 10_000;
const UNITS_PER_MILLISECOND = 10_000;

/** Why a run ended. */
export type RunEnd = 'done' | 'interrupted' | 'limit' | 'wire';

/** A running stack. */
export class Session {
  readonly stack: StackDescription;
  readonly machine: Machine;
  readonly wires: readonly WatchedWire[];
  /** What a machine directory could not start. */
  readonly problems: StartProblem[] = [];
  readonly #traceFile: TraceFile | null;
  readonly #capture: HopCapture | null;
  readonly #wireOf = new Map<StackAdapter, WatchedWire>();

  /** Makes machine and wires and creates the output files; nothing runs yet. @throws CliError, WireError */
  constructor(stack: StackDescription) {
    this.stack = stack;
    const { seed, processors, bindings } = stack;
    this.#traceFile =
      stack.trace === null
        ? null
        : new TraceFile(stack.trace, seed, {
            processors,
            durationMilliseconds: stack.durationMilliseconds,
            stack: stack.source,
          });
    this.#capture = stack.capture === null ? null : new HopCapture(stack.capture, this.#traceFile);
    this.machine = new Machine({
      seed,
      processors,
      memorySafety: stack.memorySafety,
      trace: this.#capture ?? this.#traceFile,
      filters: stack.filters,
      mayBind: (protocol, adapter, driver) => mayBind(bindings, protocol, adapter, driver),
    });
    if (this.#capture !== null) this.#capture.memory = this.machine.kernel.memory;
    const context = { segments: new Map<string, Segment>(), directory: stack.directory };
    for (const [index, adapter] of stack.adapters.entries()) {
      if (adapter.wire === null) continue;
      const wire = createWire(adapter.wire, context, `$.adapters[${index}].wire`);
      this.#wireOf.set(adapter, new WatchedWire(wire, this.#capture));
    }
    this.wires = [...this.#wireOf.values()];
  }

  /** Whether frames come from outside, in real time. */
  get live(): boolean {
    return this.wires.some((wire) => wire.properties.live);
  }

  /** Events recorded in the trace so far. */
  get eventsRecorded(): number {
    return this.#traceFile?.recorded ?? 0;
  }

  /** Frames written to the capture so far. */
  get framesCaptured(): number {
    return this.#capture?.frames ?? 0;
  }

  /**
   * Loads the drivers and adds the adapters, in the order of the file. @param step called after each with the stack so
   * far. @throws CliError DRIVER_REFUSED, ADAPTER_NOT_RUNNING, STACK_UNKNOWN_NAME, those of driver files, WireError
   */
  async bringUp(step: (snapshot: MachineSnapshot) => void): Promise<void> {
    const { machine, stack } = this;
    if (stack.installed !== null) return this.#startInstalled(stack.installed, step);
    for (const driver of stack.drivers) {
      const status = await machine.load(driver.name, await loadImage(driver), driver.parameters, {
        stubMissing: stack.stubMissing,
      });
      step(machine.snapshot());
      if (!NT_SUCCESS(status)) {
        throw new CliError(
          'DRIVER_REFUSED',
          `DriverEntry of "${driver.name}" returned ${ntstatusName(status)}, so the driver was unloaded; ` +
            'the findings and a trace (--trace FILE) say what it did before.',
        );
      }
    }
    for (const adapter of stack.adapters) {
      await this.#addAdapter(adapter);
      await machine.settle();
      step(machine.snapshot());
    }
    this.#checkBindings();
  }

  /** Starts a machine directory. What does not start is told in `problems`; the rest goes on. */
  async #startInstalled(
    installed: InstalledSystem,
    step: (snapshot: MachineSnapshot) => void,
  ): Promise<void> {
    const { machine, stack } = this;
    const images = new ModuleImages(installed);
    try {
      const problems = await startSystem(machine, installed, {
        load: (service, file) => images.load(service, file),
        wireOf: (instanceId) => {
          const adapter = stack.adapters.find(({ name }) => name === instanceId);
          return adapter === undefined ? undefined : this.#wireOf.get(adapter);
        },
        stubMissing: stack.stubMissing,
        step: () => step(machine.snapshot()),
      });
      this.problems.push(...problems.filter(({ ignorable }) => !ignorable));
    } finally {
      images.close();
    }
    for (const { failure } of this.wires) if (failure !== null) throw failure;
  }

  async #addAdapter(adapter: StackAdapter): Promise<void> {
    const wire = this.#wireOf.get(adapter);
    const { name, parameters } = adapter;
    const running = await this.machine.addAdapter(adapter.driver, {
      name,
      parameters,
      ...(wire === undefined ? {} : { wire }),
      ...(adapter.device === undefined ? {} : { device: { interrupts: adapter.device } }),
    });
    if (running) return;
    if (wire?.failure !== null && wire?.failure !== undefined) throw wire.failure;
    throw new CliError(
      'ADAPTER_NOT_RUNNING',
      `the adapter "${name}" did not start: MiniportInitializeEx of "${adapter.driver}" failed; ` +
        'the findings and a trace (--trace FILE) say why.',
    );
  }

  /** A name in the bindings that no adapter has is a mistake; adapters of intermediate drivers are known only now. */
  #checkBindings(): void {
    const adapters = this.machine.snapshot().adapters.map((adapter) => adapter.name);
    const known = adapters.map((name) => `"${name}"`).join(', ');
    for (const [driver, options] of Object.entries(this.stack.filters)) {
      const unknown = options.adapters?.find((name) => !adapters.includes(name));
      if (unknown === undefined) continue;
      throw new CliError(
        'STACK_UNKNOWN_NAME',
        `${this.stack.file}: $.filters.${driver}.adapters names "${unknown}", which no adapter is called; there are ${known}.`,
      );
    }
    for (const [driver, patterns] of this.stack.bindings) {
      for (const pattern of patterns) {
        if (adapters.some((name) => matches(pattern, name))) continue;
        throw new CliError(
          'STACK_UNKNOWN_NAME',
          `${this.stack.file}: $.bindings.${driver} names "${pattern}", which no adapter is called; there are ${known}.`,
        );
      }
    }
  }

  /**
   * Runs until the duration is over, nothing is left to do, or `interrupted` says so.
   * @param turn called between two turns.
   */
  async run(interrupted: () => boolean, turn: () => void): Promise<RunEnd> {
    const { machine, live } = this;
    const { clock } = machine.kernel;
    const duration = this.stack.durationMilliseconds;
    const start = clock.now;
    const limit = duration ?? (live ? Number.POSITIVE_INFINITY : VIRTUAL_LIMIT);
    const end = start + limit * UNITS_PER_MILLISECOND;
    for (;;) {
      if (interrupted()) return 'interrupted';
      if (clock.now >= end) return duration === null ? 'limit' : 'done';
      if (live && this.wires.every((wire) => wire.failure !== null || !wire.properties.live)) return 'wire';
      const next = clock.timers.nextDue();
      if (!live && duration === null && next === null) {
        await machine.settle();
        if (clock.timers.nextDue() === null) return 'done';
      }
      const turnEnd = clock.now + (live ? LIVE_TURN : VIRTUAL_TURN) * UNITS_PER_MILLISECOND;
      const until = Math.min(end, live ? turnEnd : Math.max(turnEnd, next ?? 0));
      await machine.run((until - clock.now) / UNITS_PER_MILLISECOND);
      turn();
      // Signals arrive between two turns of the event loop only.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Takes the stack down. @throws CliError STOP_TOO_LONG when a driver does not let go. */
  async takeDown(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const pending = this.machine
          .snapshot()
          .adapters.map(({ name, state }) => `"${name}" is ${state}`)
          .join(', ');
        reject(
          new CliError(
            'STOP_TOO_LONG',
            `the stack did not come down within ${STOP_LIMIT / 1000} s (${pending || 'no adapter is left'}); ` +
              'a driver does not complete a pause, an unbind or its Unload routine.',
          ),
        );
      }, STOP_LIMIT);
    });
    try {
      await Promise.race([this.machine.stop(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes wires and output files. @throws CliError OUTPUT_FAILED */
  close(): void {
    for (const wire of this.wires) wire.close();
    try {
      this.#capture?.close();
    } finally {
      this.#traceFile?.close();
    }
  }
}

/** Whether the bindings of a stack file let a protocol bind to an adapter. */
function mayBind(
  bindings: ReadonlyMap<string, readonly string[]>,
  protocol: string,
  adapter: string,
  driver: string,
): boolean {
  const patterns = bindings.get(driver) ?? bindings.get(protocol);
  return patterns === undefined || patterns.some((pattern) => matches(pattern, adapter));
}

/** Whether a name matches a pattern in which `*` stands for any characters. */
function matches(pattern: string, name: string): boolean {
  const [head, ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === name;
  if (!name.startsWith(head)) return false;
  const tail = rest[rest.length - 1];
  let at = head.length;
  for (const part of rest.slice(0, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - tail.length >= at && name.endsWith(tail);
}
