/**
 * What drives a machine while the host waits for it. The host may wait for several things at once (time to pass,
 * a driver to load, requests to devices); one loop runs the scheduler for all of them. Time never passes beyond the
 * earliest end that somebody asked for. Implements decision 5 of the design (one run loop).
 */

import { type Kernel, macrotask, NdisboxError } from '../kernel/index.ts';

/** Something the host waits for. */
interface Goal {
  readonly done: () => boolean;
  /** Machine time, in units of 100 ns, at which the goal ends anyway. */
  readonly until: number;
  /** A request to a device: it waits for what other calls do, also when nothing happens by itself. */
  readonly patient: boolean;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Runs the scheduler of one machine. */
export class RunLoop {
  readonly #kernel: Kernel;
  readonly #goals = new Set<Goal>();
  #running = false;
  /** The goals are not those that the scheduler was started for. */
  #changed = false;
  #wakeUp: (() => void) | null = null;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Something came from outside (a wire, the host): the loop looks at it if it is idle. */
  wake(): void {
    this.#wakeUp?.();
  }

  /** Runs until `done`, until machine time `until`, or until nothing more will happen by itself. */
  run(done: () => boolean, until = Number.POSITIVE_INFINITY): Promise<void> {
    return this.#add(done, until, false);
  }

  /**
   * Runs while `work` is not settled, and gives its outcome. Where nothing more will happen by itself, the work waits
   * for the next call that runs the machine.
   */
  async runFor<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const settled = (): void => {
      over = true;
    };
    work.then(settled, settled);
    // A machine that stops rejects the work too, and that is what the host sees.
    this.#add(() => over, Number.POSITIVE_INFINITY, true).catch(settled);
    return await work;
  }

  #add(done: () => boolean, until: number, patient: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#goals.add({ done, until, patient, resolve, reject });
      this.#changed = true;
      this.wake();
      if (!this.#running) void this.#loop();
    });
  }

  async #loop(): Promise<void> {
    this.#running = true;
    try {
      let goesOn = true;
      // A goal that was reached may have been answered with a new one before this loop could end.
      while (goesOn || this.#changed) goesOn = await this.#turn();
    } catch (error) {
      for (const goal of this.#goals) goal.reject(error);
      this.#goals.clear();
    } finally {
      this.#running = false;
    }
  }

  /** Runs the scheduler once; false when there is nothing to run it for. */
  async #turn(): Promise<boolean> {
    const { scheduler, clock, stopReason } = this.#kernel;
    this.#changed = false;
    this.#reach((goal) => goal.done());
    if (this.#goals.size === 0) return false;
    if (stopReason !== null) throw stopReason;
    const goals = [...this.#goals];
    const until = Math.min(...goals.map((goal) => goal.until));
    const patient = goals.every((goal) => goal.patient);
    const outcome = await scheduler.run(
      () => this.#changed || goals.some((goal) => goal.done()),
      patient ? clock.now : until,
    );
    if (outcome === 'stopped')
      throw this.#kernel.stopReason ?? new NdisboxError('INTERNAL', 'stopped without a reason');
    if (outcome === 'done') return true;
    return await this.#idle(until, patient);
  }

  /** Nothing is left to run before `until`. */
  async #idle(until: number, patient: boolean): Promise<boolean> {
    const { clock } = this.#kernel;
    if (clock.live && clock.now < until) {
      // What the host does as soon as a request is over comes before the wait for the outside.
      if (patient) await macrotask();
      if (!this.#changed && ![...this.#goals].some((goal) => goal.done())) await this.#outside(until);
      return true;
    }
    if (!patient) {
      this.#reach((goal) => !goal.patient && goal.until <= until);
      return true;
    }
    // Only requests are left. The host gets a chance to say how far time may pass; if it does not, time passes to
    // the next timer.
    await macrotask();
    if (this.#changed || [...this.#goals].some((goal) => goal.done())) return true;
    const due = clock.timers.onlyBackground ? null : clock.timers.nextDue();
    if (due === null) return false;
    clock.jumpTo(due);
    return true;
  }

  #reach(reached: (goal: Goal) => boolean): void {
    for (const goal of this.#goals) {
      if (!reached(goal)) continue;
      this.#goals.delete(goal);
      goal.resolve();
    }
  }

  /** Waits until something comes from outside, or the next timer or `until` is due. */
  async #outside(until: number): Promise<void> {
    const { clock } = this.#kernel;
    const due = Math.min(clock.timers.nextDue() ?? Number.POSITIVE_INFINITY, until);
    await new Promise<void>((resolve) => {
      const timer = Number.isFinite(due)
        ? setTimeout(resolve, Math.max(0, (due - clock.read()) / 10_000))
        : undefined;
      this.#wakeUp = () => {
        if (timer !== undefined) clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = null;
  }
}
