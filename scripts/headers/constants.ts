/** Constants as macros, one header a group of the tables. */

import { placed } from '../tables/constants.ts';
import { enumerators } from './enumerations.ts';
import { type ConstantFact, constants } from './facts.ts';
import { handwritten } from './handwritten.ts';
import { header, supportMacro } from './text.ts';

const TYPES: Readonly<Record<string, string>> = { ntstatus: 'NTSTATUS', 'ndis-status': 'NDIS_STATUS' };

function valueText(fact: ConstantFact, value: string): string {
  const type = TYPES[fact.group];
  if (type !== undefined) return `((${type})${value}L)`;
  const number = value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
  if (number < 0n) return `(${value})`;
  return number > 0xffff_ffffn ? `${value}ULL` : value;
}

function lines(fact: ConstantFact): string[] {
  const { versions } = fact as ConstantFact & { versions?: readonly { ndis: string; value: string }[] };
  if (versions === undefined) return [`#define ${fact.name} ${valueText(fact, fact.value)}`];
  const newest = [...versions].reverse();
  return [
    ...newest.flatMap((version, index) => [
      index === newest.length - 1
        ? '#else'
        : `${index === 0 ? '#if' : '#elif'} ${supportMacro(version.ndis)}`,
      `#define ${fact.name} ${valueText(fact, version.value)}`,
    ]),
    '#endif',
  ];
}

/** Constants that are macros here: no enumerators, and none that a header written by hand defines. */
export const macros: readonly ConstantFact[] = constants.filter(
  (constant) => !enumerators.has(constant.name) && !handwritten.has(constant.name),
);

/** Headers of constants of a floor: file name to text. */
export function constantHeaders(floor: 'kernel' | 'ndis'): Map<string, string> {
  const wanted = new Set(macros.map((constant) => constant.name));
  const modules = new Map<string, ConstantFact[]>();
  for (const { floor: where, module, fact } of placed) {
    if (where !== floor || !wanted.has(fact.name)) continue;
    modules.set(module, [...(modules.get(module) ?? []), fact]);
  }
  const files = new Map<string, string>();
  for (const [module, facts] of [...modules].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const body: string[] = [];
    let group = '';
    for (const fact of facts) {
      if (fact.group !== group) body.push(...(group === '' ? [] : ['']), `/* ${fact.group} */`);
      group = fact.group;
      body.push(...lines(fact));
    }
    files.set(`constants/${module}.h`, header(`Constants: ${module}.`, body));
  }
  return files;
}
