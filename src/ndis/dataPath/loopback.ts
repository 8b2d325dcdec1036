/**
 * Loopback by NDIS: frames that some binding of the sending adapter wants are copied and indicated to it by a DPC,
 * never inside the send. Only for miniports with NDIS_MAC_OPTION_NO_LOOPBACK, which leave loopback to NDIS.
 * Implements nf-ndis-ndissendnetbufferlists (NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK).
 */

import {
  initializeDpc,
  insertQueueDpc,
  libraryDpcRoutine,
  MDL_MAPPED_TO_SYSTEM_VA,
  MDL_SOURCE_IS_NONPAGED_POOL,
  poolOf,
} from '../../kernel/index.ts';
import { type Address, PAGE_SIZE, poolType } from '../../memory/index.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import {
  Ieee8021QNetBufferListInfo,
  NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
  NetBufferListFrameType,
} from '../generated/constants/index.ts';
import { NET_BUFFER, NET_BUFFER_LIST } from '../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { buildMdl, mdlBytes } from '../netBuffer/mdl.ts';
import { copyFromNetBuffer, dataLength } from '../netBuffer/netBufferAccess.ts';
import { NB_NEXT, NBL_FIRST_NET_BUFFER, NBL_NBL_FLAGS, NBL_NEXT } from '../netBuffer/offsets.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { allocateCertain } from '../reserve.ts';
import { accepts } from './accept.ts';
import { emitHops } from './hop.ts';

/** Frames that may wait for indication; more are dropped, as a network would. */
const QUEUE_LIMIT = 256;
const KDPC_SIZE = 64;
/** Out-of-band information that a copy keeps. */
const COPIED_INFO = [Ieee8021QNetBufferListInfo, NetBufferListFrameType] as const;
const MDL_ALIGNMENT = 16;
/** The frame lies behind its list and net buffer, and the MDL behind the frame. */
const DATA_AT = NET_BUFFER_LIST.size + NET_BUFFER.size;

/** A copy on its way to a binding. */
interface Waiting {
  readonly binding: Binding;
  readonly list: Address;
}

class Loopback {
  readonly #ndis: NdisLibrary;
  readonly #waiting: Waiting[] = [];
  readonly #dpc: Address;
  /** Frames dropped because too many waited or memory was short. */
  dropped = 0;

  constructor(ndis: NdisLibrary) {
    this.#ndis = ndis;
    this.#dpc = allocateCertain(ndis.kernel, KDPC_SIZE);
    initializeDpc(
      ndis.kernel,
      this.#dpc,
      libraryDpcRoutine(ndis.kernel, () => this.#deliver()),
      0,
    );
  }

  /** Queues a copy of one frame of `of` for a binding. */
  queue(binding: Binding, of: Address, buffer: Address): void {
    const list = this.#waiting.length < QUEUE_LIMIT ? this.#copy(binding, of, buffer) : 0;
    if (list === 0) {
      this.dropped++;
      return;
    }
    this.#waiting.push({ binding, list });
    insertQueueDpc(this.#ndis.kernel, this.#dpc);
  }

  #copy(binding: Binding, of: Address, buffer: Address): Address {
    const { memory } = this.#ndis;
    const { u8, u32 } = memory;
    const length = dataLength(memory, buffer);
    const list = poolOf(this.#ndis.kernel).allocateZeroed(
      poolType.nonPagedNx,
      DATA_AT + length + MDL_ALIGNMENT + mdlBytes(PAGE_SIZE - 1, length),
      NDIS_POOL_TAG,
      0,
    );
    if (list === 0) return 0;
    const copy = list + NET_BUFFER_LIST.size;
    const data = list + DATA_AT;
    const mdl = (data + length + MDL_ALIGNMENT - 1) & ~(MDL_ALIGNMENT - 1);
    memory.writePointer(list + NBL_FIRST_NET_BUFFER, copy);
    memory.writePointer(list + NET_BUFFER_LIST.offset.SourceHandle, binding.adapter.handle);
    u32[(list + NBL_NBL_FLAGS) >> 2] = NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET;
    // What a receiver has to know of a frame that never was on a wire: its tag and its kind.
    for (const id of COPIED_INFO) {
      const at = NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * id;
      u8.copyWithin(list + at, of + at, of + at + 8);
    }
    memory.writePointer(copy + NET_BUFFER.offset.CurrentMdl, mdl);
    memory.writePointer(copy + NET_BUFFER.offset.MdlChain, mdl);
    u32[(copy + NET_BUFFER.offset.DataLength) >> 2] = length;
    buildMdl(memory, mdl, data, length, MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA);
    copyFromNetBuffer(memory, buffer, 0, data, length);
    return list;
  }

  #deliver(): void {
    for (const { binding, list } of this.#waiting.splice(0)) {
      if (!binding.receiving) {
        poolOf(this.#ndis.kernel).free(list, NDIS_POOL_TAG);
        continue;
      }
      binding.receivesOutstanding++;
      const { kernel } = this.#ndis;
      if (kernel.trace !== null)
        emitHops(kernel, binding.adapter.label, binding.protocol.name, list, 'loopback');
      binding.receive(binding.context, list, 0, 1, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
    }
  }
}

const loopbackOf = perNdis('loopback', (ndis) => new Loopback(ndis));

/** Queues copies of the frames in `lists` for the bindings that want them. */
export function loopBack(ndis: NdisLibrary, sender: Binding, lists: Address, flags: number): void {
  const { i32 } = ndis.memory;
  const { receivers } = sender.adapter;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    for (const binding of receivers) {
      if (binding === sender && (flags & NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK) === 0) continue;
      if (!accepts(ndis.memory, binding, list)) continue;
      for (
        let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
        buffer !== 0;
        buffer = i32[(buffer + NB_NEXT) >> 2]
      ) {
        loopbackOf(ndis).queue(binding, list, buffer);
      }
    }
  }
}

/** Frees the looped-back lists of a returned chain; what is left belongs to the miniport. */
export function freeLoopbackLists(ndis: NdisLibrary, lists: Address): Address {
  const { memory } = ndis;
  let head = 0;
  let tail = 0;
  for (let list = lists; list !== 0; ) {
    const next = memory.readPointer(list + NBL_NEXT);
    if ((memory.u32[(list + NBL_NBL_FLAGS) >> 2] & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET) !== 0) {
      poolOf(ndis.kernel).free(list, NDIS_POOL_TAG);
    } else {
      if (head === 0) head = list;
      else memory.writePointer(tail + NBL_NEXT, list);
      tail = list;
    }
    list = next;
  }
  if (tail !== 0) memory.writePointer(tail + NBL_NEXT, 0);
  return head;
}
