/**
 * The machine: one simulated computer, put together from the floors. Drivers are loaded into it, adapters are added,
 * it runs, and it is taken down in order. Two machines in one process share nothing.
 */

import {
  attachBugChecks,
  attachDevices,
  attachFiles,
  attachInputOutput,
  attachSynchronization,
  attachSystemRoutines,
  createService,
  type DRIVER_INITIALIZE,
  type Driver,
  driverLifeOf,
  findService,
  Kernel,
  type KernelOptions,
  NdisboxError,
  NT_SUCCESS,
  type NTSTATUS,
  ntstatusName,
  openDevice,
  type Process,
  poolOf,
  processesOf,
  registryOf,
  Seam,
  type SeamObserver,
  STATUS_PENDING,
  startLoadingDriver,
  startShutdown,
  startUnloadingDriver,
} from '../kernel/index.ts';
import type { Address } from '../memory/index.ts';
import {
  attachHandlerSource,
  attachRoutineSource,
  completeForDrivers,
  createAdapter,
  createNdis,
  functionOf,
  IF_TYPE_ETHERNET_CSMACD,
  inventoryOf,
  type MiniportAdapter,
  type MiniportDriver,
  NdisHaltDeviceDisabled,
  type NdisLibrary,
  type NdisOptions,
  type PowerState,
  type ProtocolDriver,
  queueOperation,
  shutdownAdapters,
  signalWake,
  uninstallProtocol,
} from '../ndis/index.ts';
import type { Wire } from '../wire/index.ts';
import type { CompiledDrivers, CompiledOptions } from './compiledDrivers.ts';
import { DeviceControl, type RemovalOptions } from './deviceControl.ts';
import type { DriverImage } from './driverImage.ts';
import { createImports, DATA_TAG, type ImportParts } from './driverImports.ts';
import { FilterConfigurations, type FilterOptions } from './filterConfigurations.ts';
import { attachDevice, type DeviceOptions, deviceWire, EPOCH_NANOSECONDS } from './hardware.ts';
import { type InterfaceAnswer, startInterfaceQuery } from './interfaces.ts';
import { OpenedDevice } from './openedDevice.ts';
import { RingHost } from './ring/ringFunctions.ts';
import { handlerSource, routineSource, systemRoutineSource } from './routineSource.ts';
import { RunLoop } from './runLoop.ts';
import { type MachineSnapshot, takeSnapshot } from './snapshot.ts';
import { StackEvents } from './stackEvents.ts';
import { structureNamed } from './structures.ts';
import { WireDevice } from './wireDevice.ts';

/** How a machine is built. */
export interface MachineOptions extends KernelOptions, NdisOptions {
  /** Check IRQL, handles and arguments at every call of a driver; default true. */
  readonly checks?: boolean;
  /** Whether a protocol of a driver may bind to an adapter; default: every protocol to every adapter. */
  readonly mayBind?: (protocol: string, adapter: string, driver: string) => boolean;
  /**
   * Explore schedules finely: with several processors another one may run before any access of a compiled driver to
   * memory outside of its stack, and before any locked instruction. Slow; default false: between calls and slices of
   * instructions.
   */
  readonly exploreAccesses?: boolean;
  /**
   * Instructions that a compiled driver may run without calling anything before it counts as an endless loop, and the
   * machine stops; default 2,000,000,000.
   */
  readonly spinLimit?: number;
  /** How filter drivers are configured, by the name of their service; default: modifying, optional, on all adapters. */
  readonly filters?: Readonly<Record<string, FilterOptions>>;
  /** Told of every import and callback that returned; for coverage. */
  readonly observe?: SeamObserver;
}

/** An adapter to add. */
export interface AdapterOptions {
  /** What people read, `Ethernet 1`; unique in the machine. */
  readonly name: string;
  /** The wire that the miniport drives, or to which its device is connected. */
  readonly wire?: Wire;
  /** Hardware for the adapter: a teaching device on the bus (docs/teaching-device.md) instead of the bare wire. */
  readonly device?: DeviceOptions;
  /** Values of the adapter's configuration key, such as `NetworkAddress`. */
  readonly parameters?: Readonly<Record<string, string | number>>;
  /** NetCfgInstanceId, `{GUID}`, of an adapter that was installed; without it one is made. */
  readonly netCfgInstanceId?: string;
}

/** Machine time that a step of taking down may take with a live wire: 5 s in units of 100 ns. */
const TEARDOWN_LIMIT = 50_000_000;

export class Machine {
  readonly kernel: Kernel;
  readonly ndis: NdisLibrary;
  readonly #seam: Seam;
  readonly #importParts: ImportParts;
  readonly #filters: FilterConfigurations;
  readonly #wires = new Map<MiniportAdapter, WireDevice>();
  readonly #data = new Map<Driver, Address[]>();
  readonly #loop: RunLoop;
  readonly #devices = new Set<OpenedDevice>();
  #announced: { readonly driverName: string; readonly options: AdapterOptions }[] = [];
  readonly #control: DeviceControl;
  /** Tells drivers of what users change: settings, the order of bindings, wake-up, the power source. */
  readonly events: StackEvents;
  #compiled: CompiledDrivers | null = null;

  constructor(options: MachineOptions = {}) {
    this.kernel = new Kernel(options);
    this.#loop = new RunLoop(this.kernel);
    attachSynchronization(this.kernel);
    attachInputOutput(this.kernel);
    attachDevices(this.kernel);
    attachFiles(this.kernel);
    attachBugChecks(this.kernel);
    this.ndis = createNdis(this.kernel, options);
    this.#control = new DeviceControl(
      this.ndis,
      (done) => this.#runDown(done),
      (done) => this.#loop.run(done, this.#patience()),
    );
    this.events = new StackEvents(
      this.ndis,
      (name) => this.#control.adapter(name),
      (done) => this.#runDown(done),
    );
    this.#filters = new FilterConfigurations(this.ndis);
    for (const [name, filter] of Object.entries(options.filters ?? {})) this.#filters.configure(name, filter);
    const { mayBind } = options;
    if (mayBind !== undefined) {
      inventoryOf(this.ndis).mayBind = (protocol: ProtocolDriver, adapter: MiniportAdapter) =>
        mayBind(protocol.name, adapter.instanceName, protocol.driver.name);
    }
    this.#seam = new Seam(
      this.kernel,
      {
        checks: options.checks ?? true,
        trace: options.trace !== undefined && options.trace !== null,
        explore: (options.processors ?? 1) > 1,
        observe: options.observe,
      },
      structureNamed,
    );
    const wireOf = (adapter: MiniportAdapter): WireDevice | null => this.#wires.get(adapter) ?? null;
    this.#importParts = {
      kernel: this.kernel,
      ndis: this.ndis,
      seam: this.#seam,
      keep: (driver, address) => {
        const known = this.#data.get(driver);
        if (known === undefined) this.#data.set(driver, [address]);
        else known.push(address);
      },
      wireOf,
      exploreAccesses: options.exploreAccesses ?? false,
      spinLimit: options.spinLimit,
      rings: new RingHost(this.kernel, this.ndis, wireOf),
    };
    attachRoutineSource(
      this.ndis,
      routineSource(this.#seam, this.ndis, (driver, name) => this.#compiled?.routine(driver, 'ndis', name)),
    );
    inventoryOf(this.ndis).claimDevices = (miniport) =>
      this.#claimAnnounced(miniport.driver.name).map((options) => this.#createAdapter(miniport, options));
    attachHandlerSource(
      this.ndis,
      handlerSource(this.#seam, this.ndis, (driver, handler) => this.#compiled?.handler(driver, handler)),
    );
    attachSystemRoutines(
      this.kernel,
      systemRoutineSource(this.#seam, this.kernel, (driver, name) =>
        this.#compiled?.routine(driver, 'ntoskrnl', name),
      ),
    );
  }

  /**
   * Loads a driver as the service `name` and waits for its DriverEntry.
   * @param image a TypeScript driver, or the bytes of a compiled one (`.sys`).
   * @returns STATUS_SUCCESS, or the status with which the driver was refused; `machine.findings` then says more.
   * @throws NdisboxError DUPLICATE_DRIVER for a name that is loaded, or the reason for which the machine stopped.
   */
  async load(
    name: string,
    image: DriverImage | Uint8Array,
    parameters: AdapterOptions['parameters'] = {},
    options: CompiledOptions = {},
  ): Promise<NTSTATUS> {
    if (this.driver(name) !== null) {
      throw new NdisboxError(
        'DUPLICATE_DRIVER',
        `a driver "${name}" is loaded; give each driver a name of its own`,
      );
    }
    const compiled =
      typeof image === 'function' ? null : (await this.#compiledDrivers()).parse(name, image, options);
    // A service that was installed keeps its record.
    const service = findService(this.kernel, name) ?? createService(this.kernel, name);
    const key = service.create('Parameters');
    for (const [value, data] of Object.entries(parameters)) key.set(value, data);
    const driver = this.#seam.createDriver(name);
    let status: NTSTATUS | null = null;
    let entry: Address | DRIVER_INITIALIZE;
    try {
      entry = typeof image === 'function' ? this.#entryOf(image, driver) : (compiled?.map(driver) ?? 0);
    } catch (error) {
      // Nothing of it was mapped; the name is free again.
      driver.state = 'failed';
      throw error;
    }
    startLoadingDriver(this.kernel, driver, entry, (result) => {
      status = result;
    });
    await this.#loop.run(() => status !== null);
    // Assigned by the callback, which the compiler does not see.
    const result = status as NTSTATUS | null;
    if (result === null) {
      throw stuck(`DriverEntry of ${name}`);
    }
    if (NT_SUCCESS(result)) {
      this.#compiled?.entered(driver);
      for (const device of this.#claimAnnounced(name)) await this.addAdapter(name, device);
    } else this.#compiled?.unmap(driver);
    if (!NT_SUCCESS(result)) this.kernel.note('load', `${name} was refused with ${ntstatusName(result)}`);
    return result;
  }

  /**
   * Unloads a driver; its adapters are halted and its bindings undone first.
   * @returns STATUS_SUCCESS, STATUS_INVALID_DEVICE_REQUEST for a driver without an unload routine, or STATUS_PENDING
   * while a device of it is open: it is unloaded when the last one is closed.
   * @throws NdisboxError NO_SUCH_DRIVER; DRIVER_STUCK where a routine of the driver never returns.
   */
  async unload(name: string): Promise<NTSTATUS> {
    const status = await this.#unload(this.#loaded(name));
    if (status === null) throw stuck(`the unload routine of ${name}, or a handler that it waits for,`);
    return status;
  }

  /**
   * Uninstalls a driver as a user would: its protocols are unbound everywhere, their ProtocolUninstall is called, and
   * the driver is unloaded. For a driver without a protocol the same as `unload`, which does all this by itself for the
   * protocol of an intermediate driver. Source: ndis/nc-ndis-protocol_uninstall.
   * @returns like `unload`. @throws NdisboxError like `unload`.
   */
  async uninstall(name: string): Promise<NTSTATUS> {
    const driver = this.#loaded(name);
    for (const protocol of inventoryOf(this.ndis).protocols) {
      if (protocol.driver !== driver || protocol.associated !== null) continue;
      let over = false;
      const finished = (): void => {
        over = true;
      };
      const locals = { protocol: protocol.handle };
      this.kernel.scheduler.createThread('uninstall', uninstallProtocol, this.ndis, locals, { finished });
      await this.#runDown(() => over);
      // Assigned by the callback, which the compiler does not see.
      if (!(over as boolean)) throw stuck(`ProtocolUninstall of ${name}, or a handler that it waits for,`);
    }
    return this.unload(name);
  }

  /**
   * Says what the INF file of a filter driver would: type, class, mandatory or not, on which adapters. Best before it is
   * loaded: modules that are attached keep their place. @throws NdisboxError BAD_OPTION
   */
  configureFilter(name: string, options: FilterOptions): void {
    this.#filters.configure(name, options);
  }

  /**
   * Adds an adapter for a loaded miniport driver and brings its stack up.
   * @returns whether the adapter runs; if not, findings and notes say why.
   * @throws NdisboxError DUPLICATE_ADAPTER, NOT_A_MINIPORT.
   */
  async addAdapter(driverName: string, options: AdapterOptions): Promise<boolean> {
    const miniport = this.#miniportOf(driverName);
    const inventory = inventoryOf(this.ndis);
    if (inventory.adaptersByInstanceName.has(options.name)) {
      throw new NdisboxError(
        'DUPLICATE_ADAPTER',
        `there is an adapter "${options.name}"; give each a name of its own`,
      );
    }
    const adapter = this.#createAdapter(miniport, options);
    queueOperation(this.ndis, adapter, { kind: 'initialize', event: 0 });
    await this.#loop.run(() => !adapter.working);
    return adapter.state === 'Running';
  }

  /**
   * Adds an adapter for a miniport driver that is not loaded yet: the device was there before its driver. It is
   * initialized when the driver registers, for a driver of NDIS 5 inside that very call.
   */
  announceAdapter(driverName: string, options: AdapterOptions): void {
    this.#announced.push({ driverName, options });
  }

  #createAdapter(miniport: MiniportDriver, options: AdapterOptions): MiniportAdapter {
    const ifType = Number(options.parameters?.['*IfType'] ?? IF_TYPE_ETHERNET_CSMACD);
    const name = options.netCfgInstanceId ?? adapterGuid;
    const adapter = createAdapter(this.ndis, miniport, name, options.name, ifType);
    const key = registryOf(this.kernel).create(adapter.configurationKeyPath);
    for (const [value, data] of Object.entries(options.parameters ?? {})) key.set(value, data);
    try {
      this.#attachHardware(adapter, options);
    } catch (error) {
      inventoryOf(this.ndis).removeAdapter(adapter);
      throw error;
    }
    return adapter;
  }

  /** The devices that were announced for a driver, which are its own from now on. */
  #claimAnnounced(driverName: string): AdapterOptions[] {
    const claimed = this.#announced.filter((device) => device.driverName === driverName);
    this.#announced = this.#announced.filter((device) => device.driverName !== driverName);
    return claimed.map(({ options }) => options);
  }

  /**
   * Removes an adapter as the Plug and Play manager does: the drivers above it are asked, and unless one refuses the
   * stack is taken down. @returns whether it was removed. @throws NdisboxError NO_SUCH_ADAPTER
   */
  async removeAdapter(name: string, options: RemovalOptions = {}): Promise<boolean> {
    const adapter = this.#control.adapter(name);
    const removed = await this.#control.remove(name, options);
    if (removed) this.#detachWire(adapter);
    return removed;
  }

  /**
   * Pulls the hardware of an adapter out, at whatever moment: its wire is dead at once, and its stack is taken down as
   * documented. @throws NdisboxError NO_SUCH_ADAPTER
   */
  async surpriseRemoveAdapter(name: string): Promise<void> {
    const adapter = this.#control.adapter(name);
    this.#wires.get(adapter)?.pullOut();
    functionOf(this.ndis, adapter)?.remove();
    await this.#control.surpriseRemove(name);
    this.#detachWire(adapter);
  }

  /** Stops an adapter so that its resources can change, unless a driver refuses. @returns whether it is stopped. */
  stopAdapter(name: string, options: RemovalOptions = {}): Promise<boolean> {
    return this.#control.stop(name, options);
  }

  /** Starts a stopped adapter again. @returns whether it runs. */
  startAdapter(name: string): Promise<boolean> {
    return this.#control.start(name);
  }

  /** Stops an adapter and starts it again, as a rebalance of resources does. @returns whether it runs. */
  async rebalanceAdapter(name: string, options: RemovalOptions = {}): Promise<boolean> {
    return (await this.stopAdapter(name, options)) && (await this.startAdapter(name));
  }

  /** Takes one adapter to a device power state. @returns whether it is there: old drivers know D0 and D3 alone. */
  setAdapterPower(name: string, state: PowerState): Promise<boolean> {
    return this.#control.setPower(name, state);
  }

  /** The whole system sleeps: adapters are asked and set, those that are to wake it no deeper than they can wake from. */
  suspend(): Promise<void> {
    return this.#control.suspend();
  }

  /**
   * The hardware of a sleeping adapter asserts its wake-up signal, and with the adapter the system wakes up if it sleeps.
   * @returns whether it did: something had to be enabled that may wake it.
   */
  wakeAdapter(name: string): Promise<boolean> {
    return this.#control.wake(name);
  }

  /** The whole system is back at work. */
  resume(): Promise<void> {
    return this.#control.resume();
  }

  /**
   * Opens a device as a user program does: `\\.\Name`, `\??\Name` or `\Device\Name`. The machine runs while the
   * host awaits the device or a request to it, also beside other calls that run the machine; while the host awaits
   * nothing else, virtual time passes from timer to timer.
   * @param process the program that opens it; default: one program for everything that the host opens.
   * @throws NdisboxError DEVICE_NOT_OPENED with the status of the driver in its message.
   */
  async openDevice(path: string, process?: Process): Promise<OpenedDevice> {
    const handle = await this.#loop.runFor(openDevice(this.kernel, path, process));
    const device = new OpenedDevice(handle, this.#loop, () => this.#devices.delete(device));
    this.#devices.add(device);
    return device;
  }

  /**
   * Makes a user program: a process with memory of its own, which drivers reach while it is current. Drivers that asked
   * are told of it. @throws NdisboxError TOO_MANY_PROCESSES
   */
  createProcess(name: string): Process {
    return processesOf(this.kernel).create(name);
  }

  /** Runs until nothing is left to do but to wait for time, wires or the host. Virtual time does not pass. */
  async settle(): Promise<void> {
    await this.#loop.run(() => false, this.kernel.clock.now);
  }

  /** Runs for `milliseconds` of machine time. */
  async run(milliseconds: number): Promise<void> {
    const end = this.kernel.clock.now + Math.round(milliseconds * 10_000);
    await this.#loop.run(() => this.kernel.clock.now >= end, end);
  }

  /** Runs until nothing more will happen by itself: no work, no timer, no frame on a wire. */
  async runToEnd(): Promise<void> {
    await this.#loop.run(() => false);
  }

  /**
   * Sends IRP_MJ_SHUTDOWN to who asked for it, closes the devices that are still open, takes every stack down in order
   * and unloads every driver, the last one loaded first. Afterwards the findings are complete. Does nothing to a
   * machine that a bug check stopped.
   */
  async stop(): Promise<void> {
    if (this.kernel.stopReason !== null) return this.#closeWires();
    let told = false;
    startShutdown(this.kernel, () => {
      told = true;
    });
    await this.#loop.run(() => told);
    for (const device of this.#devices) {
      await device.cancel();
      await device.close();
    }
    this.#devices.clear();
    const adapters = [...inventoryOf(this.ndis).adapters].filter((adapter) => !adapter.virtual);
    for (const adapter of adapters) {
      queueOperation(this.ndis, adapter, { kind: 'halt', action: NdisHaltDeviceDisabled, event: 0 });
      await this.#runDown(() => adapter.halted);
    }
    for (const driver of this.kernel.drivers.toReversed()) {
      if (driver.state !== 'loaded' || (await this.#unload(driver)) !== null) continue;
      const text = `the unload routine of ${driver.name}, or a handler that it waits for, never returned`;
      this.kernel.report('NEVER_COMPLETED', driver, text, 'wdm/nc-wdm-driver_unload');
    }
    this.#closeWires();
  }

  /**
   * Shuts the system down as a power-off does: MiniportShutdownEx of every adapter runs, then the machine is stopped
   * with the code SHUT_DOWN and calls nothing of a driver any more. Nothing is unloaded.
   */
  async shutdown(): Promise<void> {
    if (this.kernel.stopReason !== null) return this.#closeWires();
    let told = false;
    const finished = () => {
      told = true;
    };
    this.kernel.scheduler.createThread(
      'shutdown',
      shutdownAdapters,
      this.ndis,
      { adapters: [], index: 0 },
      { finished },
    );
    await this.#loop.run(() => told);
    this.kernel.stop(new NdisboxError('SHUT_DOWN', 'the machine was shut down; create a new one'));
    this.#closeWires();
  }

  /**
   * Asks a network interface about itself, as a management program does: its provider, or NDIS for adapters and filter
   * modules. `snapshot().interfaces` lists them.
   * @param oid one of "NDIS network interface OIDs" (network), or an OID that the miniport driver answers.
   */
  async queryInterface(ifIndex: number, oid: number): Promise<InterfaceAnswer> {
    let answer: InterfaceAnswer | null = null;
    startInterfaceQuery(this.kernel, this.ndis, ifIndex, oid, (given) => {
      answer = given;
    });
    await this.#loop.run(() => answer !== null);
    // Assigned by the callback, which the compiler does not see.
    const given = answer as InterfaceAnswer | null;
    if (given === null) throw stuck(`ProviderQueryObject of interface ${ifIndex}`);
    return given;
  }

  /** The stack as plain data. */
  snapshot(): MachineSnapshot {
    return takeSnapshot(
      this.ndis,
      this.kernel.drivers,
      (adapter) => (this.#wires.get(adapter)?.wire ?? deviceWire(this.ndis, adapter))?.name ?? '',
    );
  }

  /** The loaded or loading driver of this name. */
  driver(name: string): Driver | null {
    const alive = this.kernel.drivers.filter(
      (driver) => driver.state !== 'unloaded' && driver.state !== 'failed',
    );
    return alive.find((driver) => driver.name === name) ?? null;
  }

  /**
   * Runs until `done`. What drivers owe and never do is a finding each, and NDIS goes on without it: at once when
   * nothing else will happen, after TEARDOWN_LIMIT with a live wire.
   */
  async #runDown(done: () => boolean): Promise<void> {
    do {
      await this.#loop.run(done, this.#patience());
    } while (!done() && completeForDrivers(this.ndis) > 0);
  }

  /** Until when a step is waited for: with a live wire something always happens. */
  #patience(): number {
    const { clock } = this.kernel;
    return clock.live ? clock.now + TEARDOWN_LIMIT : Number.POSITIVE_INFINITY;
  }

  /** Unloads a driver; null when a routine of it never returns. */
  async #unload(driver: Driver): Promise<NTSTATUS | null> {
    let status: NTSTATUS | null = null;
    startUnloadingDriver(this.kernel, driver, (result) => {
      status = result;
      if (!NT_SUCCESS(result)) return;
      this.#compiled?.unmap(driver);
      for (const address of this.#data.get(driver) ?? []) poolOf(this.kernel).free(address, DATA_TAG);
      this.#data.delete(driver);
    });
    const waits = (): boolean => driverLifeOf(this.kernel).waitingForClose.has(driver.id);
    await this.#runDown(() => status !== null || waits());
    return status ?? (waits() ? STATUS_PENDING : null);
  }

  #entryOf(image: DriverImage, driver: Driver): DRIVER_INITIALIZE {
    const entryPoint = image(createImports(this.#importParts, driver));
    return (object, path) => entryPoint.DriverEntry(object, path);
  }

  /** What runs compiled drivers; a machine without one never loads the engine. */
  async #compiledDrivers(): Promise<CompiledDrivers> {
    if (this.#compiled === null) {
      const { CompiledDrivers } = await import('./compiledDrivers.ts');
      this.#compiled ??= new CompiledDrivers(this.#importParts);
    }
    return this.#compiled;
  }

  #loaded(name: string): Driver {
    const driver = this.driver(name);
    if (driver === null) throw new NdisboxError('NO_SUCH_DRIVER', `no driver "${name}" is loaded`);
    return driver;
  }

  #miniportOf(name: string): MiniportDriver {
    const driver = this.#loaded(name);
    for (const miniport of inventoryOf(this.ndis).miniports) {
      if (miniport.driver === driver && !miniport.intermediate) return miniport;
    }
    throw new NdisboxError(
      'NOT_A_MINIPORT',
      `the driver "${name}" registered no miniport, so it cannot have adapters`,
    );
  }

  #attachHardware(adapter: MiniportAdapter, { wire, device }: AdapterOptions): void {
    const wake = (): void => this.#loop.wake();
    const signal = () => void signalWake(this.ndis, adapter);
    if (device !== undefined) attachDevice(this.kernel, this.ndis, adapter, wire, device, wake);
    else if (wire !== undefined)
      this.#wires.set(adapter, new WireDevice(this.kernel, wire, EPOCH_NANOSECONDS, wake, signal));
    if (wire?.properties.live === true && !this.kernel.clock.live) {
      const start = performance.now();
      this.kernel.clock.follow(() => (performance.now() - start) * 10_000);
    }
  }

  #detachWire(adapter: MiniportAdapter): void {
    this.#wires.get(adapter)?.disconnect();
    this.#wires.delete(adapter);
  }

  #closeWires(): void {
    for (const device of this.#wires.values()) device.disconnect();
    this.#wires.clear();
  }
}

/** `who` is the routine that waits. */
function stuck(who: string): NdisboxError {
  return new NdisboxError(
    'DRIVER_STUCK',
    `${who} waits for something that nothing will signal; look at the last events of its thread`,
  );
}

/** A GUID that belongs to the adapter with this index. */
function adapterGuid(index: number): string {
  return `{6E646973-626F-4078-8000-${index.toString(16).toUpperCase().padStart(12, '0')}}`;
}
