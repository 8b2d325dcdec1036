/**
 * The exports of ndisbox.sys: how a compiled miniport gets at the wire that the host attached to its adapter. Declared
 * like the documented functions, so that imports, traces and checks derive from them. The page of each is the comment
 * at its prototype in native/include/ndisbox.h.
 */

import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_IO_DEVICE_ERROR,
  STATUS_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../../kernel/generated/constants/index.ts';
import { type Driver, declareFunction, type Kernel } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { MiniportAdapter, type NdisLibrary } from '../../ndis/index.ts';
import type { WireDevice } from '../wireDevice.ts';
import { RingDevice } from './ringDevice.ts';
import { NDISBOX_RING_LARGEST_QUEUE } from './ringLayout.ts';

const PAGE = 'native/include/ndisbox.h';

/** What the exports work on: one for each machine. */
export class RingHost {
  readonly kernel: Kernel;
  readonly #ndis: NdisLibrary;
  readonly #wireOf: (adapter: MiniportAdapter) => WireDevice | null;
  /** Open rings by the address of their NDISBOX_RING, and the wires that they have. */
  readonly #rings = new Map<Address, RingDevice>();
  readonly #wires = new Map<RingDevice, WireDevice>();

  constructor(kernel: Kernel, ndis: NdisLibrary, wireOf: (adapter: MiniportAdapter) => WireDevice | null) {
    this.kernel = kernel;
    this.#ndis = ndis;
    this.#wireOf = wireOf;
  }

  /** The wire of the adapter with this handle, or null. */
  wireOf(handle: Address): WireDevice | null {
    const adapter = this.#ndis.resolve(handle, MiniportAdapter);
    return adapter === null ? null : this.#wireOf(adapter);
  }

  isOpen(wire: WireDevice): boolean {
    return [...this.#wires.values()].includes(wire);
  }

  add(ring: RingDevice, wire: WireDevice): void {
    this.#rings.set(ring.address, ring);
    this.#wires.set(ring, wire);
  }

  remove(ring: RingDevice): void {
    this.#rings.delete(ring.address);
    this.#wires.delete(ring);
  }

  /** The open ring at `address`; a finding and null for anything else. */
  ringAt(address: Address, driver: Driver, call: string): RingDevice | null {
    const ring = this.#rings.get(address) ?? null;
    if (ring === null)
      this.kernel.report('BAD_HANDLE', driver, `${call}: 0x${address.toString(16)} is no open ring`, PAGE);
    return ring;
  }
}

function isQueueSize(count: number): boolean {
  return count > 0 && count <= NDISBOX_RING_LARGEST_QUEUE && (count & (count - 1)) === 0;
}

/** Opens the wire of an adapter and makes the ring through which its frames pass. */
export const NdisboxOpenRing = declareFunction('ndisbox', {
  prototype:
    'NTSTATUS NdisboxOpenRing(NDIS_HANDLE MiniportAdapterHandle, PKDPC Dpc, ULONG SendCount, ULONG ReceiveCount, PNDISBOX_RING *Ring)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: PAGE,
  implement:
    (host: RingHost, driver: Driver) =>
    (
      MiniportAdapterHandle: Address,
      Dpc: Address,
      SendCount: number,
      ReceiveCount: number,
      Ring: Address,
    ): number => {
      const { kernel } = host;
      if (Dpc === 0 || Ring === 0 || !isQueueSize(SendCount) || !isQueueSize(ReceiveCount))
        return STATUS_INVALID_PARAMETER;
      const wire = host.wireOf(MiniportAdapterHandle);
      if (wire === null) {
        kernel.note(driver.name, 'the adapter has no wire; give it one when it is added');
        return STATUS_NOT_FOUND;
      }
      if (host.isOpen(wire)) return STATUS_SHARING_VIOLATION;
      const ring = RingDevice.create(kernel, driver, wire, SendCount, ReceiveCount);
      if (ring === null) return STATUS_INSUFFICIENT_RESOURCES;
      try {
        ring.connect(Dpc);
      } catch (error) {
        kernel.note(
          driver.name,
          `${wire.wire.name}: ${error instanceof Error ? error.message : String(error)}`,
        );
        ring.close();
        return STATUS_IO_DEVICE_ERROR;
      }
      host.add(ring, wire);
      kernel.memory.writePointer(Ring, ring.address);
      return STATUS_SUCCESS;
    },
});

/** Closes the wire and frees the ring; its DPC is not queued any more. */
export const NdisboxCloseRing = declareFunction('ndisbox', {
  prototype: 'VOID NdisboxCloseRing(PNDISBOX_RING Ring)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: PAGE,
  implement:
    (host: RingHost, driver: Driver) =>
    (Ring: Address): void => {
      const ring = host.ringAt(Ring, driver, 'NdisboxCloseRing');
      if (ring === null) return;
      host.remove(ring);
      ring.close();
    },
});

/** Moves frames: those in the send queue to the wire, those that arrived into the receive queue. */
export const NdisboxRingDoorbell = declareFunction('ndisbox', {
  prototype: 'ULONG NdisboxRingDoorbell(PNDISBOX_RING Ring, ULONG Work)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: PAGE,
  implement:
    (host: RingHost, driver: Driver) =>
    (Ring: Address, Work: number): number =>
      host.ringAt(Ring, driver, 'NdisboxRingDoorbell')?.doorbell(Work) ?? 0,
});
