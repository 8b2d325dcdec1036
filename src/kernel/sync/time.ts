/**
 * System time, interrupt time, ticks and the performance counter; all advance with the machine's clock.
 * Implements KeQuerySystemTimePrecise, KeQueryPerformanceCounter and their kin (wdm).
 */

import type { Address } from '../../memory/index.ts';
import type { OutPointer, Pointer } from '../edge.ts';
import type { LARGE_INTEGER } from '../generated/structures/common.ts';
import type { Kernel } from '../kernel.ts';
import { inlined, synchronous } from './declare.ts';

/** Units of 100 ns from one clock tick to the next: 15.625 ms. */
export const TIME_INCREMENT = 156_250;
/** Performance counts a second: the counter counts units of 100 ns. */
export const PERFORMANCE_FREQUENCY = 10_000_000n;
/** The finest clock resolution that ExQueryTimerResolution names, in units of 100 ns. */
const FINEST_RESOLUTION = 5_000;

function write(kernel: Kernel, at: Address, value: bigint): void {
  kernel.memory.data.setBigInt64(at, value, true);
}

/** System time in units of 100 ns since 1601, UTC. Any IRQL. wdm/nf-wdm-kequerysystemtime~r1 */
export const KeQuerySystemTime = inlined(
  'VOID KeQuerySystemTime(PLARGE_INTEGER CurrentTime)',
  'any',
  '2000',
  'wdm/nf-wdm-kequerysystemtime~r1',
  (kernel) => (CurrentTime: Pointer<LARGE_INTEGER>) =>
    write(kernel, CurrentTime, kernel.clock.readSystemTime()),
);

/** As KeQuerySystemTime: the machine's clock is always precise. Any IRQL. wdm/nf-wdm-kequerysystemtimeprecise */
export const KeQuerySystemTimePrecise = synchronous(
  'VOID KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime)',
  'any',
  '8',
  'wdm/nf-wdm-kequerysystemtimeprecise',
  (kernel) => (CurrentTime: Pointer<LARGE_INTEGER>) =>
    write(kernel, CurrentTime, kernel.clock.readSystemTime()),
);

/** Units of 100 ns since the machine started. Any IRQL. wdm/nf-wdm-kequeryinterrupttime */
export const KeQueryInterruptTime = synchronous(
  'ULONGLONG KeQueryInterruptTime(VOID)',
  'any',
  '2000',
  'wdm/nf-wdm-kequeryinterrupttime',
  (kernel) => () => BigInt(kernel.clock.read()),
);

/** As KeQueryInterruptTime, with the performance count at that moment in `QpcTimeStamp`. wdm/nf-wdm-kequeryinterrupttimeprecise */
export const KeQueryInterruptTimePrecise = synchronous(
  'ULONG64 KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp)',
  'any',
  '8.1',
  'wdm/nf-wdm-kequeryinterrupttimeprecise',
  (kernel) => (QpcTimeStamp: OutPointer) => {
    const now = BigInt(kernel.clock.read());
    write(kernel, QpcTimeStamp, now);
    return now;
  },
);

/** As KeQueryInterruptTime: the machine never sleeps. Any IRQL. wdm/nf-wdm-kequeryunbiasedinterrupttime */
export const KeQueryUnbiasedInterruptTime = synchronous(
  'ULONGLONG KeQueryUnbiasedInterruptTime(VOID)',
  'any',
  '7',
  'wdm/nf-wdm-kequeryunbiasedinterrupttime',
  (kernel) => () => BigInt(kernel.clock.read()),
);

/** Clock ticks of KeQueryTimeIncrement since the machine started. Any IRQL. wdm/nf-wdm-kequerytickcount */
export const KeQueryTickCount = inlined(
  'VOID KeQueryTickCount(PLARGE_INTEGER CurrentCount)',
  'any',
  '2000',
  'wdm/nf-wdm-kequerytickcount',
  (kernel) => (CurrentCount: Pointer<LARGE_INTEGER>) =>
    write(kernel, CurrentCount, BigInt(Math.floor(kernel.clock.read() / TIME_INCREMENT))),
);

/** Units of 100 ns in a clock tick: 156250. Any IRQL. wdm/nf-wdm-kequerytimeincrement */
export const KeQueryTimeIncrement = synchronous(
  'ULONG KeQueryTimeIncrement(VOID)',
  'any',
  '2000',
  'wdm/nf-wdm-kequerytimeincrement',
  () => () => TIME_INCREMENT,
);

/** The performance count; stores counts a second in `PerformanceFrequency` where given. Any IRQL. wdm/nf-wdm-kequeryperformancecounter */
export const KeQueryPerformanceCounter = synchronous(
  'LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)',
  'any',
  '2000',
  'wdm/nf-wdm-kequeryperformancecounter',
  (kernel) => (PerformanceFrequency: Pointer<LARGE_INTEGER>) => {
    if (Number(PerformanceFrequency) !== 0) write(kernel, PerformanceFrequency, PERFORMANCE_FREQUENCY);
    return BigInt(kernel.clock.read());
  },
);

/** Stalls the processor: passes `MicroSeconds` of machine time. Any IRQL. wdm/nf-wdm-kestallexecutionprocessor */
export const KeStallExecutionProcessor = synchronous(
  'VOID KeStallExecutionProcessor(ULONG MicroSeconds)',
  'any',
  '2000',
  'wdm/nf-wdm-kestallexecutionprocessor',
  (kernel) => (MicroSeconds: number) => {
    kernel.clock.advance(MicroSeconds * 10);
    if (kernel.scheduler.interruptsPending > 0) kernel.scheduler.deliverInterrupts('certain');
  },
);

/** Local time of a system time; the machine's time zone is UTC. Any IRQL. wdm/nf-wdm-exsystemtimetolocaltime */
export const ExSystemTimeToLocalTime = synchronous(
  'VOID ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime)',
  'any',
  '2000',
  'wdm/nf-wdm-exsystemtimetolocaltime',
  (kernel) => (SystemTime: Pointer<LARGE_INTEGER>, LocalTime: Pointer<LARGE_INTEGER>) =>
    write(kernel, LocalTime, kernel.memory.data.getBigInt64(SystemTime, true)),
);

/** System time of a local time; the machine's time zone is UTC. Any IRQL. wdm/nf-wdm-exlocaltimetosystemtime */
export const ExLocalTimeToSystemTime = synchronous(
  'VOID ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime)',
  'any',
  '2000',
  'wdm/nf-wdm-exlocaltimetosystemtime',
  (kernel) => (LocalTime: Pointer<LARGE_INTEGER>, SystemTime: Pointer<LARGE_INTEGER>) =>
    write(kernel, SystemTime, kernel.memory.data.getBigInt64(LocalTime, true)),
);

/** The coarsest, finest and present resolution in units of 100 ns. Any IRQL. wdm/nf-wdm-exquerytimerresolution */
export const ExQueryTimerResolution = synchronous(
  'VOID ExQueryTimerResolution(PULONG MaximumTime, PULONG MinimumTime, PULONG CurrentTime)',
  'any',
  '8',
  'wdm/nf-wdm-exquerytimerresolution',
  (kernel) => (MaximumTime: OutPointer, MinimumTime: OutPointer, CurrentTime: OutPointer) => {
    kernel.memory.u32[MaximumTime >> 2] = TIME_INCREMENT;
    kernel.memory.u32[MinimumTime >> 2] = FINEST_RESOLUTION;
    kernel.memory.u32[CurrentTime >> 2] = TIME_INCREMENT;
  },
);

/** Asks for a finer clock; returns the resolution. Timers here are exact at any. IRQL <= APC_LEVEL. wdm/nf-wdm-exsettimerresolution */
export const ExSetTimerResolution = synchronous(
  'ULONG ExSetTimerResolution(ULONG DesiredTime, BOOLEAN SetResolution)',
  '<=APC_LEVEL',
  '2000',
  'wdm/nf-wdm-exsettimerresolution',
  () => (DesiredTime: number, SetResolution: boolean) =>
    SetResolution ? Math.min(TIME_INCREMENT, Math.max(FINEST_RESOLUTION, DesiredTime)) : TIME_INCREMENT,
);
