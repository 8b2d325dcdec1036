/** Resets that protocol drivers for NDIS 5 ask for. Implements NdisReset (ddk/ndis.h) by the reset of the adapter. */

import { procedure } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_STATUS_NOT_RESETTABLE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESET_IN_PROGRESS,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { mayReset, resetAdapter } from '../../miniport/reset.ts';
import { Binding } from '../../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { LegacyBinding } from './legacyBinding.ts';

/** Resets the adapter and tells the protocol that asked. */
const resetForProtocol = procedure<NdisLibrary, { readonly adapter: Address; readonly binding: Address }>(
  'NdisReset',
  {
    start: (ndis, locals, step) =>
      step.run('over', resetAdapter, ndis, { adapter: locals.adapter, addressing: 0 }),
    over: (ndis, locals, step, result) => {
      const to = ndis.resolve(locals.binding, Binding)?.context;
      const handler = to instanceof LegacyBinding ? to.handlers.resetComplete : null;
      if (!(to instanceof LegacyBinding) || handler === null) return step.done(NDIS_STATUS_SUCCESS);
      return step.call('told', handler, to.context, result);
    },
    told: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
  },
);

/** NdisReset: NDIS_STATUS_PENDING, or why nothing is reset. */
export function resetFor(ndis: NdisLibrary, from: LegacyBinding): NDIS_STATUS {
  const { adapter } = from.binding;
  const resets = adapter.miniport.handlers?.reset ?? null;
  if (resets === null) return NDIS_STATUS_NOT_RESETTABLE as NDIS_STATUS;
  if (!mayReset(adapter)) return NDIS_STATUS_RESET_IN_PROGRESS as NDIS_STATUS;
  const locals = { adapter: adapter.handle, binding: from.binding.handle };
  ndis.kernel.scheduler.createThread('NDIS reset', resetForProtocol, ndis, locals);
  return NDIS_STATUS_PENDING as NDIS_STATUS;
}
