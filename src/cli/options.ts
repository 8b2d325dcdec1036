/** The options of the command: one table, from which types, parsing and help derive. */

import { parseArgs } from 'node:util';
import { CliError } from './cliError.ts';
import { nearest } from './stack/checks.ts';

/** An option as it is declared. */
interface OptionDeclaration {
  readonly kind: 'flag' | 'text' | 'texts' | 'whole' | 'wholes' | 'time';
  /** Name of its value in help; empty for a flag. */
  readonly value: string;
  readonly help: string;
  readonly minimum?: number;
  readonly maximum?: number;
  /** One letter. */
  readonly short?: string;
}

/** Every option. */
export const OPTIONS = {
  trace: { kind: 'text', value: 'FILE', help: 'write every event as NDJSON (docs/reading-a-trace.md)' },
  capture: { kind: 'text', value: 'FILE', help: 'write every frame at every hop as pcapng' },
  seed: {
    kind: 'whole',
    value: 'NUMBER',
    help: 'seed of every free choice; default 1',
    minimum: 0,
    maximum: 0xffff_ffff,
  },
  processors: {
    kind: 'whole',
    value: 'NUMBER',
    help: 'logical processors, 1 to 64; default 1',
    minimum: 1,
    maximum: 64,
  },
  'stub-missing': {
    kind: 'flag',
    value: '',
    help: 'load compiled drivers that import unknown functions; calling one is a bug check',
  },
  'memory-safety': {
    kind: 'flag',
    value: '',
    help: 'check every memory access of compiled drivers byte by byte',
  },
  duration: {
    kind: 'whole',
    value: 'MS',
    help: 'milliseconds of machine time to run',
    minimum: 1,
    maximum: 31_536_000_000,
  },
  watch: { kind: 'flag', value: '', help: 'keep running and show the tree again when it changes' },
  driver: { kind: 'texts', value: 'NAME', help: 'events of this driver or adapter; may be given again' },
  name: { kind: 'texts', value: 'NAME', help: 'events of this function, verb or code; * for any characters' },
  kind: {
    kind: 'texts',
    value: 'KIND',
    help: 'events of this kind: call, return, callback, hop, state, ...',
  },
  thread: { kind: 'wholes', value: 'ID', help: 'events of this thread', minimum: 0, maximum: 0xffff_ffff },
  from: {
    kind: 'time',
    value: 'TIME',
    help: 'events from this machine time on: 1.5s, 20ms, 300us; plain: 100 ns units',
  },
  to: { kind: 'time', value: 'TIME', help: 'events up to this machine time' },
  follow: {
    kind: 'text',
    value: 'ADDRESS',
    help: 'one NET_BUFFER_LIST or OID request and what was made from it',
  },
  directory: { kind: 'text', value: 'DIR', help: 'the machine directory; default ndisbox-machine' },
  device: {
    kind: 'texts',
    value: 'NAME',
    help: 'an adapter to add, "Ethernet 1"; again for another one',
  },
  'hardware-id': { kind: 'text', value: 'ID', help: 'the id that the bus of the device reports' },
  model: { kind: 'text', value: 'ID', help: 'hardware id or component id of the model to install' },
  wire: {
    kind: 'texts',
    value: 'WIRE',
    help: 'the wire of each device in order: tap:NAME, capture:FILE, segment:NAME, or JSON',
  },
  parameter: { kind: 'texts', value: 'NAME=VALUE', help: 'a value for the software key of the devices' },
  source: { kind: 'texts', value: 'DIR', help: 'a folder to look in for files that are not beside the INF' },
  adapter: { kind: 'text', value: 'NAME', help: 'the adapter to bind to' },
  json: { kind: 'flag', value: '', help: 'print JSON instead of text' },
  help: { kind: 'flag', value: '', help: 'print this help', short: 'h' },
  version: { kind: 'flag', value: '', help: 'print the version' },
} as const satisfies Readonly<Record<string, OptionDeclaration>>;

/** Name of an option. */
export type OptionName = keyof typeof OPTIONS;

interface ValueOf {
  readonly flag: boolean;
  readonly text: string;
  readonly texts: readonly string[];
  readonly whole: number;
  readonly wholes: readonly number[];
  readonly time: number;
}

/** The options given, by name. */
export type OptionValues = { readonly [N in OptionName]?: ValueOf[(typeof OPTIONS)[N]['kind']] };

/** A command line taken apart. */
export interface CommandLine {
  readonly options: OptionValues;
  readonly positionals: readonly string[];
}

/**
 * Takes the arguments of one command apart.
 * @param allowed the options that the command knows. @throws CliError OPTION_UNKNOWN, OPTION_VALUE
 */
export function parseOptions(args: readonly string[], allowed: readonly OptionName[]): CommandLine {
  const config = Object.fromEntries(
    allowed.map((name) => {
      const { kind, short }: OptionDeclaration = OPTIONS[name];
      const many = kind === 'texts' || kind === 'wholes';
      return [
        name,
        {
          type: kind === 'flag' ? ('boolean' as const) : ('string' as const),
          multiple: many,
          ...(short === undefined ? {} : { short }),
        },
      ];
    }),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, unknown> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const name = allowed.find((known) => known === token.name);
    if (name === undefined) throw unknownOption(token.rawName, allowed);
    take(values, name, token.value);
  }
  // Each value was made by `valueOf` for the kind of its declaration.
  return { options: values as OptionValues, positionals };
}

function take(values: Record<string, unknown>, name: OptionName, given: string | undefined): void {
  const { kind }: OptionDeclaration = OPTIONS[name];
  const value = valueOf(name, given);
  if (kind === 'texts' || kind === 'wholes') {
    const known = values[name];
    values[name] = Array.isArray(known) ? [...known, value] : [value];
  } else if (values[name] !== undefined && kind !== 'flag') {
    throw new CliError('OPTION_VALUE', `--${name} is given twice; give it once.`);
  } else values[name] = value;
}

function valueOf(name: OptionName, given: string | undefined): string | number | boolean {
  const { kind, value, minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: OptionDeclaration = OPTIONS[name];
  if (kind === 'flag') {
    if (given !== undefined)
      throw new CliError('OPTION_VALUE', `--${name} takes no value; it was given "${given}".`);
    return true;
  }
  if (given === undefined || given === '' || (given.startsWith('-') && given.length > 1)) {
    throw new CliError('OPTION_VALUE', `--${name} needs a value: --${name} ${value}.`);
  }
  if (kind === 'text' || kind === 'texts') return given;
  if (kind === 'time') return timeOf(name, given);
  const number = /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (!(number >= minimum && number <= maximum)) {
    throw new CliError(
      'OPTION_VALUE',
      `--${name} is "${given}"; give a whole number from ${minimum} to ${maximum}.`,
    );
  }
  return number;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, us: 10, ms: 10_000, s: 10_000_000 };

/** Machine time in units of 100 ns. */
function timeOf(name: string, given: string): number {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|)$/.exec(given);
  if (match === null) {
    throw new CliError(
      'OPTION_VALUE',
      `--${name} is "${given}"; give a time such as 1.5s, 20ms, 300us or 4200000.`,
    );
  }
  return Math.round(Number(match[1]) * UNITS[match[2]]);
}

function unknownOption(given: string, allowed: readonly OptionName[]): CliError {
  const near = nearest(given.replace(/^-+/, ''), allowed);
  return new CliError(
    'OPTION_UNKNOWN',
    `${given} is not known here${near === null ? '' : `: did you mean --${near}?`}${near === null ? ';' : ''} ` +
      `known are ${allowed.map((name) => `--${name}`).join(', ')}.`,
  );
}
