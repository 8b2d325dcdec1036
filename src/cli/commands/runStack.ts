/** `ndisbox run STACK.json` or `ndisbox run DIR`, and what `demo` shares with it: bring a stack up, run it, take it down, sum up. */

import { resolve } from 'node:path';
import { dumpOf, formatDump } from '../../kernel/index.ts';
import { BugCheckError } from '../../machine/index.ts';
import { CliError, EXIT, type ExitCode } from '../cliError.ts';
import { isDirectory, readInstalledStack } from '../installation/installedStack.ts';
import type { OptionValues } from '../options.ts';
import type { Terminal } from '../output/terminal.ts';
import { GrowingTree } from '../output/tree.ts';
import { Interrupt } from '../session/interrupt.ts';
import { type RunEnd, Session, VIRTUAL_LIMIT } from '../session/session.ts';
import { printFindings, printSummary, type Summary, summarize, summaryJson } from '../session/summary.ts';
import { BUILT_IN_DRIVERS } from '../stack/driverImages.ts';
import { readStackFile, type StackDescription } from '../stack/stackFile.ts';
import type { Command } from './command.ts';

/** The stack with what the command line says instead; paths begin in the current directory. */
export function withOptions(stack: StackDescription, options: OptionValues): StackDescription {
  const { seed, processors, duration, trace, capture } = options;
  return {
    ...stack,
    seed: seed ?? stack.seed,
    processors: processors ?? stack.processors,
    stubMissing: options['stub-missing'] ?? stack.stubMissing,
    memorySafety: options['memory-safety'] ?? stack.memorySafety,
    durationMilliseconds: duration ?? stack.durationMilliseconds,
    trace: trace === undefined ? stack.trace : resolve(trace),
    capture: capture === undefined ? stack.capture : resolve(capture),
  };
}

/** Runs a stack to its end. @param files what else it writes, for the summary. */
export async function runStack(
  stack: StackDescription,
  json: boolean,
  terminal: Terminal,
  files: Summary['files'] = [],
): Promise<ExitCode> {
  const started = performance.now();
  const session = new Session(stack);
  const interrupt = new Interrupt(() => terminal.note('taking the stack down; Ctrl-C again leaves at once'));
  try {
    const end = await bringUpAndRun(session, json, interrupt, terminal);
    const tree = session.machine.snapshot();
    await session.takeDown();
    const written = [...files, ...writtenFiles(session)];
    session.close();
    const summary = summarize(session, end, performance.now() - started, written);
    if (json) terminal.line(summaryJson(summary, tree));
    else printSummary(summary, terminal);
    return exitCodeOf(session, end, terminal);
  } catch (error) {
    await abandon(session, error, json, terminal);
    if (session.machine.kernel.stopReason instanceof BugCheckError) return EXIT.bugCheck;
    throw error;
  } finally {
    interrupt.dispose();
  }
}

async function bringUpAndRun(
  session: Session,
  json: boolean,
  interrupt: Interrupt,
  terminal: Terminal,
): Promise<RunEnd> {
  const tree = new GrowingTree(terminal);
  await session.bringUp((snapshot) => {
    if (!json) tree.show(snapshot);
  });
  const { clock } = session.machine.kernel;
  const { durationMilliseconds } = session.stack;
  if (session.live && durationMilliseconds === null) terminal.note('running; Ctrl-C takes the stack down');
  terminal.beginProgress();
  const end = await session.run(
    () => interrupt.requested,
    () => terminal.progress(() => progressText(session, clock.now, durationMilliseconds)),
  );
  terminal.clearProgress();
  return end;
}

function progressText(session: Session, now: number, duration: number | null): string {
  const frames = session.wires.reduce((sum, wire) => sum + wire.received.total + wire.sent.total, 0);
  const of = duration === null ? '' : ` of ${(duration / 1000).toFixed(1)}`;
  return `machine time ${(now / 1e7).toFixed(1)}${of} s, ${frames} frames, ${session.machine.kernel.findings.length} findings`;
}

function writtenFiles(session: Session): Summary['files'] {
  const { trace, capture } = session.stack;
  return [
    ...(trace === null ? [] : [{ path: trace, content: `trace of ${session.eventsRecorded} events` }]),
    ...(capture === null ? [] : [{ path: capture, content: `capture of ${session.framesCaptured} frames` }]),
  ];
}

function exitCodeOf(session: Session, end: RunEnd, terminal: Terminal): ExitCode {
  if (end === 'wire') {
    for (const { failure } of session.wires) {
      if (failure !== null) terminal.note(`ndisbox: ${failure.code}: ${failure.message}`);
    }
    return EXIT.stack;
  }
  if (end === 'limit') {
    terminal.note(
      `stopped after ${VIRTUAL_LIMIT / 60_000} minutes of machine time: timers of drivers go on for ever; ` +
        'give "durationMilliseconds" or --duration.',
    );
  }
  for (const { name, text } of session.problems) terminal.note(`ndisbox: ${name}: ${text}`);
  if (session.problems.length > 0) printNotes(session, terminal);
  if (session.machine.kernel.findings.length > 0) return EXIT.findings;
  if (session.problems.length > 0) return EXIT.stack;
  // Without a duration Ctrl-C is how a run with live wires ends.
  const cutShort = end === 'interrupted' && (session.stack.durationMilliseconds !== null || !session.live);
  return cutShort ? EXIT.interrupted : EXIT.ok;
}

/** Errors whose reason the last notes of drivers and of NDIS say. */
const NOTES_EXPLAIN: ReadonlySet<string> = new Set(['DRIVER_REFUSED', 'ADAPTER_NOT_RUNNING']);

function printNotes(session: Session, terminal: Terminal): void {
  for (const { subject, text } of session.machine.kernel.recentNotes())
    terminal.note(`note: ${subject}: ${text}`);
}

/** Something went wrong: say what the machine knows, take down what stands, and keep what was written. */
async function abandon(session: Session, error: unknown, json: boolean, terminal: Terminal): Promise<void> {
  terminal.clearProgress();
  const { kernel } = session.machine;
  const dump = dumpOf(kernel);
  if (dump !== null) terminal.note(formatDump(dump).trimEnd());
  if (error instanceof CliError && NOTES_EXPLAIN.has(error.code)) {
    printNotes(session, terminal);
  }
  if (!json && kernel.findings.length > 0) printFindings(kernel.findings, terminal);
  if (!(error instanceof CliError && error.code === 'STOP_TOO_LONG')) {
    // What goes wrong now is less telling than the error that led here.
    await session.takeDown().catch(() => {});
  }
  try {
    session.close();
  } catch (failure) {
    terminal.note(`ndisbox: ${failure instanceof Error ? failure.message : String(failure)}`);
  }
}

/** `ndisbox run`. */
export const run: Command = {
  name: 'run',
  argument: 'STACK.json|DIR',
  help: 'run a stack file or a machine directory: until its duration is over, until nothing is left to do, or with live wires until Ctrl-C',
  options: [
    'trace',
    'capture',
    'seed',
    'processors',
    'stub-missing',
    'memory-safety',
    'duration',
    'json',
    'help',
  ],
  run: async (argument, options, terminal) =>
    runStack(
      withOptions(
        isDirectory(argument) ? readInstalledStack(argument) : readStackFile(argument, BUILT_IN_DRIVERS),
        options,
      ),
      options.json ?? false,
      terminal,
    ),
};
