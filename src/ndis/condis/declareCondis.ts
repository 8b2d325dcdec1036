/** What the callbacks of connection-oriented drivers have in common. Implements the nc-ndis-*_co_*, cl and cm pages (ndis). */

import { type CallbackDeclaration, declareCallback, type OnWait } from '../../kernel/index.ts';

/**
 * Declares a callback that NDIS calls up to DISPATCH_LEVEL and whose result it needs at once. `onWait`: `raise` where
 * what it is given is taken back when it returns, or its status is needed; `split` where all of it is its own.
 */
export function condisCallback<F>(
  prototype: string,
  role: string,
  since: string,
  page: string,
  onWait: OnWait,
): CallbackDeclaration<F> {
  return declareCallback<F>({
    prototype,
    role,
    onWait,
    irql: '<=DISPATCH_LEVEL',
    waits: 'never',
    since,
    page,
  });
}
