/** What an installation did, as text for people and as JSON. */

import { type BindingPath, componentLabel, formatWarning, type InstallReport } from '../../install/index.ts';
import type { Terminal } from '../output/terminal.ts';

/** Warnings that are shown; the rest is counted. */
const SHOWN_WARNINGS = 20;

/** Prints a report. @param disk the folder of the host that holds `C:`. */
export function printReport(report: InstallReport, disk: string, terminal: Terminal): void {
  terminal.line(report.title);
  for (const [heading, items] of [
    ['files', report.files],
    ['services', report.services],
    ['registry', report.keys],
    ['installed', report.devices],
  ] as const) {
    if (items.length === 0) continue;
    terminal.line(`  ${heading}`);
    for (const { what, why } of items) terminal.line(`    ${shortKey(what)}\n      ${why}`);
  }
  printBindings(report.bindings, terminal);
  for (const note of report.notes) terminal.line(`  note: ${note}`);
  for (const warning of report.warnings.slice(0, SHOWN_WARNINGS))
    terminal.line(`  ${formatWarning(warning)}`);
  if (report.warnings.length > SHOWN_WARNINGS)
    terminal.line(`  ${report.warnings.length - SHOWN_WARNINGS} more warnings`);
  terminal.line(`  C: is ${disk}`);
}

function printBindings(bindings: readonly BindingPath[], terminal: Terminal): void {
  const made = bindings.filter(({ bound }) => bound);
  const missing = bindings.filter(({ bound }) => !bound);
  if (made.length > 0) terminal.line('  bound');
  for (const path of made) terminal.line(`    ${bindingText(path)}`);
  if (missing.length > 0) terminal.line('  not bound');
  for (const path of missing) terminal.line(`    ${bindingText(path)}`);
}

/** `echo -> Ethernet 1 (ndis5)` */
export function bindingText({ upper, lower, kind, bound, reason }: BindingPath): string {
  const arrow = kind === 'filter' ? 'on' : '->';
  return `${componentLabel(upper)} ${arrow} ${componentLabel(lower)}${bound ? ` (${reason})` : `: ${reason}`}`;
}

/** `\Registry\Machine\System\ControlSet001\...` as people write it. */
function shortKey(path: string): string {
  return path
    .replace(/^\\Registry\\Machine\\System\\ControlSet001/i, 'HKLM\\System\\CurrentControlSet')
    .replace(/^HKEY_LOCAL_MACHINE/i, 'HKLM')
    .replace(/^\\Registry\\Machine/i, 'HKLM');
}

/** A report as JSON. */
export function reportJson(report: InstallReport, disk: string): string {
  const { title, files, services, keys, devices, notes, warnings } = report;
  const bindings = report.bindings.map(({ upper, lower, kind, bound, reason }) => ({
    upper: componentLabel(upper),
    lower: componentLabel(lower),
    kind,
    bound,
    reason,
  }));
  return JSON.stringify({ title, disk, files, services, keys, devices, bindings, notes, warnings });
}
