/** What pass51 keeps of one binding: the adapter below, and the virtual miniport above it. */

import type { Address, Cell, DriverImports } from '../../src/machine/index.ts';
import { NDIS_EVENT, NDIS_REQUEST, NDIS_STATUS_SUCCESS, NdisDeviceStateD0 } from '../../src/machine/index.ts';

/** Packets of its own for what is under way, in each direction. */
const PACKET_COUNT = 64;
const OVERFLOW_COUNT = 1024;
/** Bytes of ProtocolReserved. */
const RESERVED_LENGTH = 32;

/** The cells of a call that nothing else uses while it runs. */
export interface Cells {
  readonly status: Cell;
  readonly result: Cell;
}

export class Pass51Binding {
  readonly imports: DriverImports;
  /** NdisBindingHandle. */
  readonly handle: Cell;
  /** MiniportAdapterHandle of the virtual miniport, 0 while there is none. */
  miniport: Address = 0;
  /** `\Device\Pass51 ...` */
  readonly instanceName: string;
  medium = 0;
  readonly sendPool: Cell;
  readonly receivePool: Cell;
  /** Signaled when an open or a close is complete. */
  readonly event: Address;
  completionStatus = 0;
  /** The request of the virtual miniport that was passed on: NDIS gives it one at a time. */
  readonly request: Address;
  bytesDone: Address = 0;
  bytesNeeded: Address = 0;
  /** NDIS_DEVICE_POWER_STATE of the virtual miniport. */
  powerState = NdisDeviceStateD0;
  /** Frames were indicated by header and lookahead since ProtocolReceiveComplete. */
  indicated = false;
  /** An array of one packet. */
  readonly array: Cell;
  readonly cells: Cells;

  private constructor(imports: DriverImports, adapterName: string) {
    this.imports = imports;
    this.instanceName = `\\Device\\Pass51 ${adapterName.replace(/^\\device\\/i, '')}`;
    this.handle = imports.cell();
    this.sendPool = imports.cell();
    this.receivePool = imports.cell();
    this.array = imports.cell();
    this.event = imports.data(NDIS_EVENT.size);
    this.request = imports.data(NDIS_REQUEST.size);
    this.cells = { status: imports.cell(), result: imports.cell() };
    imports.ndis.NdisInitializeEvent(this.event);
  }

  /** A binding with its pools, or null when memory is short. */
  static create(imports: DriverImports, adapterName: string): Pass51Binding | null {
    const binding = new Pass51Binding(imports, adapterName);
    for (const pool of [binding.sendPool, binding.receivePool]) {
      imports.ndis.NdisAllocatePacketPoolEx(
        binding.cells.status,
        pool,
        PACKET_COUNT,
        OVERFLOW_COUNT,
        RESERVED_LENGTH,
      );
      if (binding.status !== NDIS_STATUS_SUCCESS) {
        binding.free();
        return null;
      }
    }
    return binding;
  }

  /** The status that the last call left. */
  get status(): number {
    return this.imports.memory.u32[this.cells.status.address >> 2];
  }

  /** A packet of one of the pools, or 0. */
  packet(pool: Cell): Address {
    this.imports.ndis.NdisAllocatePacket(this.cells.status, this.cells.result, pool.value);
    return this.status === NDIS_STATUS_SUCCESS ? this.cells.result.value : 0;
  }

  free(): void {
    const { ndis } = this.imports;
    for (const pool of [this.sendPool, this.receivePool]) {
      if (pool.value !== 0) ndis.NdisFreePacketPool(pool.value);
      pool.value = 0;
    }
  }
}
