/**
 * Traces as NDJSON: a header line with version, seed and every option, then one event a line, members always in the
 * same order, so that equal runs give equal bytes. Reading delivers everything before a fault and then says where the
 * fault is. Follows the NDJSON convention: UTF-8, lines end with a line feed.
 */

import { fieldsOf, kindNumber, STAMP_FIELDS } from './eventFields.ts';
import { TRACE_VERSION, type TraceEvent, type TraceValue } from './events.ts';
import { TraceError } from './traceError.ts';

/** `format` of the header. */
export const TRACE_FORMAT = 'ndisbox-trace';
/** Characters of one line; a longer one is refused. */
export const LINE_LIMIT = 16 * 1024 * 1024;

/** What a trace says about the run that it is of. */
export interface TraceHeader {
  readonly version: number;
  readonly seed: number;
  /** Every option of the run, so that it can be repeated. Plain JSON. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The header line, with its line feed. */
export function formatHeader(header: Omit<TraceHeader, 'version'>): string {
  const { seed, options } = header;
  return `${JSON.stringify({ format: TRACE_FORMAT, version: TRACE_VERSION, seed, options })}\n`;
}

/** An event as a line, with its line feed. Numbers that JSON has no form for become text: `NaN`, `Infinity`. */
export function formatEvent(event: TraceEvent): string {
  // The table of fields was derived from the same union, so every member named there is there.
  const members = event as unknown as Record<string, TraceValue | readonly TraceValue[]>;
  let line = '{';
  for (const name of STAMP_FIELDS) line += `"${name}":${event[name]},`;
  line += `"kind":"${event.kind}"`;
  for (const { name } of fieldsOf(kindNumber(event.kind) ?? 0)) {
    const value = members[name];
    // Only optional members are absent.
    if (value === undefined) continue;
    line += `,"${name}":${typeof value === 'object' ? `[${value.map(formatValue).join(',')}]` : formatValue(value)}`;
  }
  return `${line}}\n`;
}

function formatValue(value: TraceValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

/** What a trace file holds: the header first, then events. */
export type TraceRecord = { readonly header: TraceHeader } | { readonly event: TraceEvent };

/**
 * Reads a trace. Yields every record before a fault, then throws.
 * @param pieces the text of the file, cut anywhere.
 * @throws TraceError
 */
export function* readTrace(pieces: Iterable<string>): Generator<TraceRecord> {
  let number = 0;
  for (const { line, ended } of linesOf(pieces)) {
    number++;
    if (line === '' && ended && number > 1) continue;
    yield number === 1 ? { header: parseHeader(line) } : { event: parseEvent(line, number, ended) };
  }
  if (number === 0) throw noHeader('is empty');
}

function* linesOf(pieces: Iterable<string>): Generator<{ line: string; ended: boolean }> {
  let rest = '';
  let number = 1;
  for (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', start)) {
      yield { line: (rest + piece.slice(start, end)).replace(/\r$/, ''), ended: true };
      number++;
      rest = '';
      start = end + 1;
    }
    rest += piece.slice(start);
    if (rest.length > LINE_LIMIT) {
      throw new TraceError(
        'TRACE_LINE_TOO_LONG',
        number,
        `is longer than ${LINE_LIMIT} characters; no event is. Give a file that "ndisbox run --trace" wrote.`,
      );
    }
  }
  if (rest !== '') yield { line: rest, ended: false };
}

function parseHeader(line: string): TraceHeader {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw noHeader('does not begin with a line of JSON');
  }
  if (!isObject(value) || value['format'] !== TRACE_FORMAT) throw noHeader('does not begin with its header');
  const { version, seed, options } = value;
  if (version !== TRACE_VERSION) {
    throw new TraceError(
      'TRACE_VERSION_UNKNOWN',
      1,
      `the trace has version ${shown(version)}, and this ndisbox reads version ${TRACE_VERSION}; ` +
        'record it again, or read it with the ndisbox that wrote it.',
    );
  }
  return { version, seed: typeof seed === 'number' ? seed : 0, options: isObject(options) ? options : {} };
}

function parseEvent(line: string, number: number, ended: boolean): TraceEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    const what = ended ? 'is no JSON' : 'ends in the middle: the file was cut off there';
    throw new TraceError(
      'TRACE_LINE_BROKEN',
      number,
      `${what}. Everything before it was read; record the trace again for the rest.`,
    );
  }
  if (!isObject(value)) throw invalid(number, `is ${shown(value)}, not an object`);
  const kind = value['kind'];
  const kindIndex = typeof kind === 'string' ? kindNumber(kind) : undefined;
  if (kindIndex === undefined) throw invalid(number, `has the unknown kind ${shown(kind)}`);
  const event: Record<string, unknown> = {};
  for (const name of STAMP_FIELDS) {
    event[name] = value[name];
    if (!isWhole(value[name]))
      throw invalid(number, `"${name}" is ${shown(value[name])}, not a whole number`);
  }
  event['kind'] = kind;
  for (const { name, type } of fieldsOf(kindIndex)) {
    if (value[name] === undefined && type === 'optional') continue;
    event[name] = value[name];
    if (!CHECKS[type](value[name]))
      throw invalid(number, `"${name}" is ${shown(value[name])}, not a ${type}`);
  }
  // Every member of the kind has just been checked against the table of fields.
  return event as unknown as TraceEvent;
}

const isText = (value: unknown) => typeof value === 'string';
const isNumber = (value: unknown) =>
  typeof value === 'number' || value === 'NaN' || /^-?Infinity$/.test(String(value));
const isValue = (value: unknown) => typeof value === 'string' || typeof value === 'number';
const CHECKS: Readonly<
  Record<'text' | 'optional' | 'number' | 'numbers' | 'value' | 'values', (value: unknown) => boolean>
> = {
  text: isText,
  optional: isText,
  number: isNumber,
  numbers: (value) => Array.isArray(value) && value.every(isNumber),
  value: isValue,
  values: (value) => Array.isArray(value) && value.every(isValue),
};

function isWhole(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60);
}

function noHeader(what: string): TraceError {
  return new TraceError(
    'TRACE_HEADER_MISSING',
    1,
    `the file ${what}; give a file that "ndisbox run --trace FILE" wrote.`,
  );
}

function invalid(line: number, what: string): TraceError {
  return new TraceError(
    'TRACE_EVENT_INVALID',
    line,
    `${what}. Everything before it was read; record the trace again for the rest.`,
  );
}
