/**
 * Loopback by NDIS: frames that some binding of the sending adapter wants are copied and indicated by a DPC, never inside
 * the send. Only for miniports with NDIS_MAC_OPTION_NO_LOOPBACK, which leave loopback to NDIS. It happens right over the
 * miniport: filter modules see the frame on its way down first, and the copy on its way up like any received one.
 * Implements nf-ndis-ndissendnetbufferlists (NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK) and "Sending Data from a Filter Driver".
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
import { FilterModule } from '../filter/filterModule.ts';
import {
  Ieee8021QNetBufferListInfo,
  NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
  NetBufferListFrameType,
} from '../generated/constants/index.ts';
import { NET_BUFFER, NET_BUFFER_LIST } from '../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { buildMdl, mdlBytes } from '../netBuffer/mdl.ts';
import { copyFromNetBuffer, dataLength } from '../netBuffer/netBufferAccess.ts';
import {
  NB_NEXT,
  NBL_FIRST_NET_BUFFER,
  NBL_NBL_FLAGS,
  NBL_NEXT,
  NBL_SOURCE_HANDLE,
} from '../netBuffer/offsets.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { allocateCertain } from '../reserve.ts';
import { accepts } from './accept.ts';
import { emitHops } from './hop.ts';
import { addLoopbackList } from './loopbackCopies.ts';
import { receiveInto, receiveIntoBindings } from './receives.ts';

/** Frames that may wait for indication; more are dropped, as a network would. */
const QUEUE_LIMIT = 256;
const KDPC_SIZE = 64;
/** Out-of-band information that a copy keeps. */
const COPIED_INFO = [Ieee8021QNetBufferListInfo, NetBufferListFrameType] as const;
const MDL_ALIGNMENT = 16;
/** The frame lies behind its list and net buffer, and the MDL behind the frame. */
const DATA_AT = NET_BUFFER_LIST.size + NET_BUFFER.size;

/** A copy on its way. */
interface Waiting {
  readonly adapter: MiniportAdapter;
  /** Who gets it; null: it goes up through the modules to every binding that wants it. */
  readonly binding: Binding | null;
  readonly list: Address;
  /** The handle of who sent the frame and does not get it; 0 where everyone may. */
  readonly sender: Address;
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

  /** Queues a copy of one frame of `of` for a binding, or for the modules where that is null. */
  queue(
    adapter: MiniportAdapter,
    binding: Binding | null,
    of: Address,
    buffer: Address,
    sender: Address,
  ): void {
    const list = this.#waiting.length < QUEUE_LIMIT ? this.#copy(adapter, of, buffer) : 0;
    if (list === 0) {
      this.dropped++;
      return;
    }
    this.#waiting.push({ adapter, binding, list, sender });
    insertQueueDpc(this.#ndis.kernel, this.#dpc);
  }

  #copy(adapter: MiniportAdapter, of: Address, buffer: Address): Address {
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
    memory.writePointer(list + NET_BUFFER_LIST.offset.SourceHandle, adapter.handle);
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
    for (const { adapter, binding, list, sender } of this.#waiting.splice(0)) {
      if (!adapter.running || binding?.receiving === false) {
        poolOf(this.#ndis.kernel).free(list, NDIS_POOL_TAG);
        continue;
      }
      addLoopbackList(this.#ndis, adapter, list, sender);
      if (binding === null) this.#indicate(adapter, list);
      else {
        binding.receivesOutstanding++;
        const { kernel } = this.#ndis;
        if (kernel.trace !== null) emitHops(kernel, adapter.label, binding.protocol.name, list, 'loopback');
        binding.receive(binding.context, list, 0, 1, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
      }
    }
  }

  #indicate(adapter: MiniportAdapter, list: Address): void {
    const bottom = adapter.bottomReceive;
    const flags = NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    if (bottom !== null) receiveInto(this.#ndis, bottom, adapter.label, list, 0, 1, flags);
    else receiveIntoBindings(this.#ndis, adapter, adapter.label, list, 0, 1, flags, true);
  }
}

const loopbackOf = perNdis('loopback', (ndis) => new Loopback(ndis));

/** Queues copies of the frames in `lists`, which go to the miniport now, for those who want them. */
export function loopBack(ndis: NdisLibrary, adapter: MiniportAdapter, lists: Address, flags: number): void {
  const { i32 } = ndis.memory;
  const { receivers } = adapter;
  const checkSender = (flags & NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK) !== 0;
  if (!checkSender && receivers.length === 1 && allFrom(ndis, adapter, lists, receivers[0].handle)) return;
  const throughModules = adapter.bottomReceive !== null || adapter.topReturn !== null;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    const source = i32[(list + NBL_SOURCE_HANDLE) >> 2];
    const sender = checkSender ? 0 : source;
    if (throughModules) {
      if (wantedAbove(ndis, adapter, list, source, sender)) queueFrames(ndis, adapter, null, list, sender);
      continue;
    }
    for (const binding of receivers) {
      if (binding.handle !== sender && accepts(ndis.memory, binding, list))
        queueFrames(ndis, adapter, binding, list, sender);
    }
  }
}

/** Whether every list was sent by `source`, the most frequent case: without modules one chain has one sender. */
function allFrom(ndis: NdisLibrary, adapter: MiniportAdapter, lists: Address, source: Address): boolean {
  const { i32 } = ndis.memory;
  if (adapter.topSend === null) return i32[(lists + NBL_SOURCE_HANDLE) >> 2] === source;
  let list: Address = lists;
  while (list !== 0 && i32[(list + NBL_SOURCE_HANDLE) >> 2] === source) list = i32[(list + NBL_NEXT) >> 2];
  return list === 0;
}

/** Whether a binding wants a frame, or the module that sent it asks for it. */
function wantedAbove(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  list: Address,
  source: Address,
  sender: Address,
): boolean {
  for (const binding of adapter.receivers) {
    if (binding.handle !== sender && accepts(ndis.memory, binding, list)) return true;
  }
  return sender === 0 && ndis.memory.objects.valueAt(source) instanceof FilterModule;
}

function queueFrames(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  binding: Binding | null,
  list: Address,
  sender: Address,
): void {
  const { i32 } = ndis.memory;
  let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
  for (; buffer !== 0; buffer = i32[(buffer + NB_NEXT) >> 2])
    loopbackOf(ndis).queue(adapter, binding, list, buffer, sender);
}
