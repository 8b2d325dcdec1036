/** Checking values of a JSON file member by member: every mistake is told by its code, its path and what to do. */

import { CliError, type CliErrorCode } from '../cliError.ts';

/** Where a value stands, for messages: the file and the JSON path in it. */
export class Place {
  readonly file: string;
  readonly path: string;

  constructor(file: string, path = '$') {
    this.file = file;
    this.path = path;
  }

  /** A member of it. */
  member(name: string): Place {
    const plain = /^[A-Za-z_$][\w$]*$/.test(name);
    return new Place(this.file, plain ? `${this.path}.${name}` : `${this.path}[${JSON.stringify(name)}]`);
  }

  /** An element of it. */
  element(index: number): Place {
    return new Place(this.file, `${this.path}[${index}]`);
  }

  /** An error at this place. */
  error(code: CliErrorCode, message: string): CliError {
    return new CliError(code, `${this.file}: ${this.path} ${message}`);
  }

  /** The error of a value of another type or out of range. */
  wrong(value: unknown, expected: string): CliError {
    if (value === undefined) return this.error('STACK_MEMBER_MISSING', `is missing; give ${expected}.`);
    return this.error('STACK_VALUE', `is ${shown(value)}; give ${expected}.`);
  }
}

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The object at a place. */
export function checkObject(value: unknown, place: Place): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw place.wrong(value, 'an object');
  // JSON gives members of any value, which is what the type says.
  return value as JsonObject;
}

/** An object that has no other members than these. */
export function checkMembers(value: unknown, members: readonly string[], place: Place): JsonObject {
  const object = checkObject(value, place);
  for (const name of Object.keys(object)) {
    if (members.includes(name)) continue;
    const near = nearest(name, members);
    throw place
      .member(name)
      .error(
        'STACK_UNKNOWN_MEMBER',
        `is not known${near === null ? '' : `: did you mean "${near}"?`}${near === null ? ';' : ''} known here: ${members.join(', ')}.`,
      );
  }
  return object;
}

/** The list at a place. */
export function checkList(value: unknown, place: Place): readonly unknown[] {
  if (!Array.isArray(value)) throw place.wrong(value, 'a list');
  return value;
}

/** Characters of a name. */
const NAME_LIMIT = 200;

/** A name: of a driver, an adapter, a parameter. */
export function checkName(value: unknown, place: Place): string {
  const good =
    typeof value === 'string' && value !== '' && value.length <= NAME_LIMIT && !/[\\\p{Cc}]/u.test(value);
  if (!good)
    throw place.wrong(
      value,
      `a name: 1 to ${NAME_LIMIT} characters without backslash and control characters`,
    );
  return value;
}

/** A text that is not empty and has no NUL, as a path. */
export function checkPath(value: unknown, place: Place): string {
  if (typeof value !== 'string' || value === '' || value.includes('\0'))
    throw place.wrong(value, 'the path of a file');
  return value;
}

/** A whole number in a range. */
export function checkWhole(value: unknown, minimum: number, maximum: number, place: Place): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < minimum || value > maximum) {
    throw place.wrong(value, `a whole number from ${minimum} to ${maximum}`);
  }
  return value;
}

/** The known name that a mistyped one is probably meant to be; null if none is near. */
export function nearest(name: string, known: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(Math.min(name.length, 40) / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.slice(0, 40).toLowerCase(), candidate.slice(0, 40).toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}

/** A value as it is shown in a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}
