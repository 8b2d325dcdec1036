/**
 * What users change about a running machine that drivers are told by events alone: settings of protocols, the order of
 * their bindings, an instance of an intermediate driver that is enabled anew, wake-up of an adapter, the power source.
 * Implements "Handling PnP events and power management events in a protocol driver" and "Miniport Adapter Device PnP
 * Event Notifications" (network).
 */

import { NdisboxError, type Procedure, poolOf } from '../kernel/index.ts';
import { type Address, poolType } from '../memory/index.ts';
import {
  devicePnPEvent,
  inventoryOf,
  type MiniportAdapter,
  NDIS_DEVICE_WAKE_UP_ENABLE,
  NDIS_POOL_TAG,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventPowerProfileChanged,
  type NdisLibrary,
  NdisPowerProfileAcOnLine,
  NdisPowerProfileBattery,
  NetEventBindList,
  NetEventIMReEnableDevice,
  NetEventPnPCapabilities,
  NetEventReconfigure,
  netPnPEvent,
  type ProtocolDriver,
  powerProfileOf,
  sendDevicePnPEvent,
  sendNetPnPEvent,
} from '../ndis/index.ts';

/** Characters of a REG_MULTI_SZ: each text with its zero, and a zero behind the last. */
function multiText(texts: readonly string[]): Uint8Array {
  const characters = `${texts.map((text) => `${text}\0`).join('')}\0`;
  return new Uint8Array(Uint16Array.from(characters, (character) => character.charCodeAt(0)).buffer);
}

export class StackEvents {
  readonly #ndis: NdisLibrary;
  readonly #adapter: (name: string) => MiniportAdapter;
  readonly #runDown: (done: () => boolean) => Promise<void>;

  /** @param runDown runs the machine until `done`, and goes on without what drivers owe. */
  constructor(
    ndis: NdisLibrary,
    adapter: (name: string) => MiniportAdapter,
    runDown: (done: () => boolean) => Promise<void>,
  ) {
    this.#ndis = ndis;
    this.#adapter = adapter;
    this.#runDown = runDown;
  }

  /**
   * NetEventReconfigure: settings of a protocol changed, for one of its adapters or, without one, for all. `data` is the
   * protocol's own. @returns what the driver answered. @throws NdisboxError NO_SUCH_DRIVER, NO_SUCH_ADAPTER
   */
  async reconfigure(
    protocol: string,
    data = new Uint8Array(0),
    adapter: string | null = null,
  ): Promise<number> {
    const target = adapter === null ? this.#protocol(protocol) : this.#binding(protocol, adapter);
    return this.#tell(target, NetEventReconfigure, data);
  }

  /**
   * NetEventBindList: the order in which a protocol is to prefer its bindings. @returns what the driver answered.
   * @throws NdisboxError NO_SUCH_DRIVER, NO_SUCH_ADAPTER
   */
  async setBindOrder(protocol: string, adapters: readonly string[]): Promise<number> {
    const names = adapters.map((name) => this.#adapter(name).deviceName);
    return this.#tell(this.#protocol(protocol), NetEventBindList, multiText(names));
  }

  /**
   * NetEventIMReEnableDevice: one virtual miniport of an intermediate driver is enabled anew, by its instance name.
   * @returns what the driver answered. @throws NdisboxError NO_SUCH_DRIVER
   */
  async reEnableInstance(protocol: string, instance: string): Promise<number> {
    const device = `\\Device\\${instance}\0`;
    return this.#tell(
      this.#protocol(protocol),
      NetEventIMReEnableDevice,
      new Uint8Array(16 + 2 * device.length),
      (at) => {
        const { memory } = this.#ndis;
        memory.u16[at >> 1] = 2 * (device.length - 1);
        memory.u16[(at + 2) >> 1] = 2 * device.length;
        memory.writePointer(at + 8, at + 16);
        for (let i = 0; i < device.length; i++) memory.u16[((at + 16) >> 1) + i] = device.charCodeAt(i);
      },
    );
  }

  /**
   * NetEventPnPCapabilities: the user lets an adapter wake the system, or does not; its modules and protocols hear of it.
   * @throws NdisboxError NO_SUCH_ADAPTER
   */
  async setWakeUp(adapter: string, enabled: boolean): Promise<void> {
    const flags = Uint32Array.of(enabled ? NDIS_DEVICE_WAKE_UP_ENABLE : 0);
    await this.#tell(this.#adapter(adapter), NetEventPnPCapabilities, new Uint8Array(flags.buffer));
  }

  /** NdisDevicePnPEventPowerProfileChanged: the system runs from its battery, or does not; every miniport hears of it. */
  async setPowerSource(source: 'battery' | 'mains'): Promise<void> {
    const profile = source === 'battery' ? NdisPowerProfileBattery : NdisPowerProfileAcOnLine;
    powerProfileOf(this.#ndis).value = profile;
    for (const adapter of inventoryOf(this.#ndis).adapters) {
      const event = devicePnPEvent(adapter, NdisDevicePnPEventPowerProfileChanged, profile);
      if (adapter.state !== 'Halted' && adapter.state !== 'Initializing')
        await this.#perform(sendDevicePnPEvent, event);
    }
  }

  #protocol(name: string): ProtocolDriver {
    for (const protocol of inventoryOf(this.#ndis).protocols) if (protocol.name === name) return protocol;
    throw new NdisboxError('NO_SUCH_DRIVER', `no protocol "${name}" is registered; load its driver first`);
  }

  #binding(name: string, adapter: string): { readonly handle: Address } {
    const protocol = this.#protocol(name);
    const wanted = this.#adapter(adapter);
    for (const binding of protocol.bindings) if (binding.adapter === wanted) return binding;
    throw new NdisboxError('NO_SUCH_ADAPTER', `the protocol "${name}" is not bound to "${adapter}"`);
  }

  /** Sends an event with a buffer of these bytes, or as `fill` writes it. */
  async #tell(
    target: { readonly handle: Address },
    event: number,
    bytes: Uint8Array,
    fill?: (buffer: Address) => void,
  ): Promise<number> {
    const { kernel, memory } = this.#ndis;
    const pool = poolOf(kernel);
    if (bytes.length === 0) return this.#perform(sendNetPnPEvent, netPnPEvent(target, event));
    const buffer = pool.allocateZeroed(poolType.nonPagedNx, bytes.length, NDIS_POOL_TAG, 0);
    if (buffer === 0)
      throw new NdisboxError('OUT_OF_MEMORY', `no ${bytes.length} bytes are left for an event`);
    memory.u8.set(bytes, buffer);
    fill?.(buffer);
    const status = await this.#perform(sendNetPnPEvent, netPnPEvent(target, event, buffer, bytes.length));
    pool.free(buffer, NDIS_POOL_TAG);
    return status;
  }

  async #perform<L extends object>(procedure: Procedure<NdisLibrary, L>, locals: L): Promise<number> {
    let status: number | null = null;
    const finished = (value: number): void => {
      status = value >>> 0;
    };
    this.#ndis.kernel.scheduler.createThread('NDIS event', procedure, this.#ndis, locals, { finished });
    await this.#runDown(() => status !== null);
    return status ?? NDIS_STATUS_SUCCESS;
  }
}
