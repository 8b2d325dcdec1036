/**
 * KUSER_SHARED_DATA: the page at 0xFFFFF780_00000000 that drivers read time and versions from without a call.
 * Implements ntddk/ns-ntddk-kuser_shared_data.
 */

import { type Address, PAGE_READ } from '../../memory/index.ts';
import { SYSTEM_TIME_AT_START } from '../clock.ts';
import { KUSER_SHARED_DATA } from '../generated/structures/index.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import { MACHINE_VERSION } from '../memory/versionFunctions.ts';
import { TIME_INCREMENT } from '../sync/time.ts';

const SYSTEM_ROOT = 'C:\\Windows';
const at = KUSER_SHARED_DATA.offset;
/** Milliseconds of a tick, in units of 2^-24. */
const TICK_MULTIPLIER = Math.round((TIME_INCREMENT / 10_000) * 2 ** 24);
/** Processor features that cpuid reports, by their PF_ numbers: cmpxchg8b, SSE, rdtsc, SSE2, NX, SSE3, cmpxchg16b, SSSE3 to SSE4.2. */
const FEATURES = [2, 6, 8, 10, 12, 13, 14, 36, 37, 38];

export class SharedData {
  /** The page as the host sees it; 0 when no page was left for it. */
  readonly address: Address;
  readonly #kernel: Kernel;
  #written = -1;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.address = pagesOf(kernel).allocate(1, PAGE_READ);
    if (this.address === 0) return;
    this.#fill();
    this.update();
  }

  /** Writes the time of the machine's clock. Reading it through the page lets no time pass. */
  update(): void {
    const { memory, clock } = this.#kernel;
    clock.advance(0);
    const { now } = clock;
    if (now === this.#written || this.address === 0) return;
    this.#written = now;
    this.#writeTime(at.InterruptTime, BigInt(now));
    this.#writeTime(at.SystemTime, SYSTEM_TIME_AT_START + BigInt(now));
    const ticks = Math.floor(now / TIME_INCREMENT);
    this.#writeTime(at.TickCount, BigInt(ticks));
    memory.u32[(this.address + at.TickCountLowDeprecated) >> 2] = ticks;
  }

  /** A KSYSTEM_TIME: low part, high part, and the high part again for readers that race with the writer. */
  #writeTime(offset: number, value: bigint): void {
    const { i32 } = this.#kernel.memory;
    const index = (this.address + offset) >> 2;
    const high = Number(BigInt.asIntN(32, value >> 32n));
    i32[index + 2] = high;
    i32[index] = Number(BigInt.asIntN(32, value));
    i32[index + 1] = high;
  }

  #fill(): void {
    const { memory, scheduler } = this.#kernel;
    const { u8, u16, u32 } = memory;
    const page = this.address;
    u8.fill(0, page, page + 4096);
    u32[(page + at.TickCountMultiplier) >> 2] = TICK_MULTIPLIER;
    // IMAGE_FILE_MACHINE_AMD64, for programs of both widths.
    u16[(page + at.ImageNumberLow) >> 1] = 0x8664;
    u16[(page + at.ImageNumberHigh) >> 1] = 0x8664;
    for (let index = 0; index < SYSTEM_ROOT.length; index++) {
      u16[(page + at.NtSystemRoot + index * 2) >> 1] = SYSTEM_ROOT.charCodeAt(index);
    }
    u32[(page + at.LargePageMinimum) >> 2] = 0x20_0000;
    u32[(page + at.NtBuildNumber) >> 2] = MACHINE_VERSION.build;
    u32[(page + at.NtProductType) >> 2] = MACHINE_VERSION.productType;
    u8[page + at.ProductTypeIsValid] = 1;
    // PROCESSOR_ARCHITECTURE_AMD64
    u16[(page + at.NativeProcessorArchitecture) >> 1] = 9;
    u32[(page + at.NtMajorVersion) >> 2] = MACHINE_VERSION.major;
    u32[(page + at.NtMinorVersion) >> 2] = MACHINE_VERSION.minor;
    for (const feature of FEATURES) u8[page + at.ProcessorFeatures + feature] = 1;
    u32[(page + at.NumberOfPhysicalPages) >> 2] = memory.size >>> 12;
    u32[(page + at.QpcFrequency) >> 2] = 10_000_000;
    u32[(page + at.ActiveProcessorCount) >> 2] = scheduler.processors.length;
    u8[page + at.ActiveGroupCount] = 1;
  }
}

/** The shared data of a kernel; made at its first use. */
export const sharedDataOf = perKernel('shared data', (kernel) => new SharedData(kernel));
