/**
 * Every member of every declared structure, through its view: what is written is read back, and no byte outside
 * of the member changes, so that members share bytes only where the layout says so (unions).
 */

import { describe, expect, test } from 'vitest';
import { kernelStructures } from '../src/kernel/generated/structures/all.ts';
import {
  type AnyStructure,
  isPointerKind,
  KernelMemory,
  type Member,
  type Members,
  scalars,
} from '../src/memory/index.ts';
import { ndisStructures } from '../src/ndis/generated/structures/all.ts';

const memory = new KernelMemory(0x4_0000);
const AT = 0x1_0000;
const ROOM = 0x1_0000;
const background = Uint8Array.from({ length: ROOM }, (_, index) => (index * 167 + 13) & 0xff);

/** Two values of a member that differ in every bit. */
function valuesOf(member: Extract<Member, { kind: string }>): readonly unknown[] {
  if (member.kind === 'bits') {
    const all = (1n << BigInt(member.width)) - 1n;
    const some = all / 3n;
    return [some, all ^ some].map((value) => (member.width <= 32 ? Number(value) : value));
  }
  if (member.kind === 'boolean') return [true, false];
  if (isPointerKind(member.kind as 'u8')) return [0x5555_5555, 0x2aaa_aaaa];
  if (member.kind === 'u64') return [0x5555_5555_5555_5555n, 0xaaaa_aaaa_aaaa_aaaan];
  if (member.kind === 'i64') return [0x5555_5555_5555_5555n, -0x5555_5555_5555_5556n];
  const width = member.size * 8;
  if (member.kind.startsWith('i')) return [2 ** (width - 2), -(2 ** (width - 1))];
  return [Math.floor((2 ** width - 1) / 3), Math.floor(((2 ** width - 1) / 3) * 2)];
}

/** The bytes of `member` within its structure that a write may change, as a mask of bits. */
function mayChange(member: Member): (offset: number) => number {
  if (member.kind !== 'bits') {
    return (offset) => (offset >= member.offset && offset < member.offset + member.size ? 0xff : 0);
  }
  const mask = ((1n << BigInt(member.width)) - 1n) << BigInt(member.start);
  return (offset) => {
    const byte = offset - member.offset;
    return byte < 0 || byte >= member.size ? 0 : Number((mask >> BigInt(byte * 8)) & 0xffn);
  };
}

function problemsOf(structure: AnyStructure, members: Members, view: object, path: string): string[] {
  const problems: string[] = [];
  for (const [name, member] of Object.entries(members)) {
    const where = `${path}.${name}`;
    if (member.kind === 'group') {
      problems.push(...problemsOf(structure, member.members, Reflect.get(view, name) as object, where));
      continue;
    }
    if (member.kind !== 'bits' && !(member.kind in scalars)) {
      // Arrays and nested structures: only that they can be reached.
      if (member.offset % 8 === 0 || member.kind !== 'array') Reflect.get(view, name);
      continue;
    }
    const allowed = mayChange(member);
    for (const value of valuesOf(member)) {
      memory.u8.set(background, AT);
      Reflect.set(view, name, value, view);
      if (Reflect.get(view, name) !== value) problems.push(`${where} gives not what was written`);
      const changed = memory.u8.subarray(AT, AT + structure.size + 16);
      const bad = changed.findIndex((byte, at) => ((byte ^ background[at]) & ~allowed(at)) !== 0);
      if (bad >= 0) problems.push(`${where} changes the byte at ${bad}`);
    }
  }
  return problems;
}

describe('members of every declared structure', () => {
  const declared = Object.entries({ ...kernelStructures, ...ndisStructures });
  test('are written without touching others', () => {
    const problems = declared.flatMap(([name, structure]) =>
      problemsOf(structure, structure.members, structure.at(memory, AT), name),
    );
    expect(problems).toEqual([]);
  });

  test('are all described as plain data', () => {
    memory.u8.set(background, AT);
    for (const [name, structure] of declared) {
      const plain = JSON.parse(JSON.stringify(structure.at(memory, AT))) as object;
      expect(Object.keys(plain), name).toEqual(Object.keys(structure.members));
    }
  });
});
