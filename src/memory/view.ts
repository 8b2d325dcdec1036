/**
 * Views: objects through which TypeScript drivers see structures in kernel memory. A view is canonical for its
 * address, structure and generation, and has no room for fields of the driver's (decision 1 of the design).
 */

import { type Address, FIRST_MAPPED_ADDRESS } from './addressSpace.ts';
import type {
  GroupMember,
  Member,
  Members,
  ScalarArrayMember,
  Structure,
  StructureArrayMember,
} from './layout.ts';
import type { KernelMemory } from './memory.ts';
import { readBits, type ScalarKind, type ScalarValue, scalars, writeBits } from './scalar.ts';

/** What every view has. */
export interface View {
  /** Where the structure lies. */
  readonly address: Address;
  /** The memory it lies in. */
  readonly memory: KernelMemory;
  /** Generation of the block when the view was made; a freed and reused block has another. */
  readonly generation: number;
}

/** Any declared structure, whatever its interface. */
export type AnyStructure = Structure<View, string>;

/** What a pointer member takes: an address, or a view of what it shall point to. */
export type PointerInput = Address | View | null;
/** What a callback member takes: an address, or a function of the host. */
export type CallbackInput = Address | ((...parameters: never[]) => unknown) | null;
/** What a context member takes: an address, a view, or any object of the host. */
export type ContextInput = Address | object | null;

/** The name under which Node looks for what a console shall show. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** The object behind every view. */
export class AnyView implements View {
  readonly memory: KernelMemory;
  readonly address: Address;
  readonly generation: number;

  constructor(memory: KernelMemory, address: Address, generation: number) {
    this.memory = memory;
    this.address = address;
    this.generation = generation;
    Object.freeze(this);
  }

  /** JSON of a view is the structure as plain data; its class says how. */
  toJSON(): Record<string, unknown> {
    return { address: this.address };
  }
  /** A console shows the same, not the memory behind it. */
  [INSPECT](): unknown {
    return this.toJSON();
  }
}

/** The address that `value`, assigned to a pointer-like member of `kind`, stands for. */
export function pointerValue(memory: KernelMemory, kind: ScalarKind, value: unknown): Address {
  if (typeof value === 'number') return value;
  if (value === null) return 0;
  if (value instanceof AnyView) return value.address;
  if (typeof value === 'function' && kind === 'callback') return memory.callables.addressOf(value);
  if ((typeof value === 'object' || typeof value === 'function') && kind === 'context') {
    return memory.objects.addressOf(value);
  }
  if (typeof value === 'bigint') return Number(BigInt.asIntN(32, value));
  throw new TypeError(
    `a ${kind} member takes an address${kind === 'callback' ? ' or a function' : kind === 'context' ? ', a view or an object' : ' or a view'}, not ${typeof value}`,
  );
}

/** Whether a kind is stored as a 64-bit pointer. */
export function isPointerKind(kind: ScalarKind): boolean {
  return kind === 'pointer' || kind === 'handle' || kind === 'callback' || kind === 'context';
}

/** An array of pointers in a structure. */
export class PointerArray {
  readonly memory: KernelMemory;
  readonly address: Address;
  readonly length: number;
  readonly kind: ScalarKind;

  constructor(memory: KernelMemory, address: Address, length: number, kind: ScalarKind) {
    this.memory = memory;
    this.address = address;
    this.length = length;
    this.kind = kind;
    Object.freeze(this);
  }
  /** The address at `index`. */
  get(index: number): Address {
    return scalars.pointer.read(this.memory, this.#slot(index)) as Address;
  }
  /** Stores an address, a view, or what the array's kind of pointer takes. */
  set(index: number, value: PointerInput | CallbackInput | ContextInput): void {
    const at = this.#slot(index);
    scalars.pointer.write(this.memory, at, pointerValue(this.memory, this.kind, value));
  }
  /** JSON of the array is its addresses, as in the JSON of a view. */
  toJSON(): unknown[] {
    return Array.from({ length: this.length }, (_, index) => plain(this.kind, this.get(index)));
  }
  #slot(index: number): Address {
    checkIndex(index, this.length);
    return this.address + index * 8;
  }
}

/** An array of structures in a structure. */
export class StructureArray<V extends View> {
  readonly memory: KernelMemory;
  readonly address: Address;
  readonly length: number;
  readonly #structure: Structure<V, string>;

  constructor(memory: KernelMemory, address: Address, length: number, structure: Structure<V, string>) {
    this.memory = memory;
    this.address = address;
    this.length = length;
    this.#structure = structure;
    Object.freeze(this);
  }
  /** The view of the structure at `index`. */
  at(index: number): V {
    checkIndex(index, this.length);
    return this.#structure.at(this.memory, this.address + index * this.#structure.size);
  }
  /** JSON of the array is its structures as plain data. */
  toJSON(): Record<string, unknown>[] {
    const { memory, address } = this;
    const { size } = this.#structure;
    return Array.from({ length: this.length }, (_, index) =>
      this.#structure.describe(memory, address + index * size),
    );
  }
}

function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new RangeError(`index ${index} is outside an array of ${length} elements`);
  }
}

/** Typed array over an array member. Its element type is fixed by the table. */
export type ScalarArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array;

/** The typed array over `count` elements at `at`. */
export function scalarArray(memory: KernelMemory, kind: ScalarKind, at: Address, count: number): ScalarArray {
  const size = scalars[kind].size;
  if (at % size !== 0) {
    throw new RangeError(
      `the array at 0x${at.toString(16)} is not aligned to its ${size}-byte elements: read it through memory.data`,
    );
  }
  const first = at / size;
  switch (kind) {
    case 'i8':
      return memory.i8.subarray(first, first + count);
    case 'u16':
      return memory.u16.subarray(first, first + count);
    case 'i16':
      return memory.i16.subarray(first, first + count);
    case 'u32':
    case 'status':
      return memory.u32.subarray(first, first + count);
    case 'i32':
      return memory.i32.subarray(first, first + count);
    case 'u64':
      return memory.u64.subarray(first, first + count);
    case 'i64':
      return memory.i64.subarray(first, first + count);
    default:
      return memory.u8.subarray(first, first + count);
  }
}

function arrayValue(memory: KernelMemory, at: Address, member: ScalarArrayMember): unknown {
  if (member.count === 0) return at;
  if (isPointerKind(member.element)) return new PointerArray(memory, at, member.count, member.element);
  return scalarArray(memory, member.element, at, member.count);
}

type ViewClass = new (memory: KernelMemory, address: Address, generation: number) => AnyView;

/** Gives a class the accessors of a table. `base` is what the outer structure's offsets exceed the group's by. */
function defineMembers(target: ViewClass, members: Members, base: number): void {
  for (const [name, member] of Object.entries(members)) {
    Object.defineProperty(target.prototype, name, { enumerable: true, ...accessor(member, base) });
  }
}

function accessor(member: Member, base: number): PropertyDescriptor & ThisType<AnyView> {
  const offset = member.offset - base;
  switch (member.kind) {
    case 'bits': {
      const { unit, start, width } = member;
      return {
        get() {
          return readBits(this.memory, unit, this.address + offset, start, width);
        },
        set(value: ScalarValue) {
          writeBits(this.memory, unit, this.address + offset, start, width, value);
        },
      };
    }
    case 'structure': {
      const { of } = member;
      return {
        get() {
          return of().at(this.memory, this.address + offset);
        },
      };
    }
    case 'group': {
      const inner = groupClass(member);
      return {
        get() {
          return new inner(this.memory, this.address + offset, this.generation);
        },
      };
    }
    case 'array':
      return {
        get() {
          return arrayValue(this.memory, this.address + offset, member);
        },
      };
    case 'structures':
      return structuresAccessor(member, offset);
    default:
      return scalarAccessor(member.kind, offset);
  }
}

function structuresAccessor(
  member: StructureArrayMember,
  offset: number,
): PropertyDescriptor & ThisType<AnyView> {
  return {
    get() {
      if (member.count === 0) return this.address + offset;
      return new StructureArray(this.memory, this.address + offset, member.count, member.of());
    },
  };
}

function scalarAccessor(kind: ScalarKind, offset: number): PropertyDescriptor & ThisType<AnyView> {
  const { read, write } = scalars[kind];
  if (isPointerKind(kind)) {
    return {
      get() {
        return read(this.memory, this.address + offset);
      },
      set(value: unknown) {
        write(this.memory, this.address + offset, pointerValue(this.memory, kind, value));
      },
    };
  }
  return {
    get() {
      return read(this.memory, this.address + offset);
    },
    set(value: ScalarValue) {
      write(this.memory, this.address + offset, value);
    },
  };
}

/** The class of a named union inside a structure; its views start at the group. */
function groupClass(member: GroupMember): ViewClass {
  const inner = class extends AnyView {
    override toJSON(): Record<string, unknown> {
      return describeMembers(member.members, this.memory, this.address - member.offset);
    }
  };
  defineMembers(inner, member.members, member.offset);
  return inner;
}

function makeViewClass(structure: AnyStructure): ViewClass {
  const made = class extends AnyView {
    override toJSON(): Record<string, unknown> {
      return describeAt(structure, this.memory, this.address);
    }
  };
  Object.defineProperty(made, 'name', { value: structure.name });
  defineMembers(made, structure.members, 0);
  return made;
}

/** @throws RangeError when a structure of that size does not lie in memory at `address`. */
export function checkRange(memory: KernelMemory, name: string, size: number, address: Address): void {
  if (!Number.isInteger(address) || address < FIRST_MAPPED_ADDRESS || address + size > memory.size) {
    throw new RangeError(
      `${name} at 0x${Number(address).toString(16)} does not lie in kernel memory (0x${FIRST_MAPPED_ADDRESS.toString(16)} to 0x${memory.size.toString(16)}): check the address`,
    );
  }
}

/** The canonical view of `structure` at `address`. */
export function viewAt(structure: AnyStructure, memory: KernelMemory, address: Address): AnyView {
  const table = memory.views.table(structure);
  const generation = memory.generations.generationAt(address);
  const known = table.get(address);
  if (known !== undefined && known.generation === generation) return known;
  checkRange(memory, structure.name, structure.size, address);
  structure.viewClass ??= makeViewClass(structure);
  const view = new structure.viewClass(memory, address, generation);
  table.set(address, view);
  return view;
}

/** The structure at `address` as plain data. */
export function describeAt(
  structure: AnyStructure,
  memory: KernelMemory,
  address: Address,
): Record<string, unknown> {
  checkRange(memory, structure.name, structure.size, address);
  return describeMembers(structure.members, memory, address);
}

function describeMembers(members: Members, memory: KernelMemory, address: Address): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(members)) {
    result[name] = describeMember(member, memory, address);
  }
  return result;
}

function describeMember(member: Member, memory: KernelMemory, base: Address): unknown {
  const at = base + member.offset;
  switch (member.kind) {
    case 'bits':
      return plain(member.unit, readBits(memory, member.unit, at, member.start, member.width));
    case 'structure':
      return describeAt(member.of(), memory, at);
    case 'group':
      return describeMembers(member.members, memory, base);
    case 'array':
      return Array.from({ length: member.count }, (_, index) => {
        const element = scalars[member.element];
        return plain(member.element, element.read(memory, at + index * element.size));
      });
    case 'structures':
      return Array.from({ length: member.count }, (_, index) => {
        const of = member.of();
        return describeAt(of, memory, at + index * of.size);
      });
    default:
      return plain(member.kind, scalars[member.kind].read(memory, at));
  }
}

/** A value as JSON can hold it; a 64-bit integer beyond what a number holds exactly becomes text. */
function plain(kind: ScalarKind, value: ScalarValue): unknown {
  if (typeof value === 'bigint') {
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : value.toString();
  }
  return isPointerKind(kind) || kind === 'status' ? `0x${(Number(value) >>> 0).toString(16)}` : value;
}
