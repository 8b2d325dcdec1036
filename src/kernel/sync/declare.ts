/** Short form of `declareFunction` for the functions of this folder, most of which never wait. */

import {
  declareFunction,
  type FunctionDeclaration,
  type FunctionSource,
  type IrqlRule,
} from '../declaration.ts';
import type { Kernel } from '../kernel.ts';

/** Declares a function of ntoskrnl that never waits. */
export function synchronous<F>(
  prototype: string,
  irql: IrqlRule,
  since: string,
  page: string,
  implement: FunctionSource<Kernel, F>['implement'],
): FunctionDeclaration<Kernel, F> {
  return declareFunction('ntoskrnl', { prototype, irql, waits: 'never', since, page, implement });
}

/** Declares what C drivers get as a macro, an inline function or an intrinsic. */
export function inlined<F>(
  prototype: string,
  irql: IrqlRule,
  since: string,
  page: string,
  implement: FunctionSource<Kernel, F>['implement'],
): FunctionDeclaration<Kernel, F> {
  return declareFunction('ntoskrnl', {
    prototype,
    irql,
    waits: 'never',
    since,
    page,
    implement,
    inline: true,
  });
}

/** Declares a function that waits depending on its arguments: to TypeScript a value or a promise of it. */
export function waiting<F>(
  prototype: string,
  irql: IrqlRule,
  since: string,
  page: string,
  implement: FunctionSource<Kernel, F>['implement'],
): FunctionDeclaration<Kernel, F> {
  return declareFunction('ntoskrnl', { prototype, irql, waits: 'depends', since, page, implement });
}
