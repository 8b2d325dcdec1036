/** The summary that ends a run: as data, and as text. */

import type { Finding, MachineSnapshot } from '../../machine/index.ts';
import type { Terminal } from '../output/terminal.ts';
import type { RunEnd, Session } from './session.ts';

/** What passed one wire. */
export interface WireSummary {
  readonly name: string;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly framesDropped: number;
  readonly inByKind: Readonly<Record<string, number>>;
  readonly outByKind: Readonly<Record<string, number>>;
}

/** A run in figures. */
export interface Summary {
  readonly end: RunEnd;
  readonly machineMilliseconds: number;
  readonly wallMilliseconds: number;
  readonly wires: readonly WireSummary[];
  readonly findings: readonly Finding[];
  readonly files: readonly { readonly path: string; readonly content: string }[];
}

/** Findings printed in full; the rest is counted. */
const FINDINGS_SHOWN = 20;

/** The summary of a session that is over. */
export function summarize(
  session: Session,
  end: RunEnd,
  wallMilliseconds: number,
  files: Summary['files'],
): Summary {
  const { kernel } = session.machine;
  return {
    end,
    machineMilliseconds: kernel.clock.now / 10_000,
    wallMilliseconds,
    wires: session.wires.map((wire) => ({
      name: wire.name,
      framesIn: wire.received.total,
      framesOut: wire.sent.total,
      framesDropped: wire.counters.receiveDropped + wire.counters.sendDropped,
      inByKind: wire.received.byKind(),
      outByKind: wire.sent.byKind(),
    })),
    findings: [...kernel.findings],
    files,
  };
}

/** Prints a summary for people. */
export function printSummary(summary: Summary, terminal: Terminal): void {
  terminal.line();
  for (const wire of summary.wires) {
    terminal.line(`${terminal.style('bold', wire.name)}`);
    terminal.line(`  frames in   ${counts(wire.framesIn, wire.inByKind)}`);
    terminal.line(`  frames out  ${counts(wire.framesOut, wire.outByKind)}`);
    if (wire.framesDropped > 0)
      terminal.line(`  dropped     ${terminal.style('yellow', String(wire.framesDropped))}`);
  }
  const machine = (summary.machineMilliseconds / 1000).toFixed(3);
  const wall = (summary.wallMilliseconds / 1000).toFixed(3);
  terminal.line(`machine time ${machine} s, wall time ${wall} s`);
  for (const { path, content } of summary.files) terminal.line(`${content}: ${path}`);
  printFindings(summary.findings, terminal);
}

function counts(total: number, byKind: Readonly<Record<string, number>>): string {
  const kinds = Object.entries(byKind).map(([kind, count]) => `${count} ${kind}`);
  return kinds.length === 0 ? String(total) : `${total}: ${kinds.join(', ')}`;
}

/** Prints findings, each with driver, code and page. */
export function printFindings(findings: readonly Finding[], terminal: Terminal): void {
  if (findings.length === 0) {
    terminal.line(`findings: ${terminal.style('green', 'none')}`);
    return;
  }
  terminal.line(`findings: ${terminal.style('red', String(findings.length))}`);
  for (const { code, driver, text, page } of findings.slice(0, FINDINGS_SHOWN)) {
    terminal.line(`  ${terminal.style('yellow', code)} ${driver}: ${text} (${page})`);
  }
  const more = findings.length - FINDINGS_SHOWN;
  if (more > 0) terminal.line(`  and ${more} more; --json lists them all`);
}

/** A run as one JSON object. */
export function summaryJson(summary: Summary, tree: MachineSnapshot): string {
  return JSON.stringify({ ...summary, stack: tree }, null, 2);
}
