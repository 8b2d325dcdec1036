/**
 * Exceptions that drivers raise: ExRaiseStatus (wdm.h), ExRaiseAccessViolation, ExRaiseDatatypeMisalignment (ntddk.h).
 * A TypeScript driver catches them with try, a compiled one with __try.
 */

import { declareFunction } from './declaration.ts';
import { STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT } from './generated/constants/ntstatus.ts';
import type { Kernel } from './kernel.ts';
import { RaisedStatusError } from './raisedStatus.ts';
import type { NTSTATUS } from './status.ts';

/** Raises `Status`; never returns. IRQL <= APC_LEVEL. @source wdm/nf-wdm-exraisestatus */
export const ExRaiseStatus = declareFunction('ntoskrnl', {
  prototype: 'VOID ExRaiseStatus(NTSTATUS Status)',
  irql: '<=APC_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-exraisestatus',
  implement:
    (_kernel: Kernel, driver) =>
    (Status: NTSTATUS): never => {
      throw new RaisedStatusError(Status >>> 0, `${driver.name} called ExRaiseStatus`);
    },
});

/** Raises STATUS_ACCESS_VIOLATION; never returns. PASSIVE_LEVEL. @source ntddk/nf-ntddk-exraiseaccessviolation */
export const ExRaiseAccessViolation = declareFunction('ntoskrnl', {
  prototype: 'VOID ExRaiseAccessViolation(VOID)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'ntddk/nf-ntddk-exraiseaccessviolation',
  implement: (_kernel: Kernel, driver) => (): never => {
    throw new RaisedStatusError(STATUS_ACCESS_VIOLATION, `${driver.name} called ExRaiseAccessViolation`);
  },
});

/**
 * Raises STATUS_DATATYPE_MISALIGNMENT; never returns. PASSIVE_LEVEL.
 * @source ntddk/nf-ntddk-exraisedatatypemisalignment
 */
export const ExRaiseDatatypeMisalignment = declareFunction('ntoskrnl', {
  prototype: 'VOID ExRaiseDatatypeMisalignment(VOID)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'ntddk/nf-ntddk-exraisedatatypemisalignment',
  implement: (_kernel: Kernel, driver) => (): never => {
    throw new RaisedStatusError(
      STATUS_DATATYPE_MISALIGNMENT,
      `${driver.name} called ExRaiseDatatypeMisalignment`,
    );
  },
});
