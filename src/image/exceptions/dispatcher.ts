/**
 * Exceptions in machine code: what the run loop calls when one happens, when a handler returns, and when machine code
 * calls what the kernel exports for them. Implements "Exceptions" of docs/decisions/0001-control-passing.md. Every
 * function changes the registers in memory and says how the strand goes on.
 */

import { type Address, halvesText, type KernelMemory } from '../../memory/index.ts';
import { RAX, STATE_GENERAL } from '../../x64/index.ts';
import {
  type HostFrame,
  instructionPointer,
  popWords,
  type Registers,
  RIP_WORD,
  readRegisters,
  ripIsKernel,
  stackPointer,
  type Unwinder,
} from '../unwind/index.ts';
import { continueHandler, enterHandler } from './cSpecificHandler.ts';
import { addressOf, EXCEPTION_NONCONTINUABLE, type ExceptionDescription } from './records.ts';
import { continueSearch, raise } from './search.ts';
import { continueUnwind } from './secondPass.ts';
import {
  activationAt,
  type DispatchCore,
  type ExceptionOutcome,
  type ExceptionStrand,
  hostFrameOf,
  stackOverflow,
} from './strand.ts';

/** Handles the exceptions of one machine. */
export class ExceptionDispatcher {
  readonly memory: KernelMemory;
  readonly unwinder: Unwinder;
  /** The callable address that handlers return to; the run loop calls `returned` when it is reached. */
  readonly returnAddress: Address;

  constructor(memory: KernelMemory, unwinder: Unwinder) {
    this.memory = memory;
    this.unwinder = unwinder;
    this.returnAddress = memory.callables.addressOf(new HandlerReturn(this), 'kernel');
  }

  /**
   * Raises an exception at the instruction that the registers in memory point to, none of which has happened.
   * @param text what happened, for people.
   */
  raiseAt(strand: ExceptionStrand, exception: ExceptionDescription, text: string): ExceptionOutcome {
    const registers = readRegisters(this.memory);
    return raise(this.core(strand), exception, registers, stackPointer(registers), text);
  }

  /**
   * Raises an exception in the machine code that called the function of the host that runs: the return address is on
   * top of its stack. It cannot be continued. Implements ExRaiseStatus (wdm.h).
   */
  raiseInCaller(
    strand: ExceptionStrand,
    code: number,
    information: readonly bigint[],
    text: string,
  ): ExceptionOutcome {
    const registers = this.callerRegisters();
    if (registers === null) return stackOverflow(readRegisters(this.memory), text);
    const exception: ExceptionDescription = {
      code,
      flags: EXCEPTION_NONCONTINUABLE,
      nested: 0,
      address: addressOf(registers),
      information,
    };
    return raise(this.core(strand), exception, registers, stackPointer(registers) - 8, text);
  }

  /** A handler, a filter or a __finally block returned: rip reached `returnAddress`. */
  returned(strand: ExceptionStrand): ExceptionOutcome {
    const registers = readRegisters(this.memory);
    const activation = activationAt(strand, stackPointer(registers));
    if (activation === null)
      return stackOverflow(registers, 'machine code returned from a handler that was not called');
    // What a handler that is over had called and not returned from is gone.
    strand.activations.length = strand.activations.lastIndexOf(activation) + 1;
    const core = this.core(strand);
    const value = this.memory.i32[(STATE_GENERAL + RAX * 8) >> 2];
    switch (activation.kind) {
      case 'search':
        return continueSearch(core, activation, value);
      case 'unwind':
        return continueUnwind(core, activation, value);
      case 'handler':
        return continueHandler(core, activation, value);
    }
  }

  /** Machine code called __C_specific_handler. */
  enterCSpecificHandler(strand: ExceptionStrand): ExceptionOutcome {
    return enterHandler(this.core(strand));
  }

  /** What machine code returns to at a callable address, for walks of the stack. */
  hostFrame(strand: ExceptionStrand, address: Address, stack: Address): HostFrame | null {
    return hostFrameOf(this.core(strand), address, stack);
  }

  /** Registers of the machine code that called the function of the host that runs; null where its stack is wild. */
  callerRegisters(): Registers | null {
    const registers = readRegisters(this.memory);
    return popWords(this.memory, registers, RIP_WORD) ? registers : null;
  }

  core(strand: ExceptionStrand): DispatchCore {
    const core: DispatchCore = {
      memory: this.memory,
      unwinder: this.unwinder,
      returnAddress: this.returnAddress,
      strand,
      raise: (exception, registers, top, text) => raise(core, exception, registers, top, text),
    };
    return core;
  }

  /** Machine code called a function of the host with a stack pointer that leads nowhere. */
  lostStack(): ExceptionOutcome {
    return stackOverflow(readRegisters(this.memory), 'a call with a stack pointer that leads nowhere');
  }

  /** `name.sys+RVA` of where the registers are, for messages. */
  describe(registers: Registers): string {
    const address = instructionPointer(registers);
    const location = ripIsKernel(registers) ? this.unwinder.locate(address) : null;
    return location === null
      ? halvesText(address, registers[RIP_WORD + 1])
      : location.image.describeAddress(address);
  }
}

/** The value behind the callable address that handlers return to. */
export class HandlerReturn {
  readonly dispatcher: ExceptionDispatcher;
  constructor(dispatcher: ExceptionDispatcher) {
    this.dispatcher = dispatcher;
  }
}
