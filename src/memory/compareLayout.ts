/**
 * Compares a declared structure with the compiler's facts about it (`facts/layouts.json`), for the tests that
 * keep every declaration true.
 */

import { type Member, memberPaths } from './layout.ts';
import type { AnyStructure } from './view.ts';

/** A member as `facts/layouts.json` states it. */
export interface MemberFact {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
  readonly bits?: readonly [start: number, width: number];
  /** Path of the unions and structures around it, as in `union#1:Parameters/struct#1:Create`. */
  readonly in?: string;
  readonly since?: string;
}

/** A structure as `facts/layouts.json` states it. */
export interface LayoutFact {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly kind?: string;
  readonly header?: string;
  readonly since?: string;
  readonly aka?: readonly string[];
  readonly versions?: readonly { readonly ndis: string; readonly size: number }[];
  readonly members: readonly MemberFact[];
}

/** The path under which a declaration knows the member: only named unions and structures count. */
export function factPath(member: MemberFact): string {
  const named = (member.in ?? '').split('/').flatMap((part) => part.split(':').slice(1));
  return [...named, member.name].join('.');
}

/** The differences between a declaration and the fact, as sentences; empty when they agree. */
export function compareLayout(declared: AnyStructure, fact: LayoutFact): string[] {
  const differences: string[] = [];
  const differ = (what: string, ours: unknown, theirs: unknown): void => {
    if (ours !== theirs)
      differences.push(`${fact.name}${what}: declared ${String(ours)}, in fact ${String(theirs)}`);
  };
  differ('.size', declared.size, fact.size);
  differ('.align', declared.align, fact.align);
  const members = new Map(memberPaths(declared.members));
  for (const expected of fact.members) {
    // An element of an inline array; the array itself is compared.
    if (expected.in?.includes('[') === true) continue;
    const path = factPath(expected);
    const member = members.get(path);
    members.delete(path);
    if (member === undefined) {
      differences.push(`${fact.name}.${path} is not declared`);
      continue;
    }
    differ(`.${path} offset`, member.offset, expected.offset);
    differ(`.${path} size`, member.size, expected.size);
    differ(`.${path} bits`, bitsText(member), expected.bits?.join());
    differ(`.${path} known to offset`, declared.offset[path], expected.offset);
  }
  for (const [path, member] of members) {
    if (member.kind !== 'group') differences.push(`${fact.name}.${path} is declared, but no fact`);
  }
  return differences;
}

function bitsText(member: Member): string | undefined {
  return member.kind === 'bits' ? `${member.start},${member.width}` : undefined;
}
