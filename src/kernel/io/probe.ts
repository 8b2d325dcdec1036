/**
 * Checks of the buffers of programs: ProbeForRead, ProbeForWrite (wdm.h). A range passes when all of it is user memory
 * of the current process.
 */

import { type Address, lowHalfOf, pointerText } from '../../memory/index.ts';
import type { OutPointer } from '../edge.ts';
import { STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import type { Wide } from '../memory/poolFunctions.ts';
import { processesOf } from '../process/process.ts';
import { RaisedStatusError } from '../raisedStatus.ts';
import { synchronous } from '../sync/declare.ts';

function probe(
  kernel: Kernel,
  name: 'ProbeForRead' | 'ProbeForWrite',
  address: Address,
  length: Wide,
  alignment: number,
): void {
  const size = Number(length);
  if (size === 0) return;
  const text = `${name} was given ${pointerText(kernel.memory, address)}`;
  if (alignment > 1 && lowHalfOf(kernel.memory, address) % alignment !== 0) {
    throw new RaisedStatusError(
      STATUS_DATATYPE_MISALIGNMENT,
      `${text}, which is not aligned to ${alignment} bytes`,
    );
  }
  const access = name === 'ProbeForRead' ? 'read' : 'write';
  if (size > 0 && processesOf(kernel).current.allows(address, size, access)) return;
  throw new RaisedStatusError(
    STATUS_ACCESS_VIOLATION,
    `${text}, ${size} bytes that the current process may not ${access}; probe, in its context, only what came from a program`,
  );
}

function declareProbe(name: 'ProbeForRead' | 'ProbeForWrite') {
  return synchronous(
    `VOID ${name}(PVOID Address, SIZE_T Length, ULONG Alignment)`,
    '<=APC_LEVEL',
    '2000',
    `wdm/nf-wdm-${name.toLowerCase()}`,
    (kernel) =>
      (Address: OutPointer, Length: Wide, Alignment: number): void =>
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
