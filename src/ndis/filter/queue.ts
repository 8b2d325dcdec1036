/**
 * Asking for a change of the modules over adapters, and for the restart of one.
 * Implements nf-ndis-ndisfrestartfilter and "Modifying a Running Driver Stack" (network).
 */

import { declareFunction, type Handle, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent } from '../events.ts';
import {
  NDIS_PAUSE_FILTER_RESTART_STACK,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { pauseStack, restartStack } from '../stack/pauseRestart.ts';
import { queueOperation, queueRequest } from '../stack/queue.ts';
import type { NDIS_STATUS } from '../status.ts';
import { FilterModule } from './filterModule.ts';
import { nextFilterChange } from './order.ts';

const RESTART_PAGE = 'ndis/nf-ndis-ndisfrestartfilter';

/**
 * Queues a reconfiguration of every adapter that is up and whose modules are not what is configured. With `wait`, gives
 * the events that the operations signal; they are the caller's to free.
 */
export function queueFilterChanges(
  ndis: NdisLibrary,
  adapters: Iterable<MiniportAdapter>,
  wait: boolean,
): Address[] {
  const events: Address[] = [];
  for (const adapter of adapters) {
    // An adapter that initializes gets its modules after that.
    if (adapter.state === 'Halted' || adapter.state === 'Initializing' || adapter.state === 'Shutdown')
      continue;
    if (!adapter.working && nextFilterChange(ndis, adapter) === null && adapter.blockedBy === null) continue;
    const event = wait ? createEvent(ndis.kernel) : 0;
    queueOperation(ndis, adapter, { kind: 'reconfigure', event });
    if (wait) events.push(event);
  }
  return events;
}

/** Pauses and restarts the stack of a module. */
export const restartThroughModule = procedure<NdisLibrary, { readonly module: Address; adapter: Address }>(
  'NdisFRestartFilter',
  {
    start: (ndis, locals, step) => {
      const module = ndis.resolve(locals.module, FilterModule);
      if (module === null) return step.done(NDIS_STATUS_SUCCESS);
      module.restartQueued = false;
      if (module.adapter.state !== 'Running') return step.done(NDIS_STATUS_SUCCESS);
      locals.adapter = module.adapter.handle;
      return step.run('restart', pauseStack, ndis, {
        adapter: locals.adapter,
        reason: NDIS_PAUSE_FILTER_RESTART_STACK,
        parameters: 0,
      });
    },
    restart: (ndis, locals, step) =>
      step.run('over', restartStack, ndis, { adapter: locals.adapter, parameters: 0 }),
    over: (_ndis, _locals, step, result) => step.done(result),
  },
);

/**
 * NdisFRestartFilter: asks NDIS to pause and restart the stack of a module, so that FilterSetModuleOptions is called and
 * the module can change its data handlers. The restart may come later. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS when it was started; NDIS_STATUS_RESOURCES when too much waits at the adapter;
 * NDIS_STATUS_FAILURE for a handle that is no attached module (a finding). Source: ndis/nf-ndis-ndisfrestartfilter.
 */
export const NdisFRestartFilter = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisFRestartFilter(NDIS_HANDLE NdisFilterHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: RESTART_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterHandle: Handle): NDIS_STATUS => {
      const module = ndis.expect(NdisFilterHandle, FilterModule, driver, 'NdisFRestartFilter', RESTART_PAGE);
      if (module === null) return NDIS_STATUS_FAILURE;
      if (module.restartQueued) return NDIS_STATUS_SUCCESS;
      const operation = { kind: 'restartFilter', module: module.handle, event: 0 } as const;
      const status = queueRequest(ndis, module.adapter, operation);
      module.restartQueued = status === NDIS_STATUS_SUCCESS;
      return status;
    },
});
