/**
 * A registered interrupt: the routines of the miniport driver, one DPC for each message and processor, and the table of
 * messages that the driver sees. Implements "NDIS Interrupt DPC Handling" (windows-driver-docs-pr/network) and
 * ns-wdm-_io_interrupt_message_info.
 */

import {
  busOf,
  DISPATCH_LEVEL,
  type Driver,
  type DriverCallback,
  type Handle,
  InterruptLock,
  type InterruptService,
  type InterruptSource,
  initializeDpc,
  libraryDpcRoutine,
  type PciFunction,
  poolOf,
  queueDpc,
  removeQueueDpc,
  setTargetProcessorDpc,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { type NdisLibrary, NdisObject, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';

/** Pool tag `NdIn`. */
const TAG = 0x6e49_644e;
/** KDPC, then NDIS_RECEIVE_THROTTLE_PARAMETERS. */
const DPC_STRIDE = 80;
const THROTTLE = 64;
/** QueueDefaultInterruptDpc, then TargetProcessors. */
const OUTPUT_SIZE = 16;
const OUTPUT_TARGETS = 8;
const ALL_LISTS = 0xffff_ffff;
/** IO_INTERRUPT_MESSAGE_INFO and its entries. */
const MESSAGE_INFO_HEADER = 8;
const MESSAGE_INFO_ENTRY = 48;

/** The routines of a driver, with what differs between drivers for NDIS 5 and 6 settled. */
export interface InterruptRoutines {
  /** Calls the service routine; what it wants queued it writes to the two addresses. */
  readonly service: (message: number, queueDefault: Address, targets: Address) => boolean;
  readonly deferred: (message: number, context: unknown, throttle: Address) => void;
  /** The handlers that keep the device from interrupting, or let it. */
  readonly enable: ((message: number, on: boolean) => void) | null;
}

interface Connection {
  readonly source: InterruptSource;
  readonly service: InterruptService;
}

export class InterruptObject extends NdisObject {
  readonly ndis: NdisLibrary;
  readonly adapter: MiniportAdapter;
  readonly driver: Driver;
  readonly target: PciFunction;
  readonly messageBased: boolean;
  /** Routines that NdisMSynchronizeWithInterruptEx was given before, by address. */
  readonly synchronized = new Map<Address, DriverCallback>();
  readonly #routines: InterruptRoutines;
  readonly #connections: Connection[] = [];
  readonly #sources: readonly InterruptSource[];
  readonly #processors: number;
  #block: Address = 0;
  #outputs: Address = 0;
  messageInfo: Address = 0;

  constructor(
    ndis: NdisLibrary,
    adapter: MiniportAdapter,
    driver: Driver,
    target: PciFunction,
    routines: InterruptRoutines,
  ) {
    super();
    this.ndis = ndis;
    this.adapter = adapter;
    this.driver = driver;
    this.target = target;
    this.#routines = routines;
    this.messageBased = target.messagesEnabled;
    this.#sources = this.messageBased ? target.messages : [target.line];
    this.#processors = ndis.kernel.scheduler.processors.length;
  }

  /** Allocates what it needs; false when memory is short. */
  allocate(handle: Handle): boolean {
    const { kernel, memory } = this.ndis;
    const count = this.#sources.length * this.#processors;
    const pool = poolOf(kernel);
    const size = count * DPC_STRIDE + this.#sources.length * OUTPUT_SIZE;
    this.#block = pool.allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
    if (this.#block === 0) return false;
    if (this.messageBased && !this.#makeMessageInfo()) {
      pool.free(this.#block, TAG);
      return false;
    }
    this.#outputs = this.#block + count * DPC_STRIDE;
    const routine = dpcRoutineOf(this.ndis);
    for (let index = 0; index < count; index++) {
      const dpc = this.#block + index * DPC_STRIDE;
      initializeDpc(kernel, dpc, routine, handle);
      setTargetProcessorDpc(kernel, dpc, index % this.#processors);
      memory.u32[(dpc + THROTTLE) >> 2] = ALL_LISTS;
    }
    return true;
  }

  /** Interrupts come from now on. @param together one lock for all messages. */
  connect(together: boolean): void {
    const highest = Math.max(...this.#sources.map(({ irql }) => irql));
    const shared = new InterruptLock(highest);
    this.#sources.forEach((source, message) => {
      const lock = together ? shared : new InterruptLock(source.irql);
      const service: InterruptService = { driver: this.driver, lock, service: () => this.#service(message) };
      this.#connections.push({ source, service });
      busOf(this.ndis.kernel).interrupts.connect(source, service);
    });
  }

  /** No routine is called any more. @returns whether the device interrupts still. */
  disconnect(): boolean {
    const { kernel } = this.ndis;
    let active = false;
    for (const { source, service } of this.#connections) {
      if (source.sent || source.asserted.has(this.target)) active = true;
      busOf(kernel).interrupts.disconnect(source, service);
    }
    this.#connections.length = 0;
    const pool = poolOf(kernel);
    const count = this.#sources.length * this.#processors;
    for (let index = 0; index < count; index++) removeQueueDpc(kernel, this.#block + index * DPC_STRIDE);
    pool.free(this.#block, TAG);
    if (this.messageInfo !== 0) pool.free(this.messageInfo, TAG);
    this.#block = 0;
    this.messageInfo = 0;
    return active;
  }

  /** The lock of a message; null for one that there is not. */
  lockOf(message: number): InterruptLock | null {
    return this.#connections[this.messageBased ? message : 0]?.service.lock ?? null;
  }

  /** Whether there is such a message; with a line the number does not matter. */
  hasMessage(message: number): boolean {
    return !this.messageBased || message < this.#sources.length;
  }

  /** Queues the DPCs of a message on processors. @returns those where it was not queued already. */
  queue(message: number, targets: bigint, context: Address): bigint {
    const { kernel } = this.ndis;
    let queued = 0n;
    for (let processor = 0; processor < this.#processors; processor++) {
      const bit = 1n << BigInt(processor);
      if ((targets & bit) === 0n) continue;
      const index = (this.messageBased ? message : 0) * this.#processors + processor;
      if (queueDpc(kernel, this.#block + index * DPC_STRIDE, 0, context, processor)) queued |= bit;
    }
    const { processor } = kernel.scheduler;
    if (processor.irql < DISPATCH_LEVEL && processor.dpcs.length > 0) kernel.scheduler.dpcs.drain();
    return queued;
  }

  /** Calls the enable or disable handler of every message at its DIRQL; without such a handler nothing happens. */
  enable(on: boolean): void {
    const { enable } = this.#routines;
    if (enable === null) return;
    const { interrupts } = busOf(this.ndis.kernel);
    this.#connections.forEach(({ service }, message) => {
      interrupts.synchronize(service.lock, () => enable(message, on));
    });
  }

  /** Runs a DPC; its address tells message and processor. */
  runDpc(dpc: Address, context: Address): void {
    const { u32 } = this.ndis.memory;
    const index = (dpc - this.#block) / DPC_STRIDE;
    const throttle = dpc + THROTTLE;
    u32[throttle >> 2] = ALL_LISTS;
    u32[(throttle + 4) >> 2] = 0;
    this.#routines.deferred(Math.floor(index / this.#processors), this.ndis.contextValue(context), throttle);
    // MoreNblsPending: there is more to indicate, so NDIS comes back.
    if (this.#block !== 0 && (u32[(throttle + 4) >> 2] & 1) !== 0)
      queueDpc(this.ndis.kernel, dpc, 0, context);
  }

  #service(message: number): boolean {
    const { u8, u32 } = this.ndis.memory;
    const output = this.#outputs + message * OUTPUT_SIZE;
    u8[output] = 0;
    u32[(output + OUTPUT_TARGETS) >> 2] = 0;
    const claimed = this.#routines.service(message, output, output + OUTPUT_TARGETS);
    if (this.#block === 0) return claimed;
    const { processor } = this.ndis.kernel.scheduler;
    const targets =
      u8[output] !== 0 ? 1n << BigInt(processor.number) : BigInt(u32[(output + OUTPUT_TARGETS) >> 2]);
    if (targets !== 0n) this.queue(message, targets, 0);
    return claimed;
  }

  #makeMessageInfo(): boolean {
    const { kernel, memory } = this.ndis;
    const size = MESSAGE_INFO_HEADER + MESSAGE_INFO_ENTRY * this.#sources.length;
    const info = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
    if (info === 0) return false;
    const { u8, u32 } = memory;
    u8[info] = Math.max(...this.#sources.map(({ irql }) => irql));
    u32[(info + 4) >> 2] = this.#sources.length;
    this.#sources.forEach(({ irql, vector, affinity }, message) => {
      const entry = info + MESSAGE_INFO_HEADER + MESSAGE_INFO_ENTRY * message;
      u32[entry >> 2] = 0xfee0_0000;
      u32[(entry + 8) >> 2] = Number(affinity & 0xffff_ffffn);
      u32[(entry + 12) >> 2] = Number(affinity >> 32n);
      u32[(entry + 24) >> 2] = vector;
      u32[(entry + 28) >> 2] = vector;
      u8[entry + 32] = irql;
      // Latched; messages are high when they are there.
      u32[(entry + 36) >> 2] = 1;
      u32[(entry + 40) >> 2] = 1;
    });
    this.messageInfo = info;
    return true;
  }
}

/** The DPC routine of all interrupts of a library; the context of the KDPC is the handle of the interrupt. */
const dpcRoutineOf = perNdis('interruptRoutine', (ndis) =>
  libraryDpcRoutine(ndis.kernel, (dpc, handle, _argument, context) => {
    ndis.resolve(handle, InterruptObject)?.runDpc(dpc, context);
  }),
);

/** The interrupts that drivers registered, by adapter. */
export const interruptObjectsOf = perNdis('interrupts', () => new Map<MiniportAdapter, InterruptObject[]>());

/** Registers an interrupt object and connects it; null when memory is short. */
export function connectInterrupt(object: InterruptObject, together: boolean): InterruptObject | null {
  const { ndis, adapter, driver } = object;
  const handle = ndis.register(object);
  if (!object.allocate(handle)) {
    ndis.unregister(object);
    return null;
  }
  const all = interruptObjectsOf(ndis);
  all.set(adapter, [...(all.get(adapter) ?? []), object]);
  driver.own(`interrupt ${handle}`, {
    kind: 'interrupt',
    name: `interrupt of ${adapter.label}`,
    releasedBy: 'NdisMDeregisterInterruptEx',
    release: () => disconnectInterrupt(object),
  });
  object.connect(together);
  return object;
}

/** The interrupt is gone. @returns whether the device interrupted still. */
export function disconnectInterrupt(object: InterruptObject): boolean {
  const { ndis, adapter, driver, handle } = object;
  const all = interruptObjectsOf(ndis);
  all.set(
    adapter,
    (all.get(adapter) ?? []).filter((other) => other !== object),
  );
  driver.disown(`interrupt ${handle}`);
  const active = object.disconnect();
  ndis.unregister(object);
  return active;
}
