/**
 * Pausing a stack from the top down and restarting it from the bottom up.
 * Implements "Pausing a Driver Stack" and "Restarting a Driver Stack" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent, freeEvent, waitFor } from '../events.ts';
import { applyFilterChanges } from '../filter/changeStack.ts';
import { FilterModule } from '../filter/filterModule.ts';
import { slotKey, slotOf } from '../filter/order.ts';
import { pauseModule, restartModule, setModuleOptions } from '../filter/pauseRestart.ts';
import {
  NDIS_MINIPORT_PAUSE_PARAMETERS_REVISION_1,
  NDIS_MINIPORT_RESTART_PARAMETERS_REVISION_1,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_PAUSE_DETACH_FILTER,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import {
  NDIS_MINIPORT_PAUSE_PARAMETERS,
  NDIS_MINIPORT_RESTART_PARAMETERS,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { allocateCertainStructure, freeLibraryMemory } from '../libraryMemory.ts';
import { adapterStates, MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { pauseBinding, restartBinding } from '../protocol/pauseBinding.ts';
import { apply } from '../stateTable.ts';
import {
  allocateRestartAttributes,
  freeRestartAttributes,
  takeRestartAttributes,
} from './restartAttributes.ts';

/** Pauses the bindings of a running adapter, then its modules from the top, then the adapter. The value is NDIS_STATUS_SUCCESS: no pause may fail. */
export const pauseStack = procedure<
  NdisLibrary,
  { readonly adapter: Address; readonly reason: number; parameters: Address }
>('NdisPauseStack', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    const running = adapter.bindings.find((binding) => binding.state === 'Running');
    if (running === undefined) return step.go('pauseFilters');
    return step.run('start', pauseBinding, ndis, {
      binding: running.handle,
      reason: locals.reason,
      notification: 0,
      parameters: 0,
    });
  },
  pauseFilters: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const running = adapter?.filters.find((module) => module.state === 'Running');
    if (running === undefined) return step.go('pauseMiniport');
    return step.run('pauseFilters', pauseModule, ndis, { module: running.handle, parameters: 0 });
  },
  pauseMiniport: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const handlers = adapter?.miniport.handlers;
    if (adapter === null || handlers === null || handlers === undefined)
      return step.done(NDIS_STATUS_SUCCESS);
    if (adapter.state !== 'Running') return step.done(NDIS_STATUS_SUCCESS);
    apply(ndis.kernel, adapterStates, adapter, 'MiniportPause', adapter.miniport.driver);
    adapter.running = false;
    adapter.pending = {
      kind: 'pause',
      event: createEvent(ndis.kernel),
      status: NDIS_STATUS_SUCCESS,
      stalled: false,
      completed: false,
    };
    locals.parameters = allocateCertainStructure(ndis, NDIS_MINIPORT_PAUSE_PARAMETERS, {
      Header: {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: NDIS_MINIPORT_PAUSE_PARAMETERS_REVISION_1,
        Size: NDIS_MINIPORT_PAUSE_PARAMETERS.size,
      },
      PauseReason: locals.reason,
    });
    return step.call('returned', handlers.pause, adapter.context, locals.parameters);
  },
  returned: (ndis, locals, step, result) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.pending === null) return step.go('over');
    reportEarly(ndis, adapter, 'MiniportPause', result);
    if (result === NDIS_STATUS_PENDING) {
      return step.wait('over', waitFor(adapter.pending.event, 'NdisMPauseComplete'));
    }
    if (result !== NDIS_STATUS_SUCCESS) {
      ndis.kernel.report(
        'PAUSE_FAILED',
        adapter.miniport.driver,
        `MiniportPause of ${adapter.label} returned 0x${result.toString(16)}; a pause cannot fail`,
        'ndis/nc-ndis-miniport_pause',
      );
    }
    return step.go('over');
  },
  over: (ndis, locals, step) => {
    freeLibraryMemory(ndis, locals.parameters);
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    if (adapter.pending !== null) freeEvent(ndis.kernel, adapter.pending.event);
    adapter.pending = null;
    apply(ndis.kernel, adapterStates, adapter, 'PauseComplete', adapter.miniport.driver);
    reportOutstanding(ndis, adapter);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/** Completing by a call and by the returned status both is once too often. */
function reportEarly(ndis: NdisLibrary, adapter: MiniportAdapter, role: string, status: number): void {
  if (adapter.pending?.completed !== true || status === NDIS_STATUS_PENDING) return;
  ndis.kernel.report(
    'COMPLETED_WITHOUT_PENDING',
    adapter.miniport.driver,
    `${role} of ${adapter.label} called its completion function and did not return NDIS_STATUS_PENDING`,
    `ndis/nc-ndis-miniport_${adapter.pending.kind}`,
  );
}

/** After a pause nothing may be under way. */
function reportOutstanding(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  if (adapter.sendsOutstanding === 0 && adapter.receivesOutstanding === 0) return;
  ndis.kernel.report(
    'PAUSED_WITH_LISTS_OUTSTANDING',
    adapter.miniport.driver,
    `${adapter.label} completed its pause while ${adapter.sendsOutstanding} sent lists were not completed and ` +
      `${adapter.receivesOutstanding} indicated lists were not back`,
    'network/pausing-an-adapter',
  );
}

/** Whether a stack may run: not without hardware, and not in a low-power state. */
function mayRestart(adapter: MiniportAdapter): boolean {
  return adapter.state === 'Paused' && adapter.powered && !adapter.removing;
}

interface RestartLocals {
  readonly adapter: Address;
  parameters: Address;
  /** Number of the next module from the bottom that chooses its options. */
  next?: number;
  /** The module that is asked. */
  module?: Address;
}

/**
 * Restarts a paused adapter, then its modules from the bottom, then its bindings. Before that every module may choose
 * its handlers. A module that fails is detached, and the rest is restarted without it; without a mandatory one the
 * stack stays paused and nothing is bound. The value is the status of MiniportRestart, or NDIS_STATUS_FAILURE for the
 * lack of a mandatory filter.
 */
export const restartStack = procedure<NdisLibrary, RestartLocals>('NdisRestartStack', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.miniport.handlers === null || !mayRestart(adapter)) {
      return step.done(NDIS_STATUS_SUCCESS);
    }
    if (adapter.pauseRequired) return step.done(NDIS_STATUS_SUCCESS);
    if (adapter.blockedBy !== null) return step.done(NDIS_STATUS_FAILURE);
    for (const binding of adapter.bindings) binding.restartFailed = false;
    locals.next = 0;
    return step.go('chooseOptions');
  },
  chooseOptions: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const next = locals.next ?? 0;
    const module = adapter?.filters[adapter.filters.length - 1 - next];
    if (module === undefined) return step.go('restartMiniport');
    locals.next = next + 1;
    locals.module = module.handle;
    return step.run('optionsChosen', setModuleOptions, ndis, { module: module.handle });
  },
  optionsChosen: (_ndis, _locals, step, result) =>
    step.go(result === NDIS_STATUS_SUCCESS ? 'chooseOptions' : 'filterFailed'),
  restartMiniport: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const handlers = adapter?.miniport.handlers;
    if (adapter === null || handlers === null || handlers === undefined) {
      return step.done(NDIS_STATUS_SUCCESS);
    }
    adapter.restartAttributes = allocateRestartAttributes(ndis, adapter);
    apply(ndis.kernel, adapterStates, adapter, 'MiniportRestart', adapter.miniport.driver);
    adapter.pending = {
      kind: 'restart',
      event: createEvent(ndis.kernel),
      status: NDIS_STATUS_SUCCESS,
      stalled: false,
      completed: false,
    };
    locals.parameters = allocateCertainStructure(ndis, NDIS_MINIPORT_RESTART_PARAMETERS, {
      Header: {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: NDIS_MINIPORT_RESTART_PARAMETERS_REVISION_1,
        Size: NDIS_MINIPORT_RESTART_PARAMETERS.size,
      },
      RestartAttributes: adapter.restartAttributes,
    });
    return step.call('returned', handlers.restart, adapter.context, locals.parameters);
  },
  returned: (ndis, locals, step, result) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.pending === null) return step.done(NDIS_STATUS_SUCCESS);
    reportEarly(ndis, adapter, 'MiniportRestart', result);
    if (result === NDIS_STATUS_PENDING) {
      return step.wait('over', waitFor(adapter.pending.event, 'NdisMRestartComplete'));
    }
    adapter.pending.status = result;
    return step.go('over');
  },
  over: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    const status = adapter.pending?.status ?? NDIS_STATUS_SUCCESS;
    if (adapter.pending !== null) freeEvent(ndis.kernel, adapter.pending.event);
    adapter.pending = null;
    const restarted = status === NDIS_STATUS_SUCCESS;
    takeRestartAttributes(ndis, adapter, locals.parameters, restarted);
    freeLibraryMemory(ndis, locals.parameters);
    apply(
      ndis.kernel,
      adapterStates,
      adapter,
      restarted ? 'RestartComplete' : 'RestartFailed',
      adapter.miniport.driver,
    );
    if (!restarted) {
      freeRestartAttributes(ndis, adapter);
      return step.done(status);
    }
    adapter.running = true;
    return step.go('restartFilters');
  },
  restartFilters: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const paused = adapter?.filters.findLast((module) => module.state === 'Paused');
    if (paused === undefined) return step.go('restartBindings');
    locals.module = paused.handle;
    return step.run('filterRestarted', restartModule, ndis, { module: paused.handle, parameters: 0 });
  },
  filterRestarted: (_ndis, _locals, step, result) =>
    step.go(result === NDIS_STATUS_SUCCESS ? 'restartFilters' : 'filterFailed'),
  filterFailed: (ndis, locals, step) => {
    const module = ndis.resolve(locals.module ?? 0, FilterModule);
    if (module !== null) module.adapter.failedFilters.add(slotKey(slotOf(module)));
    return step.run('filterPaused', pauseStack, ndis, {
      adapter: locals.adapter,
      reason: NDIS_PAUSE_DETACH_FILTER,
      parameters: 0,
    });
  },
  filterPaused: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter !== null) freeRestartAttributes(ndis, adapter);
    return step.run('filterDetached', applyFilterChanges, ndis, {
      adapter: locals.adapter,
      key: '',
      unbound: false,
    });
  },
  filterDetached: (_ndis, _locals, step, result) =>
    result === NDIS_STATUS_SUCCESS ? step.go('start') : step.done(result),
  restartBindings: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const paused = adapter?.bindings.find((binding) => binding.state === 'Paused' && !binding.restartFailed);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    if (paused === undefined) {
      freeRestartAttributes(ndis, adapter);
      return step.done(NDIS_STATUS_SUCCESS);
    }
    return step.run('restartBindings', restartBinding, ndis, {
      binding: paused.handle,
      notification: 0,
      parameters: 0,
    });
  },
});
