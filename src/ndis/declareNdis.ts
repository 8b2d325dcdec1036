/** Short forms of `declareFunction` for functions of ndis that never wait. */

import {
  declareFunction,
  type FunctionDeclaration,
  type FunctionSource,
  type IrqlRule,
} from '../kernel/index.ts';
import type { NdisLibrary } from './library.ts';

type Implement<F> = FunctionSource<NdisLibrary, F>['implement'];

/** Declares an export of ndis that never waits. */
export function synchronous<F>(
  prototype: string,
  irql: IrqlRule,
  since: string,
  page: string,
  implement: Implement<F>,
): FunctionDeclaration<NdisLibrary, F> {
  return declareFunction('ndis', { prototype, irql, waits: 'never', since, page, implement });
}

/** Declares what C drivers get as a macro or an inline function and ndis.sys does not export. */
export function macro<F>(
  prototype: string,
  irql: IrqlRule,
  since: string,
  page: string,
  implement: Implement<F>,
): FunctionDeclaration<NdisLibrary, F> {
  return declareFunction('ndis', { prototype, irql, waits: 'never', since, page, implement, inline: true });
}
