/**
 * Receives of one adapter of a miniport driver for NDIS 5: packets that it indicates go up as lists, and come back to
 * MiniportReturnPacket; frames that it indicates by header and lookahead are gathered into lists of NDIS.
 * Implements FILTER_PACKET_INDICATION_HANDLER, ETH_RCV_INDICATE_HANDLER and W_TRANSFER_DATA_HANDLER (ddk/ndis.h).
 */

import { DISPATCH_LEVEL } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import { NBL_NEXT } from '../../netBuffer/offsets.ts';
import { OOB_STATUS } from '../packet/offsets.ts';
import { oobOf } from '../packet/packetAccess.ts';
import { type MiniportReceives, miniportReceivesOf } from '../translation/index.ts';
import { drained } from './drain.ts';
import type { LegacyAdapter } from './legacyAdapter.ts';

/** Frames of which the rest is being transferred; more are dropped, as a network would. */
const TRANSFER_LIMIT = 64;

/** Hands a chain of lists to who receives. */
export type Indicate = (lists: Address, count: number, flags: number) => void;

export class LegacyReceives {
  readonly #legacy: LegacyAdapter;
  readonly #translation: MiniportReceives;
  readonly #indicate: Indicate;
  /** Lists indicated and not back. */
  outstanding = 0;
  /** Lists by the packet that MiniportTransferData fills. */
  readonly #transfers = new Map<Address, { readonly list: Address; readonly wanted: number }>();
  /** Packets of the innermost indication of a serialized driver that came back inside it. */
  #backInCall: Set<Address> | null = null;
  readonly #dropped = (packet: Address): void => this.#giveBack(packet);

  constructor(legacy: LegacyAdapter, indicate: Indicate) {
    this.#legacy = legacy;
    this.#translation = miniportReceivesOf(legacy.ndis);
    this.#indicate = indicate;
  }

  get #dispatchFlag(): number {
    return this.#legacy.ndis.kernel.irql === DISPATCH_LEVEL ? NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL : 0;
  }

  /** The driver indicates an array of packets; on a VC `indicate` says to whom. */
  packets(array: Address, number: number, indicate: Indicate = this.#indicate): void {
    const { ndis, adapter, driver, lock } = this.#legacy;
    const { i32, u32 } = ndis.memory;
    const outer = this.#backInCall;
    // A serialized driver looks at the status of each packet afterwards; of a deserialized one every packet is returned.
    const back = lock.serialized ? new Set<Address>() : null;
    const packets: Address[] = [];
    if (back !== null)
      for (let index = 0; index < number; index++) packets.push(i32[(array + 8 * index) >> 2]);
    this.#backInCall = back;
    const own = this.#translation.translate(driver, array, number, adapter.handle, this.#dropped);
    const { lent, lentCount, count } = this.#translation;
    const flags = this.#dispatchFlag;
    if (own !== 0) {
      this.outstanding += count;
      indicate(own, count, flags);
    }
    if (lent !== 0) {
      indicate(lent, lentCount, flags | NDIS_RECEIVE_FLAGS_RESOURCES);
      for (let list = lent; list !== 0; ) {
        const next = i32[(list + NBL_NEXT) >> 2];
        this.#translation.release(list);
        list = next;
      }
    }
    this.#backInCall = outer;
    if (back === null) return;
    for (const packet of packets) {
      const status = (oobOf(ndis.memory, packet) + OOB_STATUS) >> 2;
      if (u32[status] !== NDIS_STATUS_SUCCESS) continue;
      if (!back.has(packet)) u32[status] = NDIS_STATUS_PENDING;
    }
  }

  /** The translation of MiniportReturnNetBufferLists. */
  returned(lists: Address): void {
    const { i32 } = this.#legacy.ndis.memory;
    for (let list = lists; list !== 0; ) {
      const next = i32[(list + NBL_NEXT) >> 2];
      this.outstanding--;
      const packet = this.#translation.release(list);
      if (packet !== 0) this.#giveBack(packet);
      list = next;
    }
    drained(this.#legacy);
  }

  /** A packet is the driver's again. */
  #giveBack(packet: Address): void {
    const { handlers, context, lock } = this.#legacy;
    if (this.#backInCall !== null) {
      this.#backInCall.add(packet);
      return;
    }
    const { returnPacket } = handlers;
    if (returnPacket === null) return;
    if (!lock.serialized) returnPacket.invoke(context, packet);
    else {
      lock.run(() => returnPacket.invoke(context, packet));
    }
  }

  /**
   * The driver indicates the header and the beginning of a frame; where there is more, MiniportTransferData brings it.
   * @param receiveContext what the driver gets back with MiniportTransferData. @param size bytes behind the header.
   */
  frame(
    receiveContext: Address,
    header: Address,
    headerSize: number,
    lookahead: Address,
    lookaheadSize: number,
    size: number,
  ): void {
    const { ndis, adapter, handlers } = this.#legacy;
    const { u8 } = ndis.memory;
    const list = this.#translation.allocateFrame(headerSize + size, adapter.handle);
    if (list === 0) return;
    const frame = this.#translation.frameOf(list);
    u8.copyWithin(frame, header, header + headerSize);
    const present = Math.min(lookaheadSize, size);
    u8.copyWithin(frame + headerSize, lookahead, lookahead + present);
    if (present === size) return this.#indicateFrame(list);
    if (handlers.transferData === null || this.#transfers.size >= TRANSFER_LIMIT) {
      this.#translation.release(list);
      if (handlers.transferData === null) this.#reportNoTransfer(size, lookaheadSize);
      return;
    }
    this.#transfer(list, receiveContext, headerSize, present, size);
  }

  #transfer(list: Address, receiveContext: Address, headerSize: number, present: number, size: number): void {
    const { ndis, context, scratch } = this.#legacy;
    const wanted = size - present;
    const packet = this.#translation.transferPacket(list, headerSize + present, wanted);
    const { transferData } = this.#legacy.handlers;
    if (packet === 0 || transferData === null) {
      this.#translation.release(list);
      return;
    }
    this.#transfers.set(packet, { list, wanted });
    const { u32 } = ndis.memory;
    const at = scratch.bytesTransferred >> 2;
    u32[at] = 0;
    const asked = ndis.contextValue(receiveContext);
    const status = transferData.invoke(packet, at << 2, context, asked, present, wanted) >>> 0;
    if (status !== NDIS_STATUS_PENDING) this.transferred(packet, status, u32[at]);
  }

  /** The rest of a frame is there, or never will be. False for a packet that is not being filled. */
  transferred(packet: Address, status: number, bytes: number): boolean {
    const transfer = this.#transfers.get(packet);
    if (transfer === undefined) return false;
    this.#transfers.delete(packet);
    this.#translation.freeTransferPacket(packet);
    if (status === NDIS_STATUS_SUCCESS && bytes >= transfer.wanted) this.#indicateFrame(transfer.list);
    else this.#translation.release(transfer.list);
    return true;
  }

  #indicateFrame(list: Address): void {
    this.outstanding++;
    this.#indicate(list, 1, this.#dispatchFlag);
  }

  /** The adapter is halted: what the driver did not transfer never comes. */
  release(): void {
    for (const [packet, { list }] of this.#transfers) {
      this.#translation.freeTransferPacket(packet);
      this.#translation.release(list);
    }
    this.#transfers.clear();
  }

  #reportNoTransfer(size: number, lookaheadSize: number): void {
    const { ndis, adapter, driver } = this.#legacy;
    ndis.kernel.report(
      'TRANSFER_DATA_MISSING',
      driver,
      `${adapter.label} indicated ${lookaheadSize} of ${size} bytes and registered no TransferDataHandler; the frame is lost`,
      'ndis/nc-ndis-w_transfer_data_handler',
    );
  }
}
