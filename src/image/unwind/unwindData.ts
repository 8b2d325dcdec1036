/**
 * The function table and the unwind data of an image, read from its mapped bytes. Implements "x64 exception handling"
 * (Microsoft C++): RUNTIME_FUNCTION, UNWIND_INFO of versions 1 and 2, chained unwind information.
 */

import type { Address, KernelMemory } from '../../memory/index.ts';

/** What unwinding has to know of a mapped image. */
export interface UnwindImage {
  /** Name of the file, `echo.sys`. */
  readonly name: string;
  readonly base: Address;
  /** Bytes of the mapped image. */
  readonly size: number;
  /** The function table, its exception directory: first address and one past the last; null without one. */
  readonly exceptionTable: { readonly start: Address; readonly end: Address } | null;
  /** What people call an address in it: `echo.sys!DriverEntry+0x12`, `echo.sys+0x1234`. */
  describeAddress(address: Address): string;
}

/** An entry of the function table; offsets count from the base of the image. */
export interface RuntimeFunction {
  /** Where the entry itself lies. */
  readonly address: Address;
  readonly begin: number;
  /** One past its last byte. */
  readonly end: number;
  /** Offset of the UNWIND_INFO. */
  readonly unwindInfo: number;
}

/** UNW_FLAG_EHANDLER: the handler takes part in the search. */
export const UNWIND_EXCEPTION_HANDLER = 1;
/** UNW_FLAG_UHANDLER: the handler is called when the frame is unwound. */
export const UNWIND_TERMINATION_HANDLER = 2;
const UNWIND_CHAINED = 4;

/** What an unwind code says that the prologue did. */
export type UnwindOperation = 'push' | 'allocate' | 'setFrame' | 'saveRegister' | 'saveXmm' | 'machineFrame';

/** One step of a prologue, as the array of codes lists them: last first. */
export interface UnwindCode {
  /** Bytes of the prologue up to the end of the instruction that did it. */
  readonly offset: number;
  readonly operation: UnwindOperation;
  /** The register saved or pushed; for a machine frame 1 where it has an error code. */
  readonly register: number;
  /** Bytes allocated, or where the register was saved, counted from the base of the frame. */
  readonly value: number;
}

/** Where an epilogue of version 2 lies, counted from the base of the image. */
export interface EpilogueRange {
  readonly begin: number;
  readonly end: number;
}

/** A checked UNWIND_INFO. */
export interface UnwindInfo {
  readonly version: 1 | 2;
  readonly flags: number;
  /** Bytes of the prologue. */
  readonly prologueSize: number;
  /** Number of the register that holds the frame, 0 for none. */
  readonly frameRegister: number;
  /** How far the frame register points above the base of the frame, in bytes. */
  readonly frameOffset: number;
  readonly codes: readonly UnwindCode[];
  /** Epilogues as version 2 lists them: the distance of each from the end of its function, and their size. */
  readonly epilogueSize: number;
  readonly epilogueDistances: readonly number[];
  readonly chained: RuntimeFunction | null;
  /** Offset of the language handler; 0 for none. */
  readonly handler: number;
  /** Offset of the data for the language handler, where there is one. */
  readonly handlerData: number;
}

const FUNCTION_SIZE = 12;
/** Bit 0 of the unwind field: the rest is the offset of another entry that holds the data. */
const INDIRECT = 1;

/** Reads the entry at offset `at` of the image; null where it lies outside or says what cannot be. */
export function readFunction(memory: KernelMemory, image: UnwindImage, at: number): RuntimeFunction | null {
  if (!inImage(image, at, FUNCTION_SIZE) || at % 4 !== 0) return null;
  const word = (image.base + at) >> 2;
  const begin = memory.u32[word];
  const end = memory.u32[word + 1];
  const unwindInfo = memory.u32[word + 2];
  if (begin >= end || end > image.size) return null;
  return { address: image.base + at, begin, end, unwindInfo };
}

/**
 * Finds the function around offset `rva`. A table that is not sorted, as the format wants it, finds less but nothing
 * worse happens.
 */
export function findFunction(memory: KernelMemory, image: UnwindImage, rva: number): RuntimeFunction | null {
  const table = image.exceptionTable;
  if (table === null) return null;
  const first = table.start - image.base;
  const count = Math.floor((table.end - table.start) / FUNCTION_SIZE);
  if (!inImage(image, first, count * FUNCTION_SIZE)) return null;
  let low = 0;
  let high = count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const word = (table.start + middle * FUNCTION_SIZE) >> 2;
    if (rva < memory.u32[word]) high = middle - 1;
    else if (rva >= memory.u32[word + 1]) low = middle + 1;
    else {
      const found = readFunction(memory, image, first + middle * FUNCTION_SIZE);
      return found === null ? null : direct(memory, image, found);
    }
  }
  return null;
}

/** Follows the one indirection that an entry may have. */
function direct(memory: KernelMemory, image: UnwindImage, entry: RuntimeFunction): RuntimeFunction | null {
  if ((entry.unwindInfo & INDIRECT) === 0) return entry;
  const target = readFunction(memory, image, entry.unwindInfo - INDIRECT);
  return target === null || (target.unwindInfo & INDIRECT) !== 0 ? null : target;
}

/** Reads the UNWIND_INFO at offset `at`; null where anything in it cannot be. */
export function parseUnwindInfo(memory: KernelMemory, image: UnwindImage, at: number): UnwindInfo | null {
  if (at % 4 !== 0 || !inImage(image, at, 4)) return null;
  const { u8 } = memory;
  const start = image.base + at;
  const version = u8[start] & 7;
  const flags = u8[start] >> 3;
  if (version !== 1 && version !== 2) return null;
  const slots = u8[start + 2];
  const frameRegister = u8[start + 3] & 15;
  if (!inImage(image, at + 4, slots * 2)) return null;
  const codes = parseCodes(memory, start + 4, slots, version, frameRegister);
  if (codes === null) return null;
  // The array is padded to an even number of slots.
  const tail = at + 4 + ((slots + 1) & ~1) * 2;
  const rest = parseTail(memory, image, tail, flags);
  if (rest === null) return null;
  return {
    version,
    flags,
    prologueSize: u8[start + 1],
    frameRegister,
    frameOffset: (u8[start + 3] >> 4) * 16,
    ...codes,
    ...rest,
  };
}

interface Tail {
  readonly chained: RuntimeFunction | null;
  readonly handler: number;
  readonly handlerData: number;
}

/** What follows the codes: a handler with its data, or the entry of the function that this one continues. */
function parseTail(memory: KernelMemory, image: UnwindImage, at: number, flags: number): Tail | null {
  const handles = (flags & (UNWIND_EXCEPTION_HANDLER | UNWIND_TERMINATION_HANDLER)) !== 0;
  if ((flags & UNWIND_CHAINED) !== 0) {
    if (handles) return null;
    const chained = readFunction(memory, image, at);
    if (chained === null) return null;
    const target = direct(memory, image, chained);
    return target === null ? null : { chained: target, handler: 0, handlerData: 0 };
  }
  if (!handles) return { chained: null, handler: 0, handlerData: 0 };
  if (!inImage(image, at, 4)) return null;
  const handler = memory.u32[(image.base + at) >> 2];
  if (handler === 0 || handler >= image.size) return null;
  return { chained: null, handler, handlerData: at + 4 };
}

/** Bytes of a slot are the offset in the prologue, then operation and information in a nibble each. */
const OPERATION_SLOTS = [1, 2, 1, 1, 2, 3, 1, 0, 2, 3, 1] as const;
const PUSH_NONVOLATILE = 0;
const ALLOCATE_LARGE = 1;
const ALLOCATE_SMALL = 2;
const SET_FRAME_REGISTER = 3;
const SAVE_NONVOLATILE = 4;
const SAVE_NONVOLATILE_FAR = 5;
const EPILOGUE = 6;
const SAVE_XMM = 8;
const SAVE_XMM_FAR = 9;
const PUSH_MACHINE_FRAME = 10;
const RSP = 4;

interface Codes {
  readonly codes: readonly UnwindCode[];
  readonly epilogueSize: number;
  readonly epilogueDistances: readonly number[];
}

function parseCodes(
  memory: KernelMemory,
  at: Address,
  slots: number,
  version: 1 | 2,
  frameRegister: number,
): Codes | null {
  const { u8, u16 } = memory;
  const codes: UnwindCode[] = [];
  const epilogueDistances: number[] = [];
  let epilogueSize = 0;
  let epilogues = 0;
  for (let slot = 0; slot < slots; ) {
    const offset = u8[at + slot * 2];
    const information = u8[at + slot * 2 + 1] >> 4;
    const operation = u8[at + slot * 2 + 1] & 15;
    const length = slotsOf(operation, information);
    if (length === 0 || slot + length > slots) return null;
    if (operation === EPILOGUE) {
      if (version !== 2 || codes.length > 0) return null;
      if (epilogues++ === 0) {
        epilogueSize = offset;
        // Bit 0 of the first one's information: an epilogue ends where the function ends.
        if ((information & 1) !== 0) epilogueDistances.push(offset);
      } else if (offset !== 0 || information !== 0) epilogueDistances.push(offset | (information << 8));
    } else {
      const second = length > 1 ? u16[(at + slot * 2 + 2) >> 1] : 0;
      const third = length > 2 ? u16[(at + slot * 2 + 4) >> 1] : 0;
      const code = decodeCode(offset, operation, information, second, third, frameRegister);
      if (code === null) return null;
      codes.push(code);
    }
    slot += length;
  }
  return { codes, epilogueSize, epilogueDistances };
}

function slotsOf(operation: number, information: number): number {
  if (operation === ALLOCATE_LARGE && information > 1) return 0;
  if (operation === ALLOCATE_LARGE && information === 1) return 3;
  return OPERATION_SLOTS[operation] ?? 0;
}

function decodeCode(
  offset: number,
  operation: number,
  information: number,
  second: number,
  third: number,
  frameRegister: number,
): UnwindCode | null {
  const wide = (second | (third << 16)) >>> 0;
  switch (operation) {
    case PUSH_NONVOLATILE:
      if (information === RSP) return null;
      return { offset, operation: 'push', register: information, value: 8 };
    case ALLOCATE_LARGE:
      return { offset, operation: 'allocate', register: 0, value: information === 0 ? second * 8 : wide };
    case ALLOCATE_SMALL:
      return { offset, operation: 'allocate', register: 0, value: information * 8 + 8 };
    case SET_FRAME_REGISTER:
      if (frameRegister === 0) return null;
      return { offset, operation: 'setFrame', register: frameRegister, value: 0 };
    case SAVE_NONVOLATILE:
    case SAVE_NONVOLATILE_FAR:
      if (information === RSP) return null;
      return {
        offset,
        operation: 'saveRegister',
        register: information,
        value: operation === SAVE_NONVOLATILE ? second * 8 : wide,
      };
    case SAVE_XMM:
    case SAVE_XMM_FAR:
      return {
        offset,
        operation: 'saveXmm',
        register: information,
        value: operation === SAVE_XMM ? second * 16 : wide,
      };
    case PUSH_MACHINE_FRAME:
      return information > 1 ? null : { offset, operation: 'machineFrame', register: information, value: 0 };
    default:
      return null;
  }
}

/** Whether `size` bytes at offset `rva` lie in the image. */
export function inImage(image: UnwindImage, rva: number, size: number): boolean {
  return rva >= 0 && rva + size <= image.size;
}
