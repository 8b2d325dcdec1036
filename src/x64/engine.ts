/**
 * The engine that runs machine code over one kernel memory: the interpreter, with room for faster tiers, and the
 * invalidation of code. Implements decision 1 of the design; see docs/decisions/0001-control-passing.md.
 */

import { type Address, PAGE_EXECUTE as EXECUTE, type KernelMemory, type Pages } from '../memory/index.ts';
import { Decoder } from './decode.ts';
import type { EngineHost, Exit } from './host.ts';
import {
  type AccessPoint,
  CodeCache,
  Cpu,
  type HotThresholds,
  type MemorySafety,
  makeExecute,
  OBSERVE_PREEMPT,
  OBSERVE_TRACE,
  type Tiers,
} from './interpreter/index.ts';
import { STATE_RIP } from './state.ts';
import { TranslatedTier } from './translate/tier.ts';

export interface EngineOptions {
  /** Protections of pages; left out, all of memory may be read, written and executed. */
  readonly pages?: Pages;
  /** Bytes that are mapped but must not be touched. */
  readonly safety?: MemorySafety;
  /** Called before each instruction; costs nothing when left out. */
  readonly trace?: (address: Address) => void;
  /**
   * Exploration: whether another processor may run before this access. Not asked about the instruction that a run
   * begins with, so that a run that left with `preemption` goes on when it is called again.
   */
  readonly preemptBefore?: (point: AccessPoint) => boolean;
  /** Whether hot code is translated. True, unless instructions are traced or asked about. */
  readonly translate?: boolean;
  /** Counts after which code is hot. */
  readonly thresholds?: HotThresholds;
}

/** Nothing is translated: the loop never enters anything, and nobody wants to hear of hot code. */
const INTERPRETER_ONLY: Tiers = {
  enter: () => 1,
  hotCall: () => undefined,
  hotLoop: () => undefined,
};

/** Counts start at zero and are told at zero, so these are never reached in practice. */
const NEVER: HotThresholds = { calls: 0, loops: 0 };
const DEFAULT_THRESHOLDS: HotThresholds = { calls: 40, loops: 400 };

export class Engine {
  readonly cpu: Cpu;
  readonly code: CodeCache;
  /** The translated tier; null where everything is interpreted. */
  readonly translated: TranslatedTier | null;
  readonly #execute: () => Exit;

  constructor(memory: KernelMemory, host: EngineHost, options: EngineOptions = {}) {
    const { pages = null, safety = null } = options;
    this.cpu = new Cpu(memory, host, pages, safety);
    if (options.trace !== undefined) {
      this.cpu.observing |= OBSERVE_TRACE;
      this.cpu.onTrace = options.trace;
    }
    if (options.preemptBefore !== undefined) {
      this.cpu.observing |= OBSERVE_PREEMPT;
      this.cpu.onAccess = options.preemptBefore;
    }
    const translates = options.translate !== false && this.cpu.observing === 0;
    const decoder = new Decoder(
      memory,
      pages === null ? undefined : (address) => pages.firstFault(address, 1, EXECUTE) === -1,
    );
    this.code = new CodeCache(
      this.cpu,
      (address) => decoder.decode(address),
      translates ? (options.thresholds ?? DEFAULT_THRESHOLDS) : NEVER,
    );
    this.cpu.code = this.code;
    this.translated = translates ? new TranslatedTier(this.cpu, this.code) : null;
    this.#execute = makeExecute(this.cpu, this.code, this.translated ?? INTERPRETER_ONLY);
  }

  /**
   * Runs machine code from rip until the host, fuel, exploration or an exception ends it. Registers, rip, flags and
   * fuel are in memory, at STATE, before and after. May be called again from functions of the host that it calls.
   */
  run(): Exit {
    return this.#execute();
  }

  /** `run`, where the host has just called the function at rip: it counts towards being translated. */
  runCall(): Exit {
    const { i32 } = this.cpu;
    if (this.translated !== null) {
      const op = this.code.at(i32[STATE_RIP >> 2], i32[(STATE_RIP >> 2) + 1]);
      op.callsLeft = (op.callsLeft - 1) | 0;
      if (op.callsLeft === 0) this.translated.hotCall(op);
    }
    return this.#execute();
  }

  /** The host has written there, or is about to: what was decoded or translated from it no longer counts. */
  invalidate(address: Address, size: number): void {
    this.code.invalidate(address, size);
  }

  /** Other code was put there, such as an image that was mapped anew: what was known of it is no change of code. */
  forget(address: Address, size: number): void {
    this.code.forget(address, size);
  }
}
