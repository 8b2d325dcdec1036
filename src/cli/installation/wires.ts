/** Wires on the command line: JSON as in a stack file, or in short `tap:tap0`. */

import { resolve } from 'node:path';
import type { Json } from '../../install/index.ts';
import { parseWireOptions, type WireOptions } from '../../wire/wireOptions.ts';
import { CliError } from '../cliError.ts';

/** What stands behind the colon of a short form. */
const SHORT: Readonly<Record<string, string>> = {
  tap: 'name',
  packet: 'name',
  segment: 'name',
  capture: 'play',
  stream: 'path',
};
/** Members of wires that are paths; they are kept absolute, since a machine may be run from anywhere. */
const PATHS = new Set(['play', 'record', 'recordTo', 'path']);

/** The wire that an option describes. @throws CliError OPTION_VALUE, WireError WIRE_OPTIONS_INVALID */
export function parseWireOption(text: string): Json {
  const value = text.trimStart().startsWith('{') ? parseJson(text) : parseShort(text);
  const absolute = Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      PATHS.has(name) && typeof member === 'string' && member !== '' ? resolve(member) : member,
    ]),
  );
  parseWireOptions(absolute, '--wire');
  // JSON values only: they come from JSON or are texts.
  return absolute as Json;
}

function parseJson(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below.
  }
  throw new CliError('OPTION_VALUE', `--wire is "${text.slice(0, 60)}", which is no JSON object.`);
}

function parseShort(text: string): object {
  const colon = text.indexOf(':');
  const type = text.slice(0, Math.max(colon, 0));
  const member = SHORT[type];
  if (member !== undefined && colon < text.length - 1) return { type, [member]: text.slice(colon + 1) };
  throw new CliError(
    'OPTION_VALUE',
    `--wire is "${text.slice(0, 60)}"; give tap:NAME, packet:NAME, segment:NAME, capture:FILE, stream:PATH, or JSON as in a stack file.`,
  );
}

/** The wire of an installed device, checked again: who edits files by hand makes mistakes. */
export function wireOfJson(value: Json, instanceId: string): WireOptions {
  return parseWireOptions(value, `the wire of ${instanceId}`);
}
