/**
 * From the registers of a function to those of its caller. Implements "x64 exception handling", unwind procedure
 * (Microsoft C++). Works on any bytes: what cannot be undone is said, nothing is thrown.
 */

import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
} from '../../memory/index.ts';
import { RSP } from '../../x64/index.ts';
import { type EpilogueFunction, matchEpilogue, undoEpilogue } from './epilogue.ts';
import {
  instructionPointer,
  loadWords,
  popWords,
  type Registers,
  RIP_WORD,
  ripIsKernel,
  stackPointer,
  XMM_WORD,
} from './registers.ts';
import {
  findFunction,
  parseUnwindInfo,
  type RuntimeFunction,
  type UnwindCode,
  type UnwindImage,
  type UnwindInfo,
} from './unwindData.ts';

/** Which images are mapped. */
export interface MappedImages {
  /** The image around `address`, or null. */
  imageAt(address: Address): UnwindImage | null;
}

/** A frame that was undone; the registers are its caller's now. */
export interface UnwoundFrame {
  /** Where the frame was executing. */
  readonly controlPc: Address;
  /** The image, null for an address outside of all. */
  readonly image: UnwindImage | null;
  /** Null for a leaf function. */
  readonly entry: RuntimeFunction | null;
  /** Base of its fixed allocation on the stack. */
  readonly establisherFrame: Address;
  /** Its language handler where the kind asked for is called here; 0 for none. */
  readonly handler: Address;
  readonly handlerData: Address;
}

/** Where in its image an address is. */
export interface CodeLocation {
  readonly image: UnwindImage;
  readonly entry: RuntimeFunction | null;
}

/** Longest chain of unwind information that is followed. */
const LONGEST_CHAIN = 32;
/** Names that are kept of an image. */
const NAME_LIMIT = 4096;

/** Unwinds the machine code of one machine. */
export class Unwinder {
  readonly memory: KernelMemory;
  readonly #images: MappedImages;
  /** Parsed unwind data by its offset; null where it cannot be. Dies with the image. */
  readonly #parsed = new WeakMap<UnwindImage, Map<number, UnwindInfo | null>>();

  /** Names of addresses that were asked for. */
  readonly #names = new WeakMap<UnwindImage, Map<Address, string>>();

  constructor(memory: KernelMemory, images: MappedImages) {
    this.memory = memory;
    this.#images = images;
  }

  /** The image and function around a kernel address; null outside of all images. */
  locate(address: Address): CodeLocation | null {
    const image = this.#images.imageAt(address);
    return image === null ? null : { image, entry: findFunction(this.memory, image, address - image.base) };
  }

  /** What people call an address in an image; asked for the same places again and again. */
  describe(image: UnwindImage, address: Address): string {
    let names = this.#names.get(image);
    if (names === undefined) this.#names.set(image, (names = new Map()));
    let name = names.get(address);
    if (name === undefined) {
      if (names.size >= NAME_LIMIT) names.clear();
      names.set(address, (name = image.describeAddress(address)));
    }
    return name;
  }

  /**
   * Undoes the frame of the function at rip.
   * @param registers those of the function; afterwards those of its caller.
   * @param handlers UNWIND_EXCEPTION_HANDLER or UNWIND_TERMINATION_HANDLER, the handlers looked for; 0 for none.
   * @returns null where unwind data or stack do not allow it; the registers are then of no use.
   */
  unwind(registers: Registers, handlers: number): UnwoundFrame | null {
    const controlPc = instructionPointer(registers);
    const location = ripIsKernel(registers) ? this.locate(controlPc) : null;
    if (location === null || location.entry === null) {
      const establisherFrame = stackPointer(registers);
      if (!popWords(this.memory, registers, RIP_WORD)) return null;
      const image = location?.image ?? null;
      return { controlPc, image, entry: null, establisherFrame, handler: 0, handlerData: 0 };
    }
    return this.unwindFunction(registers, controlPc, location.image, location.entry, handlers);
  }

  /** `unwind` for a function that is known already. */
  unwindFunction(
    registers: Registers,
    controlPc: Address,
    image: UnwindImage,
    entry: RuntimeFunction,
    handlers: number,
  ): UnwoundFrame | null {
    const { memory } = this;
    const info = this.#info(image, entry.unwindInfo);
    const offset = controlPc - image.base - entry.begin;
    if (info === null || offset < 0) return null;
    const frame = { controlPc, image, entry, handler: 0, handlerData: 0 };
    const inPrologue = offset < info.prologueSize;
    if (!inPrologue && mayBeEpilogue(info, entry, controlPc - image.base)) {
      const epilogue = matchEpilogue(memory, this.#epilogueFunction(image, entry, info), controlPc);
      if (epilogue !== null) {
        // An epilogue may have popped the frame register already.
        const establisherFrame = stackPointer(registers);
        return undoEpilogue(memory, registers, epilogue) ? { ...frame, establisherFrame } : null;
      }
    }
    const base = frameBase(registers, info, offset);
    if (base === null) return null;
    const last = this.#undoChain(registers, image, info, offset, base);
    if (last === null) return null;
    if (inPrologue || (last.flags & handlers) === 0) return { ...frame, establisherFrame: base };
    return {
      ...frame,
      establisherFrame: base,
      handler: image.base + last.handler,
      handlerData: image.base + last.handlerData,
    };
  }

  /** Undoes a prologue and those that it continues, then the call; gives the first function's data. */
  #undoChain(
    registers: Registers,
    image: UnwindImage,
    first: UnwindInfo,
    offset: number,
    base: Address,
  ): UnwindInfo | null {
    let info = first;
    let machineFrame = false;
    for (let depth = 0; depth < LONGEST_CHAIN; depth++) {
      for (const code of info.codes) {
        // Codes of the functions that this one continues have all run.
        if (depth === 0 && offset < code.offset) continue;
        if (!undoCode(this.memory, registers, info, code, base)) return null;
        if (code.operation === 'machineFrame') machineFrame = true;
      }
      if (info.chained === null)
        return machineFrame || popWords(this.memory, registers, RIP_WORD) ? info : null;
      const next = this.#info(image, info.chained.unwindInfo);
      if (next === null) return null;
      info = next;
    }
    return null;
  }

  #info(image: UnwindImage, at: number): UnwindInfo | null {
    let infos = this.#parsed.get(image);
    if (infos === undefined) this.#parsed.set(image, (infos = new Map<number, UnwindInfo | null>()));
    let info = infos.get(at);
    if (info === undefined) infos.set(at, (info = parseUnwindInfo(this.memory, image, at)));
    return info;
  }

  #epilogueFunction(image: UnwindImage, entry: RuntimeFunction, info: UnwindInfo): EpilogueFunction {
    return {
      begin: image.base + entry.begin,
      end: image.base + entry.end,
      continuesAt: (target) => {
        const rva = target - image.base;
        // A function may end by calling itself anew, but a continued part begins in the middle of one.
        if (rva === entry.begin) return info.chained !== null;
        const other = findFunction(this.memory, image, rva);
        return other !== null && this.#primary(image, other) === this.#primary(image, entry);
      },
    };
  }

  /** Offset at which the function begins that `entry` is a part of; -1 where the data does not say. */
  #primary(image: UnwindImage, entry: RuntimeFunction): number {
    let part = entry;
    for (let depth = 0; depth < LONGEST_CHAIN; depth++) {
      const info = this.#info(image, part.unwindInfo);
      if (info === null) return -1;
      if (info.chained === null) return part.begin;
      part = info.chained;
    }
    return -1;
  }
}

/** Version 2 lists the epilogues; version 1 leaves it to the code. */
function mayBeEpilogue(info: UnwindInfo, entry: RuntimeFunction, rva: number): boolean {
  if (info.version === 1 || info.epilogueSize === 0) return true;
  return info.epilogueDistances.some((distance) => {
    const begin = entry.end - distance;
    return rva >= begin && rva < begin + info.epilogueSize;
  });
}

/** Base of the fixed allocation, which saved registers are counted from; null where it is no kernel address. */
function frameBase(registers: Registers, info: UnwindInfo, offset: number): Address | null {
  const established =
    info.frameRegister !== 0 &&
    (offset >= info.prologueSize ||
      info.chained !== null ||
      info.codes.some((code) => code.operation === 'setFrame' && offset >= code.offset));
  const word = (established ? info.frameRegister : RSP) * 2;
  const base = (registers[word] >>> 0) - (established ? info.frameOffset : 0);
  return registers[word + 1] === KERNEL_WINDOW_HIGH && base >= FIRST_MAPPED_ADDRESS ? base : null;
}

/** Undoes one step of a prologue; false where the stack cannot be read. */
function undoCode(
  memory: KernelMemory,
  registers: Registers,
  info: UnwindInfo,
  code: UnwindCode,
  base: Address,
): boolean {
  const stack = RSP * 2;
  switch (code.operation) {
    case 'push':
      return popWords(memory, registers, code.register * 2);
    case 'allocate':
      return moveStack(registers, (registers[stack] >>> 0) + code.value);
    case 'setFrame':
      registers[stack + 1] = registers[code.register * 2 + 1];
      return moveStack(registers, (registers[code.register * 2] >>> 0) - info.frameOffset);
    case 'saveRegister':
      return loadWords(memory, registers, code.register * 2, 2, base + code.value, KERNEL_WINDOW_HIGH);
    case 'saveXmm':
      return loadWords(
        memory,
        registers,
        XMM_WORD + code.register * 4,
        4,
        base + code.value,
        KERNEL_WINDOW_HIGH,
      );
    case 'machineFrame':
      return undoMachineFrame(memory, registers, code.register);
  }
}

/** The processor pushed ss, rsp, rflags, cs, rip and, for some exceptions, an error code. */
function undoMachineFrame(memory: KernelMemory, registers: Registers, errorCodes: number): boolean {
  const at = stackPointer(registers) + errorCodes * 8;
  const high = registers[RSP * 2 + 1];
  return (
    loadWords(memory, registers, RIP_WORD, 2, at, high) &&
    loadWords(memory, registers, RSP * 2, 2, at + 24, high)
  );
}

function moveStack(registers: Registers, low: number): boolean {
  registers[RSP * 2] = low;
  return low >= 0 && low < 2 ** 32;
}
