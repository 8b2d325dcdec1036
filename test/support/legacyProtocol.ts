/** A protocol driver for NDIS 5.1 for tests: it notes what it is asked and does what a test tells it. */

import { type Address, readUnicodeString } from '../../src/memory/index.ts';
import { NDIS_STATUS_SUCCESS, ProtocolDriver } from '../../src/ndis/index.ts';
import type { Cell, TestDriver, TestNdis } from './ndis.ts';

/** Bytes of the characteristics of NDIS 5. */
export const NDIS50_LENGTH = 208;
/** Bytes of those of NDIS 4. */
export const NDIS40_LENGTH = 144;

/** What the driver keeps of a binding: its binding context. */
export interface LegacyTestBinding {
  readonly handle: Cell;
  readonly bindContext: Address;
  readonly section: Address;
  unbindContext: Address;
}

/** A protocol driver for tests. */
export class LegacyTestProtocol {
  readonly t: TestNdis;
  readonly driver: TestDriver;
  readonly handle: Cell;
  readonly status: Cell;
  readonly log: string[] = [];
  /** NDIS_MEDIUM that it opens adapters for. */
  medium = 0;
  readonly bindings: LegacyTestBinding[] = [];
  /** What ProtocolReceivePacket does; it returns how often the packet will be returned. */
  onReceivePacket: (packet: Address) => number = () => 0;
  onReceive: (
    context: Address,
    header: Address,
    size: number,
    ahead: Address,
    aheadSize: number,
    rest: number,
  ) => number = () => NDIS_STATUS_SUCCESS;
  onSendComplete: (packet: Address, status: number) => void = () => {};
  onPnPEvent: (event: Address) => number = () => NDIS_STATUS_SUCCESS;
  onRequestComplete: (request: Address, status: number) => void = () => {};
  /** Called in ProtocolBindAdapter before the adapter is opened; a status other than success is its result. */
  beforeOpen: () => number = () => NDIS_STATUS_SUCCESS;

  constructor(t: TestNdis, name = 'legacy') {
    this.t = t;
    this.driver = t.createDriver(name);
    this.handle = this.driver.cell();
    this.status = this.driver.cell();
  }

  object(): ProtocolDriver {
    const object = this.t.ndis.resolve(this.handle.value, ProtocolDriver);
    if (object === null) throw new Error('the test protocol is not registered');
    return object;
  }

  #write(at: Address, status: number): void {
    this.t.memory.u32[at >> 2] = status;
  }

  #open(name: Address, binding: LegacyTestBinding): number {
    const { ndis } = this.driver;
    const { memory } = this.t;
    const [status, error, medium] = [this.driver.cell(), this.driver.cell(), this.driver.cell()];
    memory.u32[medium.address >> 2] = this.medium;
    ndis.NdisOpenAdapter(
      status,
      error,
      binding.handle,
      medium,
      medium.address,
      1,
      this.handle.value,
      binding,
      name,
      0,
      0,
    );
    return memory.u32[status.address >> 2];
  }

  /** The characteristics; tests change a member to see it refused. */
  characteristics(): object {
    const { ndis } = this.driver;
    const { log, driver } = this;
    const { memory } = this.t;
    return {
      MajorNdisVersion: 5,
      MinorNdisVersion: 1,
      Name: driver.driver.name,
      BindAdapterHandler: (
        status: Address,
        bindContext: Address,
        name: { address: Address },
        section: Address,
      ) => {
        log.push(`bind ${readUnicodeString(memory, name.address)}`);
        const refused = this.beforeOpen();
        if (refused !== NDIS_STATUS_SUCCESS) return this.#write(status, refused);
        const binding = { handle: driver.cell(), bindContext, section, unbindContext: 0 };
        this.bindings.push(binding);
        this.#write(status, this.#open(name.address, binding));
      },
      UnbindAdapterHandler: async (status: Address, context: LegacyTestBinding, unbindContext: Address) => {
        log.push('unbind');
        context.unbindContext = unbindContext;
        await ndis.NdisCloseAdapter(status, context.handle.value);
      },
      OpenAdapterCompleteHandler: (context: LegacyTestBinding, status: number) => {
        log.push('openComplete');
        ndis.NdisCompleteBindAdapter(context.bindContext, status, status);
      },
      CloseAdapterCompleteHandler: (context: LegacyTestBinding, status: number) => {
        log.push('closeComplete');
        ndis.NdisCompleteUnbindAdapter(context.unbindContext, status);
      },
      SendCompleteHandler: (_context: unknown, packet: Address, status: number) => {
        log.push('sendComplete');
        this.onSendComplete(packet, status);
      },
      TransferDataCompleteHandler: (_context: unknown, _packet: Address, status: number, bytes: number) => {
        log.push(`transferComplete ${status} ${bytes}`);
      },
      ResetCompleteHandler: (_context: unknown, status: number) => {
        log.push(`resetComplete ${status}`);
      },
      RequestCompleteHandler: (_context: unknown, request: Address, status: number) => {
        log.push('requestComplete');
        this.onRequestComplete(request, status);
      },
      ReceiveHandler: (
        _context: unknown,
        mac: Address,
        header: Address,
        size: number,
        ahead: Address,
        aheadSize: number,
        rest: number,
      ) => {
        log.push(`receive ${rest}`);
        return this.onReceive(mac, header, size, ahead, aheadSize, rest);
      },
      ReceiveCompleteHandler: () => {
        log.push('receiveComplete');
      },
      StatusHandler: (_context: unknown, status: number, _buffer: Address, size: number) => {
        log.push(`status ${status.toString(16)} ${size}`);
      },
      StatusCompleteHandler: () => {
        log.push('statusComplete');
      },
      ReceivePacketHandler: (_context: unknown, packet: Address) => {
        log.push('receivePacket');
        return this.onReceivePacket(packet);
      },
      PnPEventHandler: (_context: unknown, event: { address: Address; NetEvent: number }) => {
        log.push(`event ${event.NetEvent}`);
        return this.onPnPEvent(event.address);
      },
      UnloadHandler: () => {
        log.push('unload');
      },
    };
  }

  /** Registers it as DriverEntry would; gives the status. */
  async register(changes: object = {}, length = NDIS50_LENGTH): Promise<number> {
    await this.t.run(() =>
      this.driver.ndis.NdisRegisterProtocol(
        this.status,
        this.handle,
        { ...this.characteristics(), ...changes } as object,
        length,
      ),
    );
    return this.t.memory.u32[this.status.address >> 2];
  }
}
