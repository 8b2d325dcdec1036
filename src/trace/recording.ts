/**
 * A stretch of a recording: events as words of one typed array, their texts in a table beside it. A stretch stands
 * for itself, so that old ones can be dropped or written out and used again.
 *
 * An event is four words (kind, IRQL and processor; thread; time in two words) and then its members: a text is its
 * number in the table; a list is its length and its values; values have two bits each in a word ahead of up to 16 of
 * them, which say how each is kept.
 */

import { type EventField, fieldsOf, kindNumber, TRACE_KINDS } from './eventFields.ts';
import type { TraceEvent, TraceValue } from './events.ts';

/** Characters kept of one text; the rest is cut, and the last one kept says so. */
export const TEXT_LIMIT = 65_536;
/** Values that one word of tags describes. */
const VALUES_PER_TAG = 16;
const TWO_TO_32 = 4_294_967_296;
/** Words of an event besides its lists, with room to spare. */
const FIXED_WORDS = 32;

const WHOLE = 0;
const NEGATIVE = 1;
const FLOATING = 2;
const TEXT = 3;

type Members = Record<string, TraceValue | readonly TraceValue[]>;

/** Words that an event takes at most. */
function wordsNeeded(members: Members, fields: readonly EventField[]): number {
  const last = members[fields[fields.length - 1].name];
  if (typeof last === 'object') return FIXED_WORDS + 3 * last.length;
  const middle = members['parameters'];
  return typeof middle === 'object' ? FIXED_WORDS + 3 * middle.length : FIXED_WORDS;
}

/** A stretch of events. */
export class Recording {
  #words: Uint32Array;
  #used = 0;
  #textLength = 0;
  readonly #textLimit: number;
  readonly #texts: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #float = new Float64Array(1);
  readonly #floatWords = new Uint32Array(this.#float.buffer);
  /** Events in it. */
  count = 0;

  /** @param words its size; @param textLimit characters of texts after which it takes no more. */
  constructor(words: number, textLimit: number) {
    this.#words = new Uint32Array(words);
    this.#textLimit = textLimit;
  }

  /** Bytes it takes, about. */
  get bytes(): number {
    return this.#words.byteLength + 2 * this.#textLength;
  }

  /** Forgets everything and can be filled again. */
  clear(): void {
    this.#used = 0;
    this.#textLength = 0;
    this.count = 0;
    this.#texts.length = 0;
    this.#numbers.clear();
  }

  /** Adds an event; false if there is no room. An empty recording makes room for any event. */
  add(event: TraceEvent): boolean {
    const kind = kindNumber(event.kind) ?? 0;
    const fields = fieldsOf(kind);
    // The table of fields was derived from the same union, so every member named there is there.
    const members = event as unknown as Members;
    const needed = wordsNeeded(members, fields);
    if (this.#used + needed > this.#words.length || this.#textLength > this.#textLimit) {
      if (this.count > 0) return false;
      if (needed > this.#words.length) this.#words = new Uint32Array(needed);
    }
    const words = this.#words;
    let at = this.#used;
    words[at++] = kind | (event.irql << 8) | (event.processor << 16);
    words[at++] = event.thread;
    words[at++] = event.time >>> 0;
    words[at++] = Math.floor(event.time / TWO_TO_32);
    for (let index = 0; index < fields.length; index++) {
      const { name, type } = fields[index];
      const value = members[name];
      if (typeof value === 'object') {
        words[at++] = value.length;
        at = this.#addValues(at, value);
      } else if (type === 'text') words[at++] = this.#number(String(value));
      else if (type === 'optional') words[at++] = this.#number(value === undefined ? '' : String(value));
      else at = this.#addValue(at + 1, at, 0, value);
    }
    this.#used = at;
    this.count++;
    return true;
  }

  /** Every event, oldest first. */
  *events(): Generator<TraceEvent> {
    for (let at = 0; at < this.#used; ) {
      const members: Members = {};
      at = this.#read(at, members);
      // Written from an event by `add`.
      yield members as unknown as TraceEvent;
    }
  }

  #addValues(start: number, values: readonly TraceValue[]): number {
    let at = start;
    for (let index = 0; index < values.length; ) {
      const tagAt = at++;
      this.#words[tagAt] = 0;
      const end = Math.min(index + VALUES_PER_TAG, values.length);
      for (let shift = 0; index < end; index++, shift += 2)
        at = this.#addValue(at, tagAt, shift, values[index]);
    }
    return at;
  }

  /** Writes a value at `at` and its tag into the word at `tagAt`; returns where the next one goes. */
  #addValue(at: number, tagAt: number, shift: number, value: TraceValue): number {
    const words = this.#words;
    if (shift === 0) words[tagAt] = 0;
    if (typeof value === 'string') {
      words[tagAt] |= TEXT << shift;
      words[at] = this.#number(value);
      return at + 1;
    }
    if (value >>> 0 === value && !Object.is(value, -0)) {
      words[at] = value;
      return at + 1;
    }
    if ((value | 0) === value && value !== 0) {
      words[tagAt] |= NEGATIVE << shift;
      words[at] = value;
      return at + 1;
    }
    words[tagAt] |= FLOATING << shift;
    this.#float[0] = value;
    words[at] = this.#floatWords[0];
    words[at + 1] = this.#floatWords[1];
    return at + 2;
  }

  #number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const kept = text.length <= TEXT_LIMIT ? text : `${text.slice(0, TEXT_LIMIT - 1)}…`;
    const number = this.#texts.push(kept) - 1;
    this.#numbers.set(kept, number);
    this.#textLength += kept.length;
    return number;
  }

  #read(start: number, members: Members): number {
    const words = this.#words;
    const first = words[start];
    const kind = first & 0xff;
    members['time'] = words[start + 2] + words[start + 3] * TWO_TO_32;
    members['processor'] = first >>> 16;
    members['thread'] = words[start + 1];
    members['irql'] = (first >>> 8) & 0xff;
    members['kind'] = TRACE_KINDS[kind];
    let at = start + 4;
    for (const { name, type } of fieldsOf(kind)) {
      if (type === 'text') members[name] = this.#texts[words[at++]];
      else if (type === 'optional') {
        const text = this.#texts[words[at++]];
        if (text !== '') members[name] = text;
      } else if (type === 'number' || type === 'value') {
        const values: TraceValue[] = [];
        at = this.#readValues(at, 1, values);
        members[name] = values[0];
      } else {
        const values: TraceValue[] = [];
        at = this.#readValues(at + 1, words[at], values);
        members[name] = values;
      }
    }
    return at;
  }

  #readValues(start: number, count: number, values: TraceValue[]): number {
    const words = this.#words;
    let at = start;
    let tags = 0;
    for (let index = 0; index < count; index++) {
      if (index % VALUES_PER_TAG === 0) tags = words[at++];
      const tag = tags & 3;
      tags >>>= 2;
      const word = words[at++];
      if (tag === WHOLE) values.push(word);
      else if (tag === NEGATIVE) values.push(word | 0);
      else if (tag === TEXT) values.push(this.#texts[word]);
      else {
        this.#floatWords[0] = word;
        this.#floatWords[1] = words[at++];
        values.push(this.#float[0]);
      }
    }
    return at;
  }
}
