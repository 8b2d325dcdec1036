/**
 * The members of every kind of event, in the order in which they are written: the one table from which the recorder,
 * the NDJSON form and the checks of the reader derive.
 */

import type { EventStamp, TraceEvent } from './events.ts';

/** Name of a kind of event. */
export type TraceKind = TraceEvent['kind'];

/** How a member is kept: `value` is a number or a text; `optional` a text that may be absent, never empty. */
export type FieldType = 'text' | 'optional' | 'number' | 'numbers' | 'value' | 'values';

type MembersOf<K extends TraceKind> = Exclude<
  keyof Extract<TraceEvent, { readonly kind: K }>,
  keyof EventStamp | 'kind'
>;

const FIELDS: { readonly [K in TraceKind]: { readonly [M in MembersOf<K>]-?: FieldType } } = {
  call: { driver: 'text', name: 'text', from: 'optional', args: 'values' },
  return: { driver: 'text', name: 'text', result: 'value' },
  callback: { driver: 'text', name: 'text', args: 'values' },
  callbackReturn: { driver: 'text', name: 'text', result: 'value' },
  state: { object: 'text', from: 'text', to: 'text' },
  note: { subject: 'text', text: 'text' },
  finding: { code: 'text', driver: 'text', text: 'text', page: 'text' },
  hop: { from: 'text', to: 'text', list: 'number', verb: 'text' },
  wait: { reason: 'text', objects: 'numbers' },
  resume: { status: 'number' },
  bugCheck: { code: 'number', parameters: 'numbers', text: 'text' },
};

/** A member of an event. */
export interface EventField {
  readonly name: string;
  readonly type: FieldType;
}

/** Every kind of event, in the order of their numbers in a recording. */
export const TRACE_KINDS: readonly TraceKind[] = Object.keys(FIELDS) as TraceKind[];

/** The members that every event has, before those of its kind. */
export const STAMP_FIELDS: readonly (keyof EventStamp)[] = ['time', 'processor', 'thread', 'irql'];

const FIELD_LISTS: readonly (readonly EventField[])[] = TRACE_KINDS.map((kind) =>
  Object.entries(FIELDS[kind]).map(([name, type]) => ({ name, type })),
);
const NUMBERS = new Map<string, number>(TRACE_KINDS.map((kind, number) => [kind, number]));

/** The number of a kind; undefined for a name that is none. */
export function kindNumber(kind: string): number | undefined {
  return NUMBERS.get(kind);
}

/** The members of the kind with this number. */
export function fieldsOf(number: number): readonly EventField[] {
  return FIELD_LISTS[number];
}
