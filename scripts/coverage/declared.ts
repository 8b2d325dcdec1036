/** What the sources declare: functions, callbacks, structures and the values of enumerations, by name. */

import * as kernelFunctions from '../../src/kernel/functions.ts';
import { kernelStructures } from '../../src/kernel/generated/structures/all.ts';
import type { CallbackDeclaration, FunctionDeclaration } from '../../src/kernel/index.ts';
import * as kernel from '../../src/kernel/index.ts';
import * as ndisFunctions from '../../src/ndis/functions.ts';
import { ndisStructures } from '../../src/ndis/generated/structures/all.ts';
import * as ndisHandlers from '../../src/ndis/handlers.ts';
import * as ndis from '../../src/ndis/index.ts';
import { readFacts } from './facts.ts';

/** A declared function or callback. */
export type AnyDeclared = FunctionDeclaration<never, unknown> | CallbackDeclaration<unknown>;

/** Whether an export of a module is a declared function or callback. */
export function isDeclared(value: unknown): value is AnyDeclared {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    'parsed' in value &&
    (value.kind === 'function' || value.kind === 'callback')
  );
}

/** Functions and callbacks by their documented name. */
export const declarations: ReadonlyMap<string, AnyDeclared> = new Map(
  [kernel, ndis, kernelFunctions, ndisFunctions, ndisHandlers]
    .flatMap((module: object) => Object.values(module) as unknown[])
    .filter(isDeclared)
    .map((declaration) => [declaration.parsed.name, declaration]),
);

/**
 * Whether drivers can call the function: it stands in the table that the seam is made of, or in that of the handlers
 * which NDIS puts into blocks.
 */
export const importable: ReadonlySet<string> = new Set(
  [kernelFunctions, ndisFunctions, ndisHandlers].flatMap((module: object) => Object.keys(module)),
);

interface LayoutNames {
  readonly name: string;
  readonly aka?: readonly string[];
  readonly tag?: string;
  readonly type?: string;
}

/** Every name of a structure or enumeration whose layout is declared and compared with the facts. */
export const layoutNames: ReadonlySet<string> = (() => {
  const declared = new Set([...Object.keys(kernelStructures), ...Object.keys(ndisStructures)]);
  const names = new Set<string>();
  for (const { name, aka, tag, type } of readFacts<LayoutNames>('layouts')) {
    if (!declared.has(name) && type === undefined) continue;
    for (const known of [name, ...(aka ?? []), tag ?? name]) names.add(known);
  }
  return names;
})();
