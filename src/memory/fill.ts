/**
 * Filling a structure in kernel memory from an object literal, as TypeScript drivers hand characteristics and
 * parameters to a DDI. What only the host can turn into bytes (functions, objects, texts) goes to a marshaller.
 */

import type { Address } from './addressSpace.ts';
import type { Member, Members } from './layout.ts';
import type { KernelMemory } from './memory.ts';
import { type ScalarValue, scalars, writeBits } from './scalar.ts';
import {
  type AnyStructure,
  AnyView,
  type CallbackInput,
  type ContextInput,
  checkRange,
  isPointerKind,
  type PointerArray,
  type PointerInput,
  pointerValue,
  type ScalarArray,
  type StructureArray,
  type View,
} from './view.ts';

/** Turns host values into what memory can hold. */
export interface Marshaller {
  /** The callable address of a handler of the given typedef. */
  callableAddress(handler: (...parameters: never[]) => unknown, typedefName: string): Address;
  /** The opaque address of an object. */
  objectAddress(value: object): Address;
  /** Where the characters of a UNICODE_STRING were put, and their length in bytes. */
  unicodeString(text: string): { readonly Buffer: Address; readonly Length: number };
}

/** Object literal for a structure: any part of it, with functions, objects and texts where they make sense. */
export type Fields<V> = {
  readonly [K in Exclude<keyof V, keyof View>]?: Field<V[K]> | undefined;
};
type Field<T> = T extends bigint
  ? bigint | number
  : T extends boolean
    ? boolean
    : T extends number
      ? NumberField<T>
      : T extends ScalarArray
        ? ArrayLike<number | bigint>
        : T extends PointerArray
          ? readonly (PointerInput | CallbackInput | ContextInput)[]
          : T extends StructureArray<infer E>
            ? readonly Fields<E>[]
            : T extends { Buffer: unknown; MaximumLength: unknown }
              ? Fields<T> | T | string
              : Fields<T> | T;

/** Only members that hold an address take functions, objects and views. */
type NumberField<T extends number> = T extends { readonly __kind?: infer Kind }
  ? 'address' extends Kind
    ? unknown extends Kind
      ? T
      : T | PointerInput | CallbackInput | ContextInput
    : T
  : T;

/**
 * Zeroes the structure at `address` and writes `fields`; UNICODE_STRING members take texts. A field may be a view
 * of what the structure held before. When a field is refused, what comes after it stays zero.
 */
export function fillAt(
  structure: AnyStructure,
  memory: KernelMemory,
  address: Address,
  fields: object,
  marshaller?: Marshaller,
): void {
  checkRange(memory, structure.name, structure.size, address);
  const before = memory.u8.slice(address, address + structure.size);
  const writer: Writer = { memory, marshaller, target: address, before };
  checkNames(structure.name, structure.members, fields);
  memory.u8.fill(0, address, address + structure.size);
  writeMembers(writer, structure.name, structure.members, address, fields);
}

interface Writer {
  readonly memory: KernelMemory;
  readonly marshaller: Marshaller | undefined;
  /** Where the outermost structure lies, and what it held. */
  readonly target: Address;
  readonly before: Uint8Array;
}

function writeMembers(writer: Writer, path: string, members: Members, base: Address, fields: object): void {
  checkNames(path, members, fields);
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) writeMember(writer, `${path}.${name}`, members[name], base, value);
  }
}

function checkNames(path: string, members: Members, fields: object): void {
  for (const name of Object.keys(fields)) {
    if (!Object.hasOwn(members, name)) {
      const nearest = nearestName(name, Object.keys(members));
      throw new TypeError(
        `${path} has no member ${name}${nearest === undefined ? '' : `: did you mean ${nearest}?`}`,
      );
    }
  }
}

function writeMember(writer: Writer, path: string, member: Member, base: Address, value: unknown): void {
  const { memory } = writer;
  const at = base + member.offset;
  switch (member.kind) {
    case 'bits':
      writeBits(memory, member.unit, at, member.start, member.width, scalarInput(path, value));
      return;
    case 'structure':
      writeStructure(writer, path, member.of(), at, value);
      return;
    case 'group':
      writeMembers(writer, path, member.members, base, objectInput(path, value));
      return;
    case 'array':
    case 'structures':
      writeArray(writer, path, member, at, value);
      return;
    default:
      if (isPointerKind(member.kind)) {
        scalars.pointer.write(memory, at, pointerInput(writer, path, member.kind, member.type ?? '', value));
      } else {
        scalars[member.kind].write(memory, at, scalarInput(path, value));
      }
  }
}

function writeArray(
  writer: Writer,
  path: string,
  member: Extract<Member, { kind: 'array' | 'structures' }>,
  at: Address,
  value: unknown,
): void {
  const elements = Array.from(objectInput(path, value) as ArrayLike<unknown>);
  if (elements.length > member.count) {
    throw new TypeError(`${path} has ${member.count} elements, ${elements.length} were given`);
  }
  const size = member.count === 0 ? 0 : member.size / member.count;
  elements.forEach((element, index) => {
    const where = `${path}[${index}]`;
    const slot = at + index * size;
    if (member.kind === 'structures') writeStructure(writer, where, member.of(), slot, element);
    else
      writeMember(
        writer,
        where,
        { kind: member.element, offset: 0, size, type: member.type ?? '' },
        slot,
        element,
      );
  });
}

function writeStructure(writer: Writer, path: string, of: AnyStructure, at: Address, value: unknown): void {
  const { marshaller } = writer;
  if (typeof value === 'string') {
    if (of.name !== 'UNICODE_STRING') throw new TypeError(`${path} is a ${of.name} and takes no text`);
    if (marshaller === undefined)
      throw new TypeError(`${path}: a text needs a marshaller to place its characters`);
    const { Buffer, Length } = marshaller.unicodeString(value);
    writeMembers(writer, path, of.members, at, { Buffer, Length, MaximumLength: Length });
    return;
  }
  if (value instanceof AnyView) {
    copyView(writer, path, of, at, value);
    return;
  }
  writeMembers(writer, path, of.members, at, objectInput(path, value));
}

function copyView(writer: Writer, path: string, of: AnyStructure, at: Address, view: AnyView): void {
  const { memory, target, before } = writer;
  if (view.memory !== memory) throw new TypeError(`${path}: the view is of another machine's memory`);
  checkRange(memory, of.name, of.size, view.address);
  const start = view.address - target;
  if (start >= 0 && start + of.size <= before.length)
    memory.u8.set(before.subarray(start, start + of.size), at);
  else memory.u8.copyWithin(at, view.address, view.address + of.size);
}

function pointerInput(
  writer: Writer,
  path: string,
  kind: Extract<Member, { type?: string }>['kind'],
  type: string,
  value: unknown,
): Address {
  const { memory, marshaller } = writer;
  if (marshaller !== undefined && !(value instanceof AnyView) && value !== null) {
    // The seam decides under which owner and wrapper a handler or an object gets its address.
    if (typeof value === 'function' && kind === 'callback') {
      return marshaller.callableAddress(value as (...parameters: never[]) => unknown, type);
    }
    if ((typeof value === 'object' || typeof value === 'function') && kind === 'context') {
      return marshaller.objectAddress(value);
    }
  }
  try {
    // Scalar kinds never reach this function; `array` and `structures` members were taken apart before.
    return pointerValue(memory, kind as 'pointer', value);
  } catch (error) {
    throw new TypeError(`${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function scalarInput(path: string, value: unknown): ScalarValue {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value;
  throw new TypeError(`${path} takes a number, not ${value === null ? 'null' : typeof value}`);
}

function objectInput(path: string, value: unknown): object {
  if (typeof value === 'object' && value !== null) return value;
  throw new TypeError(`${path} takes an object, not ${value === null ? 'null' : typeof value}`);
}

/** The name that differs least from `name`, if any comes near. */
function nearestName(name: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(3, Math.ceil(name.length / 2));
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1] ? 0 : 1;
      current.push(Math.min(previous[column] + 1, current[column - 1] + 1, previous[column - 1] + same));
    }
    previous = current;
  }
  return previous[right.length];
}
