/**
 * Control-flow guard: the two functions that images built with it call before an indirect call, as Windows offers them
 * where it enforces the guard. A machine does with memory safety; without it images keep their own, which check nothing.
 * Implements "Control Flow Guard" of the Windows documentation (security/control-flow-guard) and fast fail 10.
 */

import { KERNEL_SECURITY_CHECK_FAILURE, type Kernel } from '../kernel/index.ts';
import { type Address, CALLABLE_RANGE_START, halvesText, KERNEL_WINDOW_HIGH } from '../memory/index.ts';
import {
  CALL_JUMP,
  CALL_RETURN,
  type CallOutcome,
  RAX,
  RCX,
  STATE_GENERAL,
  STATE_RIP,
} from '../x64/index.ts';
import type { GuardFunctions } from './load/index.ts';

/** FAST_FAIL_GUARD_ICALL_CHECK_FAILURE (winnt.h). */
const GUARD_CHECK_FAILURE = 10;

/** One of the two functions, behind its callable address. */
export class GuardFunction {
  /** `check` gets the target in rcx and returns; `dispatch` gets it in rax and goes there. */
  readonly kind: 'check' | 'dispatch';

  constructor(kind: 'check' | 'dispatch') {
    this.kind = kind;
  }
}

export class CallGuard {
  readonly functions: GuardFunctions;
  readonly #kernel: Kernel;
  /** Whether an indirect call may reach an address of machine code. */
  readonly #isTarget: (address: Address) => boolean;

  constructor(kernel: Kernel, isTarget: (address: Address) => boolean) {
    this.#kernel = kernel;
    this.#isTarget = isTarget;
    const { callables } = kernel.memory;
    this.functions = {
      check: callables.addressOf(new GuardFunction('check'), 'kernel'),
      dispatch: callables.addressOf(new GuardFunction('dispatch'), 'kernel'),
    };
  }

  /** Machine code called one of the functions. @param caller the activation, for people. */
  run({ kind }: GuardFunction, caller: string): CallOutcome {
    const { i32, callables } = this.#kernel.memory;
    const word = (STATE_GENERAL + 8 * (kind === 'check' ? RCX : RAX)) >> 2;
    const low = i32[word];
    const high = i32[word + 1];
    const known =
      high === KERNEL_WINDOW_HIGH &&
      (low >= CALLABLE_RANGE_START ? callables.valueAt(low) !== undefined : this.#isTarget(low));
    if (!known) {
      this.#kernel.bugCheck(
        KERNEL_SECURITY_CHECK_FAILURE,
        [GUARD_CHECK_FAILURE, 0, 0, 0],
        `${caller} was about to call ${halvesText(low, high)}, which is no function that control-flow guard knows`,
      );
    }
    if (kind === 'check') return CALL_RETURN;
    i32[STATE_RIP >> 2] = low;
    i32[(STATE_RIP >> 2) + 1] = high;
    return CALL_JUMP;
  }
}
