/** A C file that compares every structure and constant of the headers with the facts, for a compiler to check. */

import { constants, type Layout, layouts } from './facts.ts';
import { structures } from './names.ts';
import { isConditional, supportMacro } from './text.ts';

/** Of an `in` path the names that a C expression needs to reach a member. */
function path(inside: string | undefined, name: string): string {
  const names = (inside ?? '')
    .split('/')
    .map((part) => part.split(':')[1])
    .filter((part) => part !== undefined);
  return [...names, name].join('.');
}

/** Sizes by version, oldest last, so that the first condition that holds is the right one. */
function sizeChain(
  name: string,
  size: number,
  versions: readonly { ndis: string; size: number }[] | undefined,
): string[] {
  const chain = [...(versions ?? [])].reverse().filter((version) => isConditional(version.ndis));
  const oldest = versions?.find((version) => !isConditional(version.ndis))?.size ?? versions?.[0]?.size;
  if (chain.length === 0) return [`_Static_assert(sizeof(${name}) == ${size}, "size of ${name}");`];
  return [
    ...chain.flatMap((version, index) => [
      `${index === 0 ? '#if' : '#elif'} ${supportMacro(version.ndis)}`,
      `_Static_assert(sizeof(${name}) == ${version.size}, "size of ${name} in ${version.ndis}");`,
    ]),
    '#else',
    ...(oldest === undefined
      ? []
      : [`_Static_assert(sizeof(${name}) == ${oldest}, "size of ${name} at first");`]),
    '#endif',
  ];
}

/** The alignment is that of the newest version, whose members all exist. */
function alignment(layout: Layout): string[] {
  const versions = layout.members.map((member) => member.since).filter(isConditional);
  const newest = versions.sort((left, right) => Number(left) - Number(right)).at(-1);
  const line = `_Static_assert(_Alignof(${layout.name}) == ${layout.align}, "alignment of ${layout.name}");`;
  return newest === undefined ? [line] : [`#if ${supportMacro(newest)}`, line, '#endif'];
}

/** The text of the file. */
export function assertionText(): string {
  const lines = ['#include <ndis.h>', '#include <stddef.h>', ''];
  for (const layout of structures) {
    lines.push(`/* ${layout.name} */`);
    lines.push(...sizeChain(layout.name, layout.size, layout.versions));
    lines.push(...alignment(layout));
    for (const name of layout.aka ?? []) {
      if (!name.startsWith('_') && name !== 'PO_FX_COMPONENT') {
        lines.push(`_Static_assert(_Generic((${name} *)0, ${layout.name} *: 1, default: 0), "${name}");`);
      }
    }
    for (const member of layout.members) {
      if (member.bits !== undefined) continue;
      const reach = path(member.in, member.name);
      const condition = isConditional(member.since) ? supportMacro(member.since) : undefined;
      if (condition !== undefined) lines.push(`#if ${condition}`);
      lines.push(
        `_Static_assert(offsetof(${layout.name}, ${reach}) == ${member.offset}, "${layout.name}.${reach}");`,
      );
      const { sizes } = member as { readonly sizes?: unknown };
      if (sizes === undefined && member.size > 0 && !/\[\]$|\[0\]$/.test(member.type)) {
        lines.push(
          `_Static_assert(sizeof(((${layout.name} *)0)->${reach}) == ${member.size}, "${layout.name}.${reach}");`,
        );
      }
      if (condition !== undefined) lines.push('#endif');
    }
  }
  for (const layout of layouts) {
    if (layout.kind === 'scalar')
      lines.push(`_Static_assert(sizeof(${layout.name}) == ${layout.size}, "${layout.name}");`);
  }
  for (const constant of constants) {
    const { versions } = constant as { readonly versions?: readonly { ndis: string }[] };
    const newest = versions?.at(-1)?.ndis;
    const value = BigInt(constant.value.replace(/^-/, '')) * (constant.value.startsWith('-') ? -1n : 1n);
    const wide = value > 0xffff_ffffn;
    if (newest !== undefined && isConditional(newest)) lines.push(`#if ${supportMacro(newest)}`);
    lines.push(
      wide
        ? `_Static_assert((ULONGLONG)(${constant.name}) == ${value}ULL, "${constant.name}");`
        : `_Static_assert((ULONG)(ULONG_PTR)(${constant.name}) == ${BigInt.asUintN(32, value)}UL, "${constant.name}");`,
    );
    if (newest !== undefined && isConditional(newest)) lines.push('#endif');
  }
  return `${lines.join('\n')}\n`;
}
