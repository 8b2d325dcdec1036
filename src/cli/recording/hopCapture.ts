/**
 * A capture of everything that crosses from one driver to the next: one interface per hop, every frame with a comment
 * that names driver, list and verb. Frames are taken at sends, receives and loopback; completions and returns carry
 * the same frames back and are left out. Written as pcapng (draft-ietf-opsawg-pcapng).
 */

import { MDL, SYSTEM_TIME_AT_START } from '../../kernel/index.ts';
import type { Address, KernelMemory } from '../../memory/index.ts';
import { NET_BUFFER, NET_BUFFER_LIST } from '../../ndis/index.ts';
import type { TraceEvent, TraceSink } from '../../trace/index.ts';
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND, type FrameBatch, PcapngWriter } from '../../wire/index.ts';
import { OutputFile } from './outputFile.ts';

const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NB_NEXT = NET_BUFFER.offset.Next;
const NB_CURRENT_MDL = NET_BUFFER.offset.CurrentMdl;
const NB_CURRENT_MDL_OFFSET = NET_BUFFER.offset.CurrentMdlOffset;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
const MDL_NEXT = MDL.offset.Next;
const MDL_BYTE_COUNT = MDL.offset.ByteCount;
const MDL_MAPPED_SYSTEM_VA = MDL.offset.MappedSystemVa;

/** Net buffers of one list, and MDLs of one net buffer, that are looked at: a damaged chain may be a circle. */
const CHAIN_LIMIT = 4096;
/** Bytes kept of a frame: the longest that a stack segments, with its headers. */
const FRAME_LIMIT = 0x1_0000 + 256;
/** 1601 to 1970, in units of 100 ns. */
const UNIX_EPOCH = 116_444_736_000_000_000n;
const NANOSECONDS_PER_UNIT = 100;

const DIRECTIONS: Readonly<Record<string, number>> = {
  send: DIRECTION_OUTBOUND,
  receive: DIRECTION_INBOUND,
  loopback: DIRECTION_INBOUND,
};

/** A capture being written. Give it `memory` before the machine runs. */
export class HopCapture implements TraceSink {
  memory: KernelMemory | null = null;
  /** Frames written. */
  frames = 0;
  readonly #file: OutputFile;
  readonly #writer: PcapngWriter;
  readonly #interfaces = new Map<string, number>();
  readonly #frame = new Uint8Array(FRAME_LIMIT);
  readonly #next: TraceSink | null;

  /** @param next where every event goes afterwards. @throws CliError OUTPUT_FAILED */
  constructor(path: string, next: TraceSink | null) {
    this.#next = next;
    this.#file = new OutputFile(path);
    this.#writer = new PcapngWriter(this.#file.write, {
      application: 'ndisbox',
      epochNanoseconds: (SYSTEM_TIME_AT_START - UNIX_EPOCH) * 100n,
    });
  }

  emit(event: TraceEvent): void {
    if (event.kind === 'hop') {
      const direction = DIRECTIONS[event.verb];
      if (direction !== undefined) this.#takeList(event, direction);
    }
    this.#next?.emit(event);
  }

  /** Takes a frame that passes a wire. */
  wireFrame(
    wire: string,
    direction: 'received' | 'sent',
    batch: FrameBatch,
    slot: number,
    nanoseconds: number,
  ): void {
    const id = this.#interface(wire, `the wire ${wire}`);
    const flags = direction === 'received' ? DIRECTION_INBOUND : DIRECTION_OUTBOUND;
    this.#writer.packet(
      id,
      nanoseconds,
      batch.memory,
      batch.offset[slot],
      batch.length[slot],
      flags,
      direction,
    );
    this.frames++;
  }

  /** Writes what is left. @throws CliError OUTPUT_FAILED */
  close(): void {
    this.#writer.flush();
    this.#file.close();
  }

  #interface(name: string, description: string): number {
    let id = this.#interfaces.get(name);
    if (id === undefined) {
      id = this.#writer.addInterface({ name, description });
      this.#interfaces.set(name, id);
    }
    return id;
  }

  #takeList(event: TraceEvent & { readonly kind: 'hop' }, direction: number): void {
    const { memory } = this;
    if (memory === null) return;
    const { from, to, list, verb } = event;
    const id = this.#interface(`${from} -> ${to}`, `from ${from} to ${to}`);
    const stamp = event.time * NANOSECONDS_PER_UNIT;
    let buffer = pointerAt(memory, list + NBL_FIRST_NET_BUFFER);
    for (let count = 0; buffer !== 0 && count < CHAIN_LIMIT; count++) {
      const length = wordAt(memory, buffer + NB_DATA_LENGTH);
      const kept = this.#copy(memory, buffer, Math.min(length, FRAME_LIMIT));
      const which = count === 0 ? '' : `, net buffer ${count + 1}`;
      const comment = `${from} ${verb} to ${to}, NBL 0x${list.toString(16)}${which}`;
      this.#writer.packet(id, stamp, this.#frame, 0, kept, direction, comment, Math.max(kept, length));
      this.frames++;
      buffer = pointerAt(memory, buffer + NB_NEXT);
    }
  }

  /** Gathers the data of a net buffer; returns how much of it was found. */
  #copy(memory: KernelMemory, buffer: Address, length: number): number {
    let mdl = pointerAt(memory, buffer + NB_CURRENT_MDL);
    let offset = wordAt(memory, buffer + NB_CURRENT_MDL_OFFSET);
    let at = 0;
    for (let count = 0; mdl !== 0 && at < length && count < CHAIN_LIMIT; count++) {
      const bytes = Math.min(wordAt(memory, mdl + MDL_BYTE_COUNT) - offset, length - at);
      const from = pointerAt(memory, mdl + MDL_MAPPED_SYSTEM_VA) + offset;
      if (bytes > 0) {
        if (from + bytes > memory.u8.length) return at;
        this.#frame.set(memory.u8.subarray(from, from + bytes), at);
        at += bytes;
      }
      offset = 0;
      mdl = pointerAt(memory, mdl + MDL_NEXT);
    }
    return at;
  }
}

/** The pointer at an address, 0 where it cannot be one: what drivers leave behind may be damaged. */
function pointerAt(memory: KernelMemory, address: Address): Address {
  const value = wordAt(memory, address);
  return value < memory.u8.length ? value : 0;
}

function wordAt(memory: KernelMemory, address: Address): number {
  return address > 0 && (address & 3) === 0 && address + 4 <= memory.u8.length ? memory.u32[address >> 2] : 0;
}
