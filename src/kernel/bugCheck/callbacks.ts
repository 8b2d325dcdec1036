/**
 * What drivers do when the machine stops: KeRegisterBugCheckCallback, KeRegisterBugCheckReasonCallback and their kin.
 * Implements "Writing a Bug Check Callback Routine" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import type { DriverCallback } from '../callback.ts';
import { declareCallback } from '../declaration.ts';
import type { CallbackPointer, OutPointer } from '../edge.ts';
import { BugCheckError } from '../errors.ts';
import { HIGH_LEVEL } from '../generated/constants/basic.ts';
import { KBUGCHECK_CALLBACK_RECORD } from '../generated/structures/index.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { inlined, synchronous } from '../sync/declare.ts';

/** Called when the machine stops. May touch its own memory only: every import is refused by then. */
export type KBUGCHECK_CALLBACK_ROUTINE = (Buffer: Address, Length: number) => void;
export const KBUGCHECK_CALLBACK_ROUTINE = declareCallback<KBUGCHECK_CALLBACK_ROUTINE>({
  prototype: 'VOID KBUGCHECK_CALLBACK_ROUTINE(PVOID Buffer, ULONG Length)',
  role: 'BugCheckCallback',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nc-wdm-kbugcheck_callback_routine',
});

interface Registered {
  readonly callback: DriverCallback<KBUGCHECK_CALLBACK_ROUTINE>;
  readonly buffer: Address;
  readonly length: number;
}

/** Callbacks by the address of their record, in order of registration. */
const callbacksOf = perKernel('bug check callbacks', () => new Map<Address, Registered>());
const STATE = KBUGCHECK_CALLBACK_RECORD.offset.State;
/** Values of State: BufferEmpty and BufferInserted. */
const EMPTY = 0;
const INSERTED = 1;
/** Callbacks of one machine. */
const CALLBACK_LIMIT = 1024;

/** Calls what is registered, the newest first. The machine calls this once, when it stops. */
export function runBugCheckCallbacks(kernel: Kernel): void {
  if (!(kernel.stopReason instanceof BugCheckError)) return;
  const before = kernel.irql;
  kernel.irql = HIGH_LEVEL;
  for (const { callback, buffer, length } of [...callbacksOf(kernel).values()].reverse()) {
    try {
      callback.invoke(buffer, length);
    } catch (error) {
      // A callback that fails must not hide why the machine stopped, nor keep the others from running.
      kernel.note(`driver ${callback.driver.name}`, `BugCheckCallback threw ${String(error)}`);
    }
  }
  kernel.irql = before;
}

/** Makes a callback record ready; the macro of wdm.h. @source wdm/nf-wdm-keinitializecallbackrecord */
export const KeInitializeCallbackRecord = inlined(
  'VOID KeInitializeCallbackRecord(PVOID CallbackRecord)',
  'any',
  '2000',
  'wdm/nf-wdm-keinitializecallbackrecord',
  ({ memory }) =>
    (CallbackRecord: OutPointer): void => {
      memory.u8[CallbackRecord + STATE] = EMPTY;
    },
);

/**
 * Registers a routine that runs when the machine stops. @returns TRUE, FALSE for a record that is registered.
 * Any IRQL. @source wdm/nf-wdm-keregisterbugcheckcallback
 */
export const KeRegisterBugCheckCallback = synchronous(
  'BOOLEAN KeRegisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord, PKBUGCHECK_CALLBACK_ROUTINE CallbackRoutine, PVOID Buffer, ULONG Length, PUCHAR Component)',
  'any',
  '2000',
  'wdm/nf-wdm-keregisterbugcheckcallback',
  (kernel, driver) =>
    (
      CallbackRecord: OutPointer,
      CallbackRoutine: CallbackPointer<KBUGCHECK_CALLBACK_ROUTINE>,
      Buffer: OutPointer,
      Length: number,
      Component: OutPointer,
    ): number => {
      const { memory } = kernel;
      const callbacks = callbacksOf(kernel);
      const callback = driver.callback(CallbackRoutine, KBUGCHECK_CALLBACK_ROUTINE);
      if (callback === null || callbacks.has(CallbackRecord) || callbacks.size >= CALLBACK_LIMIT) return 0;
      callbacks.set(CallbackRecord, { callback, buffer: Buffer, length: Length >>> 0 });
      const { offset } = KBUGCHECK_CALLBACK_RECORD;
      memory.writePointer(CallbackRecord + offset.CallbackRoutine, CallbackRoutine);
      memory.writePointer(CallbackRecord + offset.Buffer, Buffer);
      memory.u32[(CallbackRecord + offset.Length) >> 2] = Length;
      memory.writePointer(CallbackRecord + offset.Component, Component);
      memory.u8[CallbackRecord + STATE] = INSERTED;
      driver.own(`bug check callback ${CallbackRecord}`, {
        kind: 'bug check callback',
        name: `with the record at 0x${CallbackRecord.toString(16)}`,
        releasedBy: 'KeDeregisterBugCheckCallback',
        release: () => callbacks.delete(CallbackRecord),
      });
      return 1;
    },
);

/** Takes the routine away. @returns TRUE, FALSE where it is not registered. @source wdm/nf-wdm-kederegisterbugcheckcallback */
export const KeDeregisterBugCheckCallback = synchronous(
  'BOOLEAN KeDeregisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord)',
  'any',
  '2000',
  'wdm/nf-wdm-kederegisterbugcheckcallback',
  (kernel, driver) =>
    (CallbackRecord: OutPointer): number => {
      if (!callbacksOf(kernel).delete(CallbackRecord)) return 0;
      kernel.memory.u8[CallbackRecord + STATE] = EMPTY;
      driver.disown(`bug check callback ${CallbackRecord}`);
      return 1;
    },
);
