/** Short forms to declare functions and macros of NDIS 5 whose pages are gone: facts come from ddk/ndis.h. */

import {
  declareFunction,
  type FunctionDeclaration,
  type FunctionSource,
  type IrqlRule,
} from '../../kernel/index.ts';
import type { NdisLibrary } from '../library.ts';

type Implement<F> = FunctionSource<NdisLibrary, F>['implement'];

/** The page that a function of NDIS 5 has, or had. */
export function legacyPage(name: string): string {
  return `ndis/nf-ndis-${name.toLowerCase()}`;
}

function facts(prototype: string, irql: IrqlRule) {
  const name = /(\w+)\(/.exec(prototype)?.[1] ?? '';
  return { prototype, irql, waits: 'never', since: '3.0', page: legacyPage(name) } as const;
}

/** Declares an export of ndis for NDIS 5 drivers that never waits. */
export function legacyFunction<F>(
  prototype: string,
  irql: IrqlRule,
  implement: Implement<F>,
): FunctionDeclaration<NdisLibrary, F> {
  return declareFunction('ndis', { ...facts(prototype, irql), implement });
}

/** Declares what C drivers for NDIS 5 get as a macro or an inline function. */
export function legacyMacro<F>(
  prototype: string,
  irql: IrqlRule,
  implement: Implement<F>,
): FunctionDeclaration<NdisLibrary, F> {
  return declareFunction('ndis', { ...facts(prototype, irql), inline: true, implement });
}
