/** Events of a trace as aligned text. */

import type { TraceEvent, TraceValue } from '../../trace/index.ts';
import type { Style, Terminal } from './terminal.ts';

const IRQL_NAMES: Readonly<Record<number, string>> = { 0: 'PASSIVE', 1: 'APC', 2: 'DISPATCH' };

/** Numbers from here on are shown in hexadecimal: addresses and statuses. */
const HEXADECIMAL_FROM = 0x1_0000;

/** One event as a line. */
export function formatEventText(event: TraceEvent, terminal: Terminal): string {
  const time = (event.time / 10_000).toFixed(4).padStart(12);
  const irql = (IRQL_NAMES[event.irql] ?? `IRQL ${event.irql}`).padEnd(8);
  const where = `cpu${event.processor} t${event.thread}`.padEnd(9);
  const { who, style, what } = described(event);
  return `${time}  ${terminal.style('dim', `${where} ${irql}`)} ${who.padEnd(14)} ${terminal.style(style, what)}`;
}

/** The line above the events. */
export function eventHeading(terminal: Terminal): string {
  const text = `${'ms'.padStart(12)}  ${'where'.padEnd(9)} ${'IRQL'.padEnd(8)} ${'driver'.padEnd(14)} event`;
  return terminal.style('bold', text);
}

function described(event: TraceEvent): { who: string; style: Style; what: string } {
  switch (event.kind) {
    case 'call':
      return {
        who: event.driver,
        style: 'cyan',
        what: `${event.name}(${event.args.map(shown).join(', ')})${event.from === undefined ? '' : `  from ${event.from}`}`,
      };
    case 'return':
      return { who: event.driver, style: 'dim', what: `${event.name} = ${shown(event.result)}` };
    case 'callback':
      return {
        who: event.driver,
        style: 'magenta',
        what: `> ${event.name}(${event.args.map(shown).join(', ')})`,
      };
    case 'callbackReturn':
      return { who: event.driver, style: 'dim', what: `< ${event.name} = ${shown(event.result)}` };
    case 'state':
      return { who: '', style: 'green', what: `${event.object}: ${event.from} -> ${event.to}` };
    case 'note':
      return { who: event.subject, style: 'dim', what: event.text };
    case 'finding':
      return {
        who: event.driver,
        style: 'red',
        what: `FINDING ${event.code}: ${event.text} (${event.page})`,
      };
    case 'hop':
      return {
        who: '',
        style: 'blue',
        what: `${event.from} --${event.verb}--> ${event.to}  list 0x${event.list.toString(16)}`,
      };
    case 'wait':
      return {
        who: '',
        style: 'dim',
        what: `waits: ${event.reason} ${event.objects.map(shown).join(', ')}`.trimEnd(),
      };
    case 'resume':
      return { who: '', style: 'dim', what: `goes on with ${shown(event.status)}` };
    case 'bugCheck':
      return {
        who: '',
        style: 'red',
        what: `BUG CHECK 0x${event.code.toString(16)} (${event.parameters.map(shown).join(', ')}): ${event.text}`,
      };
  }
}

function shown(value: TraceValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return Number.isInteger(value) && value >= HEXADECIMAL_FROM ? `0x${value.toString(16)}` : String(value);
}
