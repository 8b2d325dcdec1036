/**
 * Memory that lives as long as one call: where the literals and texts of TypeScript drivers lie while a function of
 * the kernel reads them. A ring of fixed size at the start of kernel memory, used like a stack.
 */

import {
  type Address,
  CALLABLE_RANGE_START,
  FIRST_MAPPED_ADDRESS,
  readTerminatedAnsi,
  readTerminatedUtf16,
} from '../memory/index.ts';
import { NdisboxError } from './errors.ts';
import type { Kernel } from './kernel.ts';

/** Characters of a text without a length that a trace shows. */
const TEXT_SHOWN = 256;

/** Bytes for all literals of calls in progress. */
export const TRANSIENT_SIZE = 0x4_0000;
/** The pool starts here. */
export const TRANSIENT_END = FIRST_MAPPED_ADDRESS + TRANSIENT_SIZE;

export class TransientMemory {
  readonly #kernel: Kernel;
  /** Ends of what calls that wait still hold, by their marks. */
  readonly #held = new Map<Address, Address>();
  #top: Address = FIRST_MAPPED_ADDRESS;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Begins a call; give the mark to `release`, or to `hold` when the call goes on after its caller awaits. */
  mark(): Address {
    return this.#top;
  }

  /** Ends a synchronous call. */
  release(mark: Address): void {
    this.#top = mark;
  }

  /** Keeps what a call allocated since `mark` while it waits; returns what ends that. */
  hold(mark: Address): () => void {
    if (this.#top === mark) return () => {};
    this.#held.set(mark, this.#top);
    return () => {
      this.#held.delete(mark);
      this.#top = FIRST_MAPPED_ADDRESS;
      for (const end of this.#held.values()) if (end > this.#top) this.#top = end;
    };
  }

  /** Zeroed bytes, aligned to 16. @throws NdisboxError TRANSIENT_MEMORY_FULL when calls in progress hold all of it. */
  allocate(size: number): Address {
    const address = this.#top;
    const end = (address + size + 15) & ~15;
    if (end > TRANSIENT_END) {
      throw new NdisboxError(
        'TRANSIENT_MEMORY_FULL',
        `${size} bytes for a literal do not fit beside those of the calls in progress (${TRANSIENT_SIZE} bytes); ` +
          'give large structures as views over pool memory',
      );
    }
    this.#kernel.memory.u8.fill(0, address, end);
    this.#top = end;
    return address;
  }

  /** A UNICODE_STRING with its characters behind it. */
  unicodeString(text: string): Address {
    const { memory } = this.#kernel;
    const address = this.allocate(16);
    const { Buffer, Length } = this.unicodeBuffer(text);
    memory.u16[address >> 1] = Length;
    memory.u16[(address + 2) >> 1] = Length + 2;
    memory.writePointer(address + 8, Buffer);
    return address;
  }

  /** The characters of a text and a terminating zero. */
  unicodeBuffer(text: string): { readonly Buffer: Address; readonly Length: number } {
    return { Buffer: this.wideCharacters(text), Length: text.length * 2 };
  }

  /** A zero-terminated UTF-16 text. */
  wideCharacters(text: string): Address {
    const { memory } = this.#kernel;
    const address = this.allocate(text.length * 2 + 2);
    for (let i = 0; i < text.length; i++) memory.u16[(address >> 1) + i] = text.charCodeAt(i);
    return address;
  }

  /** A zero-terminated ANSI text. */
  characters(text: string): Address {
    const { memory } = this.#kernel;
    const address = this.allocate(text.length + 1);
    for (let i = 0; i < text.length; i++) memory.u8[address + i] = text.charCodeAt(i);
    return address;
  }

  /** An ANSI_STRING with its characters behind it. */
  ansiString(text: string): Address {
    const { memory } = this.#kernel;
    const address = this.allocate(16);
    memory.u16[address >> 1] = text.length;
    memory.u16[(address + 2) >> 1] = text.length + 1;
    memory.writePointer(address + 8, this.characters(text));
    return address;
  }

  /** The text that a parameter of `type` points to, for traces. */
  readText(type: string, address: Address): string {
    const { memory } = this.#kernel;
    if (address < FIRST_MAPPED_ADDRESS || address >= CALLABLE_RANGE_START || address + 16 > memory.size)
      return 'NULL';
    if (type.endsWith('STR')) return this.#terminated(address, type.endsWith('WSTR') ? 2 : 1);
    const length = memory.u16[address >> 1];
    const buffer = memory.readPointer(address + 8);
    if (buffer < FIRST_MAPPED_ADDRESS || buffer + length > memory.size) return 'invalid';
    if (/ANSI/.test(type))
      return String.fromCharCode(...memory.u8.subarray(buffer, buffer + Math.min(length, 256)));
    return String.fromCharCode(...memory.u16.subarray(buffer >> 1, (buffer + Math.min(length, 512)) >> 1));
  }

  /** A text up to its zero. */
  #terminated(address: Address, width: 1 | 2): string {
    const { memory } = this.#kernel;
    const text =
      width === 2
        ? readTerminatedUtf16(memory, address, TEXT_SHOWN)
        : readTerminatedAnsi(memory, address, TEXT_SHOWN);
    return text.length < TEXT_SHOWN ? text : `${text}...`;
  }
}
