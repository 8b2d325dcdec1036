/**
 * Passing time and telling it.
 * Implements NdisMSleep, NdisStallExecution, NdisGetCurrentSystemTime and NdisGetSystemUpTimeEx (ndis).
 */

import {
  declareFunction,
  type LARGE_INTEGER,
  type Pointer,
  requireWaitable,
  UNITS_PER_MILLISECOND,
  waitProcedure,
} from '../../kernel/index.ts';
import { macro, synchronous } from '../declareNdis.ts';
import type { NdisLibrary } from '../library.ts';

const SLEEP_PAGE = 'ndis/nf-ndis-ndismsleep';
const STALL_PAGE = 'ndis/nf-ndis-ndisstallexecution';
const UNITS_PER_MICROSECOND = 10;
/** Longest sleep the documentation allows, in microseconds: half a minute. */
const LONGEST_SLEEP = 30_000_000;
/** Longest stall the documentation allows, in microseconds. */
const LONGEST_STALL = 50;

/** Sleeps `MicrosecondsToSleep`; more than 30 s is a finding. IRQL < DISPATCH_LEVEL, else a bug check. ndis/nf-ndis-ndismsleep */
export const NdisMSleep = declareFunction('ndis', {
  prototype: 'VOID NdisMSleep(ULONG MicrosecondsToSleep)',
  irql: '<=APC_LEVEL',
  waits: 'always',
  since: '5.1',
  page: SLEEP_PAGE,
  implement:
    ({ kernel }: NdisLibrary, driver) =>
    (MicrosecondsToSleep: number): Promise<number> => {
      requireWaitable(kernel, 'NdisMSleep', 0);
      if (MicrosecondsToSleep > LONGEST_SLEEP) {
        kernel.report(
          'SLEEP_TOO_LONG',
          driver,
          `NdisMSleep was asked for ${MicrosecondsToSleep} microseconds; sleep at most ${LONGEST_SLEEP} at once`,
          SLEEP_PAGE,
        );
      }
      const timeout = (MicrosecondsToSleep >>> 0) * UNITS_PER_MICROSECOND;
      const request = { objects: [], type: 'any', timeout, reason: 'NdisMSleep' } as const;
      return kernel.scheduler.execute(waitProcedure, kernel, { request });
    },
});

/** Keeps the processor busy for `MicroSecondsToStall`; more than 50 is a finding. Any IRQL. ndis/nf-ndis-ndisstallexecution */
export const NdisStallExecution = macro(
  'VOID NdisStallExecution(UINT MicroSecondsToStall)',
  'any',
  '5.1',
  STALL_PAGE,
  ({ kernel }, driver) =>
    (MicroSecondsToStall: number) => {
      if (MicroSecondsToStall > LONGEST_STALL) {
        kernel.report(
          'STALL_TOO_LONG',
          driver,
          `NdisStallExecution was asked for ${MicroSecondsToStall} microseconds; stall at most ${LONGEST_STALL}, or call NdisMSleep`,
          STALL_PAGE,
        );
      }
      kernel.clock.advance((MicroSecondsToStall >>> 0) * UNITS_PER_MICROSECOND);
    },
);

/** Stores the system time in units of 100 ns since 1601. Any IRQL. ndis/nf-ndis-ndisgetcurrentsystemtime */
export const NdisGetCurrentSystemTime = macro(
  'VOID NdisGetCurrentSystemTime(PLARGE_INTEGER _pSystemTime)',
  'any',
  '5.1',
  'ndis/nf-ndis-ndisgetcurrentsystemtime',
  ({ kernel }) =>
    (pSystemTime: Pointer<LARGE_INTEGER>) => {
      kernel.memory.data.setBigInt64(pSystemTime, kernel.clock.readSystemTime(), true);
    },
);

/** Stores the milliseconds since the machine started. Any IRQL. ndis/nf-ndis-ndisgetsystemuptimeex */
export const NdisGetSystemUpTimeEx = synchronous(
  'VOID NdisGetSystemUpTimeEx(PLARGE_INTEGER pSystemUpTime)',
  'any',
  '6.0',
  'ndis/nf-ndis-ndisgetsystemuptimeex',
  ({ kernel }) =>
    (pSystemUpTime: Pointer<LARGE_INTEGER>) => {
      const milliseconds = Math.floor(kernel.clock.read() / UNITS_PER_MILLISECOND);
      kernel.memory.data.setBigInt64(pSystemUpTime, BigInt(milliseconds), true);
    },
);
