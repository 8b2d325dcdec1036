/**
 * The dump of a machine that stopped: what went wrong, where, and what happened last, as data and as text.
 * Implements what "Bug Check Code Reference" says a crash shows; the frames are those of the stopped thread.
 */

import type { TraceEvent } from '../../trace/index.ts';
import { BugCheckError } from '../errors.ts';
import { irqlName } from '../irql.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { bugCheckName, hexadecimal } from '../statusName.ts';
import { runBugCheckCallbacks } from './callbacks.ts';
import { parameterMeanings } from './parameterMeanings.ts';

/** One of the four parameters. */
export interface DumpParameter {
  readonly value: number;
  /** What the documentation says it is, `''` where this table does not know. */
  readonly meaning: string;
}

/** Where machine code was when the machine stopped, as text; the floor that runs it supplies it. */
export interface MachineCodeReport {
  /** The registers, several to a line. */
  readonly registers: readonly string[];
  /** The instructions around the one that failed, which is marked. */
  readonly code: readonly string[];
  /** Frames, innermost first: `echo.sys+0x1a20`, functions of the library, what was called first. */
  readonly stack: readonly string[];
}

/** A dump as data. */
export interface Dump {
  /** The bug check code; null where the host or a defect of its own stopped the machine. */
  readonly code: number | null;
  /** `IRQL_NOT_LESS_OR_EQUAL`, or the stable code of the error. */
  readonly name: string;
  readonly parameters: readonly DumpParameter[];
  readonly text: string;
  /** Driver whose code ran innermost, `-` where none did. */
  readonly driver: string;
  readonly processor: number;
  readonly irql: number;
  readonly thread: { readonly id: number; readonly name: string } | null;
  /** Innermost first: procedures of the kernel and callbacks of drivers. */
  readonly frames: readonly string[];
  /** Null where no machine code ran. */
  readonly machineCode: MachineCodeReport | null;
  /** Machine time in units of 100 ns. */
  readonly time: number;
  /** The last events of the trace, oldest first; empty where no trace is on. */
  readonly events: readonly TraceEvent[];
}

interface DumpSlot {
  dump: Dump | null;
}

const slotOf = perKernel('bug check dump', (): DumpSlot => ({ dump: null }));

/** Takes a dump at the moment this kernel stops. The machine calls it once. */
export function attachBugChecks(kernel: Kernel): void {
  kernel.onStop(() => {
    slotOf(kernel).dump ??= takeDump(kernel);
    runBugCheckCallbacks(kernel);
  });
}

/** The dump of a stopped machine; null while it runs. */
export function dumpOf(kernel: Kernel): Dump | null {
  return slotOf(kernel).dump;
}

function takeDump(kernel: Kernel): Dump | null {
  const reason = kernel.stopReason;
  if (reason === null) return null;
  const { processor } = kernel.scheduler;
  const { thread } = processor;
  const frames = (thread?.frames ?? []).toReversed().map((frame) => {
    return frame.kind === 'typescript' ? frame.name : `${frame.procedure.name} (${frame.state})`;
  });
  const isBugCheck = reason instanceof BugCheckError;
  const meanings = isBugCheck ? parameterMeanings(reason.bugCheckCode) : [];
  const machineCode = kernel.machineCode?.report?.() ?? null;
  // Where no thread runs, in a DPC, machine code says what it was called for.
  const running = [...frames, ...(machineCode?.stack ?? [])]
    .map((frame) => / of (\S+)$/.exec(frame)?.[1])
    .find((name) => name !== undefined);
  return {
    code: isBugCheck ? reason.bugCheckCode : null,
    name: isBugCheck ? bugCheckName(reason.bugCheckCode) : reason.code,
    parameters: isBugCheck
      ? reason.parameters.map((value, index) => ({ value, meaning: meanings[index] ?? '' }))
      : [],
    text: reason.message,
    driver: running ?? '-',
    processor: processor.number,
    irql: processor.irql,
    thread: thread === null ? null : { id: thread.id, name: thread.name },
    frames,
    machineCode,
    time: kernel.clock.now,
    events: kernel.recentEvents(),
  };
}

/** A dump as text. */
export function formatDump(dump: Dump): string {
  const lines = [
    dump.code === null ? `*** STOP: ${dump.name}` : `*** STOP: ${hexadecimal(dump.code)} ${dump.name}`,
    `    ${dump.text}`,
    ...dump.parameters.map(
      ({ value, meaning }, index) =>
        `    parameter ${index + 1}: ${parameterText(value)}${meaning === '' ? '' : `  ${meaning}`}`,
    ),
    `driver ${dump.driver}, processor ${dump.processor}, ${irqlName(dump.irql)}, time ${(dump.time / 1e7).toFixed(7)} s`,
    dump.thread === null ? 'no thread' : `thread ${dump.thread.id} (${dump.thread.name})`,
    ...dump.frames.map((frame) => `    ${frame}`),
    ...section('registers', dump.machineCode?.registers),
    ...section('code', dump.machineCode?.code),
    ...section('stack', dump.machineCode?.stack),
  ];
  if (dump.events.length > 0) lines.push('last events:');
  for (const event of dump.events) {
    const { time, processor, thread, irql, kind, ...rest } = event;
    lines.push(`    ${time} cpu ${processor} thread ${thread} irql ${irql} ${kind} ${JSON.stringify(rest)}`);
  }
  return `${lines.join('\n')}\n`;
}

function section(title: string, lines: readonly string[] = []): string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `    ${line}`)];
}

/** Parameters are numbers: what has more than 32 bits is an address outside of the kernel's window, or a count. */
function parameterText(value: number): string {
  const isWide = value > 0xffff_ffff && Number.isSafeInteger(value);
  return isWide ? `0x${value.toString(16).toUpperCase().padStart(16, '0')}` : hexadecimal(value);
}
