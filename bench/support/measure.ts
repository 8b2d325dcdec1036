/**
 * Measuring on a shared machine: CPU time of the process, not wall time, and subjects take turns, so that load hits all
 * alike; medians and ratios are reported.
 */

import { loadavg } from 'node:os';
import { PerformanceObserver } from 'node:perf_hooks';

/** Something to measure: runs about `count` operations and says how many it ran. */
export interface Subject {
  readonly name: string;
  run(count: number): number;
}

/** What was measured of a subject. */
export interface Measurement {
  readonly name: string;
  /** Nanoseconds of CPU an operation, collector and compiler included: median and best of the rounds. */
  readonly median: number;
  readonly best: number;
  /** Nanoseconds an operation, by round. */
  readonly rounds: readonly number[];
  /** Share of the time that garbage was collected. */
  readonly collecting: number;
}

/** The middle one of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Median over the rounds of the ratio of one subject to another. */
export function ratio(of: Measurement, to: Measurement): number {
  return median(of.rounds.map((value, round) => value / to.rounds[round]));
}

/** Runs every subject in every round, `count` operations each, after some rounds to warm up. */
export async function measureInTurns(
  subjects: readonly Subject[],
  { rounds = 11, warmUp = 3, count = 200_000 } = {},
): Promise<Measurement[]> {
  const pauses: { start: number; duration: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) pauses.push({ start: entry.startTime, duration: entry.duration });
  });
  observer.observe({ entryTypes: ['gc'] });
  const figures = subjects.map(() => [] as number[]);
  const spans = subjects.map(() => [] as [number, number][]);
  for (let round = -warmUp; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      const start = performance.now();
      const before = process.cpuUsage();
      const done = subject.run(count);
      const used = process.cpuUsage(before);
      const end = performance.now();
      if (round < 0) continue;
      figures[index].push(((used.user + used.system) * 1000) / done);
      spans[index].push([start, end]);
      // Entries of the collector arrive between two macrotasks.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  return subjects.map(({ name }, index) => {
    let collected = 0;
    let total = 0;
    for (const [start, end] of spans[index]) {
      total += end - start;
      for (const pause of pauses) if (pause.start >= start && pause.start < end) collected += pause.duration;
    }
    const rounds = figures[index];
    return { name, median: median(rounds), best: Math.min(...rounds), rounds, collecting: collected / total };
  });
}

/** Prints a table of measurements with their ratio to one of them. */
export function printMeasurements(measured: readonly Measurement[], base: Measurement, unit = 'ns'): void {
  for (const one of measured) {
    const share = `${(100 * one.collecting).toFixed(1)} % gc`;
    console.log(
      `${one.median.toFixed(1).padStart(9)} ${unit}  best ${one.best.toFixed(1).padStart(8)}  ` +
        `x ${ratio(one, base).toFixed(2).padStart(5)}  ${share.padStart(9)}  ${one.name}`,
    );
  }
}

/** Prints what the figures were measured on. */
export function printConditions(): void {
  const load = loadavg().map((value) => value.toFixed(1));
  console.log(
    `node ${process.versions.node}, ${process.platform} ${process.arch}, load average ${load.join(' ')}`,
  );
}
