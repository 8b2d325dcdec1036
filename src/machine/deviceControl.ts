/**
 * What the Plug and Play and power managers of a machine do with its adapters, for the host: removal, stopping,
 * hardware that is pulled out, sleeping states of one adapter and of the whole system.
 * Implements "Removing a NIC", "Stopping a NIC" and "Handling a Set Power Request" (network).
 */

import { NdisboxError } from '../kernel/index.ts';
import {
  createEvent,
  deepestWakingState,
  deviceOf,
  inventoryOf,
  type MiniportAdapter,
  NdisDeviceStateD0,
  NdisHaltDeviceDisabled,
  type NdisLibrary,
  type PowerState,
  powerNumber,
  powerOf,
  queueOperation,
  type StackOperation,
  signalWake,
  surpriseRemove,
  systemPowerOf,
  waitForOperations,
} from '../ndis/index.ts';

/** How a query ends that a driver refuses. */
export interface RemovalOptions {
  /** Go on although a driver refused, as the Plug and Play manager may; default false. */
  readonly force?: boolean;
}

/** Operations without their event. */
type Work = StackOperation extends infer O
  ? O extends { readonly event: number }
    ? Omit<O, 'event'>
    : never
  : never;

export class DeviceControl {
  readonly #ndis: NdisLibrary;
  readonly #runDown: (done: () => boolean) => Promise<void>;
  readonly #run: (done: () => boolean) => Promise<void>;

  /**
   * @param runDown runs the machine until `done`, and goes on without what drivers owe.
   * @param run runs it until `done`, or until nothing more happens by itself.
   */
  constructor(
    ndis: NdisLibrary,
    runDown: (done: () => boolean) => Promise<void>,
    run: (done: () => boolean) => Promise<void>,
  ) {
    this.#ndis = ndis;
    this.#runDown = runDown;
    this.#run = run;
  }

  /** The adapter of this name. @throws NdisboxError NO_SUCH_ADAPTER */
  adapter(name: string): MiniportAdapter {
    for (const adapter of inventoryOf(this.#ndis).adapters) if (adapter.instanceName === name) return adapter;
    throw new NdisboxError(
      'NO_SUCH_ADAPTER',
      `there is no adapter "${name}"; the snapshot lists those there are`,
    );
  }

  /** Asks the stack, and removes the adapter unless a driver refuses; whether it was removed. */
  async remove(name: string, options: RemovalOptions): Promise<boolean> {
    const adapter = this.adapter(name);
    if (!(await this.#ask(adapter, 'IRP_MN_QUERY_REMOVE_DEVICE', 'IRP_MN_CANCEL_REMOVE_DEVICE', options))) {
      return false;
    }
    await this.#operate(adapter, { kind: 'halt', action: NdisHaltDeviceDisabled });
    return true;
  }

  /** The hardware is gone, whatever its adapter does. */
  async surpriseRemove(name: string): Promise<void> {
    const adapter = this.adapter(name);
    await this.#finish((event) => surpriseRemove(this.#ndis, adapter, event));
  }

  /** Asks the stack, and stops the adapter unless a driver refuses; whether it is stopped. */
  async stop(name: string, options: RemovalOptions): Promise<boolean> {
    const adapter = this.adapter(name);
    if (!(await this.#ask(adapter, 'IRP_MN_QUERY_STOP_DEVICE', 'IRP_MN_CANCEL_STOP_DEVICE', options)))
      return false;
    await this.#operate(adapter, { kind: 'device', request: 'IRP_MN_STOP_DEVICE' });
    return deviceOf(this.#ndis, adapter).state === 'Stopped';
  }

  /** Starts a stopped adapter; whether it runs. */
  async start(name: string): Promise<boolean> {
    const adapter = this.adapter(name);
    await this.#operate(adapter, { kind: 'device', request: 'IRP_MN_START_DEVICE' });
    return adapter.state === 'Running';
  }

  /** Takes one adapter to a state; whether it is there. */
  async setPower(name: string, state: PowerState): Promise<boolean> {
    const adapter = this.adapter(name);
    await this.#setPower([adapter], () => powerNumber(state));
    return powerOf(this.#ndis, adapter).state === state;
  }

  /**
   * The system goes to sleep: every adapter is asked, then set, the virtual ones before those they stand on. An adapter
   * that is to wake the system goes no deeper than it can wake from.
   */
  async suspend(): Promise<void> {
    const adapters = this.#adapters();
    const state = (adapter: MiniportAdapter) => deepestWakingState(this.#ndis, adapter);
    for (const adapter of adapters) {
      await this.#operate(adapter, { kind: 'power', query: true, state: state(adapter) });
    }
    await this.#setPower(adapters, state);
    systemPowerOf(this.#ndis).asleep = true;
  }

  /** The system wakes up: every adapter goes to D0, the virtual ones last. */
  async resume(): Promise<void> {
    systemPowerOf(this.#ndis).asleep = false;
    await this.#setPower(this.#adapters().toReversed(), () => NdisDeviceStateD0);
  }

  /** The hardware of an adapter signals that it wakes; whether it may, and everything is back at work. */
  async wake(name: string): Promise<boolean> {
    const adapter = this.adapter(name);
    if (!signalWake(this.#ndis, adapter)) return false;
    await this.#runDown(() => [...inventoryOf(this.#ndis).adapters].every((one) => !one.working));
    return powerOf(this.#ndis, adapter).state === 'D0';
  }

  /** Virtual adapters, then the others. */
  #adapters(): MiniportAdapter[] {
    const all = [...inventoryOf(this.#ndis).adapters];
    return [
      ...all.filter((adapter) => adapter.virtual).toReversed(),
      ...all.filter((adapter) => !adapter.virtual),
    ];
  }

  async #setPower(
    adapters: readonly MiniportAdapter[],
    state: (adapter: MiniportAdapter) => number,
  ): Promise<void> {
    for (const adapter of adapters) {
      await this.#operate(adapter, { kind: 'power', query: false, state: state(adapter) });
    }
  }

  async #ask(
    adapter: MiniportAdapter,
    query: 'IRP_MN_QUERY_REMOVE_DEVICE' | 'IRP_MN_QUERY_STOP_DEVICE',
    cancel: 'IRP_MN_CANCEL_REMOVE_DEVICE' | 'IRP_MN_CANCEL_STOP_DEVICE',
    { force = false }: RemovalOptions,
  ): Promise<boolean> {
    const device = deviceOf(this.#ndis, adapter);
    device.queryStatus = 0;
    await this.#operate(adapter, { kind: 'device', request: query });
    if (device.queryStatus === 0 || force) return true;
    await this.#operate(adapter, { kind: 'device', request: cancel });
    return false;
  }

  /** Queues an operation and runs the machine until it is over. */
  async #operate(adapter: MiniportAdapter, work: Work): Promise<void> {
    // The event completes the operation that `work` began.
    await this.#finish((event) => queueOperation(this.#ndis, adapter, { ...work, event } as StackOperation));
  }

  async #finish(begin: (event: number) => void): Promise<void> {
    const { kernel } = this.#ndis;
    const event = createEvent(kernel);
    begin(event);
    let over = false;
    const finished = (): void => {
      over = true;
    };
    const locals = { events: [event], index: 0 };
    kernel.scheduler.createThread('device control', waitForOperations, this.#ndis, locals, { finished });
    await this.#runDown(() => over);
    // What stands on the adapter comes up, or goes down, in its own time.
    await this.#run(() => [...inventoryOf(this.#ndis).adapters].every((adapter) => !adapter.working));
  }
}
