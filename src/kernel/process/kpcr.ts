/**
 * The KPCR of each processor: what machine code reaches through gs. It holds what drivers read inline: the address of
 * itself, the number of the processor and the thread that runs there. Implements wdm KPCR as x64 code uses it
 * (KeGetCurrentThread, KeGetCurrentProcessorNumber, KeGetPcr).
 */

import { type Address, PAGE_READ_WRITE } from '../../memory/index.ts';
import { NdisboxError } from '../errors.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import { idleThreadOf } from '../sync/threadFunctions.ts';
import type { Processor } from '../thread.ts';

/** Offsets from gs. */
export const KPCR_SELF = 0x18;
const CURRENT_PRCB = 0x20;
const PRCB = 0x180;
const MXCSR = 0x180;
/** Byte. */
const LEGACY_NUMBER = 0x184;
export const KPCR_CURRENT_THREAD = 0x188;
const IDLE_THREAD = 0x198;
/** ULONG. */
const NUMBER = 0x1a4;
/** Exceptions masked, round to nearest: MXCSR of a new thread. */
const MXCSR_AT_START = 0x1f80;

const kpcrsOf = perKernel('processor control regions', (kernel) => {
  const kpcrs = kernel.scheduler.processors.map((processor) => createKpcr(kernel, processor));
  kernel.scheduler.threadSwitched = (processor) => {
    setCurrentThread(kernel, processor.number, processor.thread?.address ?? idleThreadOf(kernel));
  };
  return kpcrs;
});

function createKpcr(kernel: Kernel, processor: Processor): Address {
  const { memory } = kernel;
  const kpcr = pagesOf(kernel).allocate(1, PAGE_READ_WRITE);
  if (kpcr === 0) {
    throw new NdisboxError(
      'OUT_OF_MEMORY',
      'no page is left for a processor control region; give the machine more memory (memorySize)',
    );
  }
  memory.u8.fill(0, kpcr, kpcr + 4096);
  memory.writePointer(kpcr + KPCR_SELF, kpcr);
  memory.writePointer(kpcr + CURRENT_PRCB, kpcr + PRCB);
  memory.u32[(kpcr + MXCSR) >> 2] = MXCSR_AT_START;
  memory.u8[kpcr + LEGACY_NUMBER] = processor.number;
  memory.u32[(kpcr + NUMBER) >> 2] = processor.number;
  memory.writePointer(kpcr + IDLE_THREAD, idleThreadOf(kernel));
  memory.writePointer(kpcr + KPCR_CURRENT_THREAD, processor.thread?.address ?? idleThreadOf(kernel));
  return kpcr;
}

/** The KPCR of a processor: the base of gs there. The first call makes those of all processors. */
export function kpcrOf(kernel: Kernel, processor: number): Address {
  return kpcrsOf(kernel)[processor];
}

/** Says which thread runs on a processor. The scheduler does so at every switch once there are KPCRs. */
export function setCurrentThread(kernel: Kernel, processor: number, thread: Address): void {
  kernel.memory.writePointer(kpcrOf(kernel, processor) + KPCR_CURRENT_THREAD, thread);
}
