/** Which header defines a structure, in an order in which nothing is used before it is defined. */

import { layoutByName, layoutFloor } from '../tables/facts.ts';
import { resolveMember } from '../tables/members.ts';
import { moduleName } from '../tables/structures.ts';
import type { Layout } from './facts.ts';
import { type Floor, structures, tagOf } from './names.ts';
import { structureText } from './structures.ts';
import { header } from './text.ts';

function references(layout: Layout): Layout[] {
  return layout.members.flatMap((member) => {
    if (member.bits !== undefined) return [];
    const { element } = resolveMember(layout, member);
    return element.is === 'structure' ? [layoutByName.get(element.layout.name) ?? element.layout] : [];
  });
}

/** Depth first: what a structure holds stands before it. */
function ordered(list: readonly Layout[]): Layout[] {
  const result: Layout[] = [];
  const seen = new Set<string>();
  const visit = (layout: Layout): void => {
    if (seen.has(layout.name)) return;
    seen.add(layout.name);
    for (const target of references(layout)) visit(target);
    if (list.includes(layout)) result.push(layout);
  };
  for (const layout of list) visit(layout);
  return result;
}

/** Families that need each other become one; the rest include what they need. */
function familiesOf(floor: Floor): Map<string, string> {
  const family = new Map<string, string>();
  const own = structures.filter((layout) => layoutFloor(layout) === floor);
  for (const layout of own) family.set(layout.name, moduleName(layout));
  for (;;) {
    const needs = new Map<string, Set<string>>();
    for (const layout of own) {
      const from = family.get(layout.name) ?? '';
      for (const target of references(layout)) {
        const to = family.get(target.name);
        if (to !== undefined && to !== from) needs.set(from, (needs.get(from) ?? new Set()).add(to));
      }
    }
    const cycle = findCycle(needs);
    if (cycle === undefined) return family;
    moveDown(own, family, cycle);
  }
}

function findCycle(needs: ReadonlyMap<string, ReadonlySet<string>>): [string, string] | undefined {
  const reaches = (from: string, to: string, seen: Set<string>): boolean => {
    if (from === to) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return [...(needs.get(from) ?? [])].some((next) => reaches(next, to, seen));
  };
  for (const [from, targets] of needs) {
    for (const to of targets) if (reaches(to, from, new Set())) return [from, to];
  }
  return undefined;
}

/** What structures of other families hold goes to the family `basic`, which needs no other. */
function moveDown(own: readonly Layout[], family: Map<string, string>, [from, to]: [string, string]): void {
  const move = (layout: Layout): void => {
    if (family.get(layout.name) === 'basic' || !family.has(layout.name)) return;
    family.set(layout.name, 'basic');
    for (const target of references(layout)) move(target);
  };
  if (from === 'basic') {
    for (const layout of own.filter((one) => family.get(one.name) === 'basic')) {
      for (const target of references(layout)) move(target);
    }
    return;
  }
  for (const layout of own.filter((one) => family.get(one.name) === from)) {
    for (const target of references(layout)) if (family.get(target.name) === to) move(target);
  }
}

/** Headers of structures of a floor: file name to text. */
export function structureHeaders(floor: Floor): Map<string, string> {
  const family = familiesOf(floor);
  const modules = new Map<string, Layout[]>();
  for (const layout of ordered(structures.filter((one) => layoutFloor(one) === floor))) {
    const name = family.get(layout.name) ?? 'basic';
    modules.set(name, [...(modules.get(name) ?? []), layout]);
  }
  const files = new Map<string, string>();
  for (const [name, list] of [...modules].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const included = new Set(list.flatMap(references).flatMap((target) => family.get(target.name) ?? []));
    included.delete(name);
    const body = [...included]
      .sort((left, right) => (left < right ? -1 : 1))
      .map((file) => `#include "${file}.h"`);
    if (body.length > 0) body.push('');
    for (const layout of list) body.push(structureText(layout, tagOf(layout)), '');
    files.set(`structures/${name}.h`, header(`Structures: ${name}.`, body.slice(0, -1)));
  }
  return files;
}
