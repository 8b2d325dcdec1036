/**
 * Checks of the buffers of programs: ProbeForRead, ProbeForWrite (wdm.h). The buffers of a request are user memory
 * while the request lasts; everything else is kernel memory.
 */

import type { Address } from '../../memory/index.ts';
import type { OutPointer } from '../edge.ts';
import { STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { RaisedStatusError } from '../raisedStatus.ts';
import { synchronous } from '../sync/declare.ts';
import { userMemoryOf } from './userRequest.ts';

function probe(kernel: Kernel, name: string, address: Address, length: number, alignment: number): void {
  const size = length >>> 0;
  if (size === 0) return;
  const text = `${name} was given 0x${(address >>> 0).toString(16)}`;
  if (alignment > 1 && address % alignment !== 0) {
    throw new RaisedStatusError(
      STATUS_DATATYPE_MISALIGNMENT,
      `${text}, which is not aligned to ${alignment} bytes`,
    );
  }
  for (const [start, end] of userMemoryOf(kernel)) if (address >= start && address + size <= end) return;
  throw new RaisedStatusError(
    STATUS_ACCESS_VIOLATION,
    `${text}, ${size} bytes that are not in the buffers of a program's request; probe only what came from a program`,
  );
}

function declareProbe(name: 'ProbeForRead' | 'ProbeForWrite') {
  return synchronous(
    `VOID ${name}(PVOID Address, SIZE_T Length, ULONG Alignment)`,
    '<=APC_LEVEL',
    '2000',
    `wdm/nf-wdm-${name.toLowerCase()}`,
    (kernel) =>
      (Address: OutPointer, Length: number, Alignment: number): void =>
        probe(kernel, name, Address, Length, Alignment),
  );
}

/**
 * Raises STATUS_ACCESS_VIOLATION unless a range belongs to a program, STATUS_DATATYPE_MISALIGNMENT where it is not
 * aligned. IRQL <= APC_LEVEL. @source wdm/nf-wdm-probeforread
 */
export const ProbeForRead = declareProbe('ProbeForRead');
/** The same for memory that is written. @source wdm/nf-wdm-probeforwrite */
export const ProbeForWrite = declareProbe('ProbeForWrite');
