/**
 * Declare once: a structure of the Windows binary interface is declared as a table of members with their
 * offsets. Views, filling, descriptions, traces and checks derive from the table (decision 2 of the design).
 */

import type { Address } from './addressSpace.ts';
import { type Fields, fillAt, type Marshaller } from './fill.ts';
import type { KernelMemory } from './memory.ts';
import { type ScalarKind, scalars } from './scalar.ts';
import { type AnyView, describeAt, type View, viewAt } from './view.ts';

/** A member that holds one number, pointer or flag. */
export interface ScalarMember {
  readonly kind: ScalarKind;
  readonly offset: number;
  readonly size: number;
  /** The C type where it says more than the kind: pointee, handler typedef, enumeration. */
  readonly type?: string;
  /** NDIS version that brought the member. */
  readonly since?: string;
}
/** Some bits of a unit. */
export interface BitsMember {
  readonly kind: 'bits';
  readonly offset: number;
  /** Bytes of the unit. */
  readonly size: number;
  readonly unit: ScalarKind;
  readonly start: number;
  readonly width: number;
  readonly since?: string;
}
/** A member that is a structure with a declaration of its own. */
export interface NestedMember {
  readonly kind: 'structure';
  readonly offset: number;
  readonly size: number;
  readonly of: () => Structure<View, string>;
  readonly since?: string;
}
/** A named union or structure declared inside another; its members' offsets count from the outer structure. */
export interface GroupMember {
  readonly kind: 'group';
  readonly offset: number;
  readonly size: number;
  readonly members: Members;
  readonly since?: string;
}
/** An array of scalars; with `count` 0 the flexible tail of a structure. */
export interface ScalarArrayMember {
  readonly kind: 'array';
  readonly offset: number;
  readonly size: number;
  readonly element: ScalarKind;
  readonly count: number;
  readonly type?: string;
  readonly since?: string;
}
/** An array of structures. */
export interface StructureArrayMember {
  readonly kind: 'structures';
  readonly offset: number;
  readonly size: number;
  readonly of: () => Structure<View, string>;
  readonly count: number;
  readonly since?: string;
}
/** What a structure's table may hold. */
export type Member =
  | ScalarMember
  | BitsMember
  | NestedMember
  | GroupMember
  | ScalarArrayMember
  | StructureArrayMember;
/** Members by name, in order of declaration. */
export interface Members {
  readonly [name: string]: Member;
}

/** The size of a structure at the NDIS version where it changed. */
export interface VersionSize {
  readonly ndis: string;
  readonly size: number;
}

/** A declaration, as `structure` takes it. */
export interface Declaration {
  /** Bytes, at the newest version. */
  readonly size: number;
  /** Alignment in bytes. */
  readonly align: number;
  /** The table, or a function that makes it when it is first needed, so that thousands of tables load fast. */
  readonly members: Members | (() => Members);
  /** Header that declares it. */
  readonly header?: string;
  /** Whether it is a union. */
  readonly union?: boolean;
  /** NDIS version that brought it. */
  readonly since?: string;
  /** Sizes at the versions where they change, oldest first. */
  readonly versions?: readonly VersionSize[];
}

const typeOf = (type: string | undefined): { type?: string } => (type === undefined ? {} : { type });
const sinceOf = (since: string | undefined): { since?: string } => (since === undefined ? {} : { since });

const scalar =
  (kind: ScalarKind) =>
  (offset: number, type?: string, since?: string): ScalarMember => ({
    kind,
    offset,
    size: scalars[kind].size,
    ...typeOf(type),
    ...sinceOf(since),
  });
export const u8 = scalar('u8');
export const i8 = scalar('i8');
export const u16 = scalar('u16');
export const i16 = scalar('i16');
export const u32 = scalar('u32');
export const i32 = scalar('i32');
export const u64 = scalar('u64');
export const i64 = scalar('i64');
/** BOOLEAN. */
export const boolean = scalar('boolean');
/** NTSTATUS or NDIS_STATUS, read as an unsigned number. */
export const status = scalar('status');
/** A pointer; `type` names what it points to. */
export const pointer = scalar('pointer');
/** A handle of the kernel or the library. */
export const handle = scalar('handle');
/** A pointer to a function; `type` names the handler typedef. */
export const callback = scalar('callback');
/** PVOID or NDIS_HANDLE that a driver may fill with anything of its own. */
export const context = scalar('context');

/** A bit field. */
export function bits(
  unit: ScalarKind,
  offset: number,
  start: number,
  width: number,
  since?: string,
): BitsMember {
  return { kind: 'bits', offset, size: scalars[unit].size, unit, start, width, ...sinceOf(since) };
}
/** A member that is a declared structure. `size` is that of the member. */
export function nested(offset: number, size: number, of: NestedMember['of'], since?: string): NestedMember {
  return { kind: 'structure', offset, size, of, ...sinceOf(since) };
}
/** A named union or structure inside another. */
export function group(offset: number, size: number, members: Members): GroupMember {
  return { kind: 'group', offset, size, members };
}
/** An array of scalars. */
export function array(
  element: ScalarKind,
  offset: number,
  count: number,
  type?: string,
  since?: string,
): ScalarArrayMember {
  const size = scalars[element].size * count;
  return { kind: 'array', offset, size, element, count, ...typeOf(type), ...sinceOf(since) };
}
/** An array of structures; `size` is that of the whole member. */
export function structures(
  offset: number,
  size: number,
  count: number,
  of: StructureArrayMember['of'],
  since?: string,
): StructureArrayMember {
  return { kind: 'structures', offset, size, of, count, ...sinceOf(since) };
}

/** A declared structure: its table and what derives from it. `P` are its member paths, as `offset` knows them. */
export class Structure<V extends View, P extends string = string> {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly header: string;
  readonly union: boolean;
  readonly since: string | undefined;
  readonly versions: readonly VersionSize[];
  readonly #members: Members | (() => Members);
  #table: Members | undefined;
  #offsets: Readonly<Record<P, number>> | undefined;
  /** The class of the views, made on the first `at`; owned by `view.ts`. */
  viewClass: (new (memory: KernelMemory, address: Address, generation: number) => AnyView) | undefined;

  constructor(name: string, declaration: Declaration) {
    this.name = name;
    this.size = declaration.size;
    this.align = declaration.align;
    this.header = declaration.header ?? '';
    this.union = declaration.union ?? false;
    this.since = declaration.since;
    this.versions = declaration.versions ?? [];
    this.#members = declaration.members;
    this.viewClass = undefined;
  }

  /** The table of members. */
  get members(): Members {
    this.#table ??= typeof this.#members === 'function' ? this.#members() : this.#members;
    return this.#table;
  }

  /**
   * Byte offset of each member by name; members of a named union by path, as in `'AssociatedIrp.SystemBuffer'`.
   * Code on the data path takes the offsets it needs into constants of its module, once: `const NEXT =
   * NET_BUFFER_LIST.offset.Next`. These cost what literal numbers cost; reading `offset` at each access makes a
   * walk over lists two to three times, and views about twenty times as slow.
   */
  get offset(): Readonly<Record<P, number>> {
    if (this.#offsets === undefined) {
      const offsets: Record<string, number> = {};
      for (const [path, member] of memberPaths(this.members)) offsets[path] = member.offset;
      // The declaration names exactly the paths of its table; the layout tests compare both with the facts.
      this.#offsets = Object.freeze(offsets) as Readonly<Record<P, number>>;
    }
    return this.#offsets;
  }

  /** The size of the structure for a driver of NDIS `version` (`'6.20'`), for Header.Size checks. */
  sizeAt(version: string): number {
    let size = this.versions[0]?.size ?? this.size;
    for (const entry of this.versions) {
      if (compareVersions(entry.ndis, version) <= 0) size = entry.size;
    }
    return size;
  }

  /**
   * The view of the structure at `address`: the same object for the same address while the block there lives.
   * @throws RangeError when the structure does not fit into mapped memory at `address`.
   */
  at(memory: KernelMemory, address: Address): V {
    // The class made from the table has exactly the members the interface V declares; the layout tests check it.
    return viewAt(this, memory, address) as unknown as V;
  }

  /**
   * Zeroes the structure at `address` and writes `fields`.
   * @throws TypeError when a name is no member.
   */
  fill(memory: KernelMemory, address: Address, fields: Fields<V>, marshaller?: Marshaller): V {
    fillAt(this, memory, address, fields, marshaller);
    return this.at(memory, address);
  }

  /** The structure as plain data for traces and JSON: pointers and statuses as hexadecimal text. */
  describe(memory: KernelMemory, address: Address): Record<string, unknown> {
    return describeAt(this, memory, address);
  }
}

/** Declares a structure. */
export function structure<V extends View, P extends string = Extract<Exclude<keyof V, keyof View>, string>>(
  name: string,
  declaration: Declaration,
): Structure<V, P> {
  return new Structure<V, P>(name, declaration);
}

/** Every member with its path; named groups are listed themselves and gone into. */
export function* memberPaths(members: Members, prefix = ''): Generator<readonly [string, Member]> {
  for (const [name, member] of Object.entries(members)) {
    yield [prefix + name, member];
    if (member.kind === 'group') yield* memberPaths(member.members, `${prefix}${name}.`);
  }
}

/** Orders NDIS versions such as 6.0, 6.1, 6.20, 6.30: the minor number counts as a decimal fraction does not. */
export function compareVersions(left: string, right: string): number {
  const [leftMajor, leftMinor = '0'] = left.split('.');
  const [rightMajor, rightMinor = '0'] = right.split('.');
  return Number(leftMajor) - Number(rightMajor) || Number(leftMinor) - Number(rightMinor);
}
