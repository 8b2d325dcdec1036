/**
 * Pausing and restarting one module.
 * Implements "Pausing a Filter Module", "Starting a Filter Module" (network), nf-ndis-ndisfpausecomplete and
 * nf-ndis-ndisfrestartcomplete.
 */

import { type Driver, declareFunction, type Handle, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent, freeEvent, signalEvent, waitFor } from '../events.ts';
import {
  NDIS_FILTER_PAUSE_PARAMETERS_REVISION_1,
  NDIS_FILTER_RESTART_PARAMETERS_REVISION_1,
  NDIS_OBJECT_TYPE_FILTER_PAUSE_PARAMETERS,
  NDIS_OBJECT_TYPE_FILTER_RESTART_PARAMETERS,
  NDIS_PAUSE_NDIS_INTERNAL,
  NDIS_SIZEOF_FILTER_PAUSE_PARAMETERS_REVISION_1,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import {
  NDIS_FILTER_PAUSE_PARAMETERS,
  NDIS_FILTER_RESTART_PARAMETERS,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { allocateCertainStructure, freeLibraryMemory } from '../libraryMemory.ts';
import type { NDIS_STATUS } from '../status.ts';
import { FilterModule } from './filterModule.ts';
import { updateLinks } from './links.ts';
import { changeModule } from './moduleState.ts';

function begin(ndis: NdisLibrary, module: FilterModule, kind: 'pause' | 'restart'): void {
  module.pending = {
    kind,
    event: createEvent(ndis.kernel),
    status: NDIS_STATUS_SUCCESS,
    stalled: false,
    completed: false,
  };
}

/** The operation is over; its status. */
function end(ndis: NdisLibrary, module: FilterModule): number {
  const status = module.pending?.status ?? NDIS_STATUS_SUCCESS;
  if (module.pending !== null) freeEvent(ndis.kernel, module.pending.event);
  module.pending = null;
  return status;
}

/** Completing by a call and by the returned status both is once too often. */
function reportEarly(ndis: NdisLibrary, module: FilterModule, role: string, status: number): void {
  if (module.pending?.completed !== true || status === NDIS_STATUS_PENDING) return;
  ndis.kernel.report(
    'COMPLETED_WITHOUT_PENDING',
    module.filter.driver,
    `${role} of ${module.label} called its completion function and did not return NDIS_STATUS_PENDING`,
    `ndis/nc-ndis-filter_${module.pending.kind}`,
  );
}

/** Pauses a running module. The value is NDIS_STATUS_SUCCESS: a pause cannot fail. */
export const pauseModule = procedure<NdisLibrary, { readonly module: Address; parameters: Address }>(
  'NdisPauseFilterModule',
  {
    start: (ndis, locals, step) => {
      const module = ndis.resolve(locals.module, FilterModule);
      if (module === null || module.state !== 'Running') return step.done(NDIS_STATUS_SUCCESS);
      changeModule(ndis.kernel, module, 'FilterPause');
      const handler = module.handlers?.pause;
      // Nothing of a driver that is gone is called.
      if (handler === undefined) return step.go('over');
      begin(ndis, module, 'pause');
      locals.parameters = allocateCertainStructure(ndis, NDIS_FILTER_PAUSE_PARAMETERS, {
        Header: {
          Type: NDIS_OBJECT_TYPE_FILTER_PAUSE_PARAMETERS,
          Revision: NDIS_FILTER_PAUSE_PARAMETERS_REVISION_1,
          Size: NDIS_SIZEOF_FILTER_PAUSE_PARAMETERS_REVISION_1,
        },
        // The page says that it is always this reason.
        PauseReason: NDIS_PAUSE_NDIS_INTERNAL,
      });
      return step.call('returned', handler, module.context, locals.parameters);
    },
    returned: (ndis, locals, step, result) => {
      const module = ndis.resolve(locals.module, FilterModule);
      if (module === null || module.pending === null) return step.go('over');
      reportEarly(ndis, module, 'FilterPause', result);
      if (result === NDIS_STATUS_PENDING) {
        return step.wait('over', waitFor(module.pending.event, 'NdisFPauseComplete'));
      }
      if (result !== NDIS_STATUS_SUCCESS) {
        ndis.kernel.report(
          'PAUSE_FAILED',
          module.filter.driver,
          `FilterPause of ${module.label} returned 0x${result.toString(16)}; a pause cannot fail`,
          'ndis/nc-ndis-filter_pause',
        );
      }
      return step.go('over');
    },
    over: (ndis, locals, step) => {
      freeLibraryMemory(ndis, locals.parameters);
      const module = ndis.resolve(locals.module, FilterModule);
      if (module === null) return step.done(NDIS_STATUS_SUCCESS);
      end(ndis, module);
      if (module.state === 'Pausing') changeModule(ndis.kernel, module, 'PauseComplete');
      reportOutstanding(ndis, module);
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/** After a pause the module may hold nothing and wait for nothing of its own. */
function reportOutstanding(ndis: NdisLibrary, module: FilterModule): void {
  if (module.drained || module.handlers === null) return;
  const { sendsHeld, receivesHeld, sendsOutstanding, receivesOutstanding } = module;
  ndis.kernel.report(
    'PAUSED_WITH_LISTS_OUTSTANDING',
    module.filter.driver,
    `${module.label} completed its pause while it held ${sendsHeld} lists that others sent and ${receivesHeld} that ` +
      `others indicated, and ${sendsOutstanding} of its sends and ${receivesOutstanding} of its indications were not back`,
    'network/pausing-a-filter-module',
  );
}

/** Lets a module choose its data handlers before the stack restarts. The value is the status of FilterSetModuleOptions. */
export const setModuleOptions = procedure<NdisLibrary, { readonly module: Address }>('NdisSetModuleOptions', {
  start: (ndis, locals, step) => {
    const module = ndis.resolve(locals.module, FilterModule);
    const handler = module?.handlers?.setModuleOptions;
    if (module === null || handler === null || handler === undefined || module.state !== 'Paused')
      return step.done(NDIS_STATUS_SUCCESS);
    module.settingOptions = true;
    return step.call('over', handler, module.context);
  },
  over: (ndis, locals, step, result) => {
    const module = ndis.resolve(locals.module, FilterModule);
    if (module === null) return step.done(NDIS_STATUS_SUCCESS);
    module.settingOptions = false;
    updateLinks(module.adapter);
    if (result !== NDIS_STATUS_SUCCESS)
      ndis.kernel.note(
        'restart',
        `FilterSetModuleOptions of ${module.label} failed with 0x${result.toString(16)}`,
      );
    return step.done(result);
  },
});

/** NDIS_FILTER_RESTART_PARAMETERS with the attributes as those below left them. */
function allocateRestartParameters(ndis: NdisLibrary, module: FilterModule): Address {
  const { adapter } = module;
  const below = adapter.filters[adapter.filters.indexOf(module) + 1] ?? adapter;
  const address = allocateCertainStructure(ndis, NDIS_FILTER_RESTART_PARAMETERS, {
    Header: {
      Type: NDIS_OBJECT_TYPE_FILTER_RESTART_PARAMETERS,
      Revision: NDIS_FILTER_RESTART_PARAMETERS_REVISION_1,
      Size: NDIS_FILTER_RESTART_PARAMETERS.size,
    },
    MiniportMediaType: adapter.general?.mediaType ?? 0,
    MiniportPhysicalMediaType: adapter.general?.physicalMediumType ?? 0,
    RestartAttributes: adapter.restartAttributes,
    LowerIfIndex: below.ifIndex,
  });
  NDIS_FILTER_RESTART_PARAMETERS.at(ndis.memory, address).LowerIfNetLuid.Value = below.netLuid;
  return address;
}

/** Restarts a paused module; it stays paused where that fails. The value is the status of FilterRestart. */
export const restartModule = procedure<NdisLibrary, { readonly module: Address; parameters: Address }>(
  'NdisRestartFilterModule',
  {
    start: (ndis, locals, step) => {
      const module = ndis.resolve(locals.module, FilterModule);
      const handler = module?.handlers?.restart;
      if (module === null || module.state !== 'Paused') return step.done(NDIS_STATUS_SUCCESS);
      if (handler === undefined) return step.done(NDIS_STATUS_FAILURE);
      changeModule(ndis.kernel, module, 'FilterRestart');
      begin(ndis, module, 'restart');
      locals.parameters = allocateRestartParameters(ndis, module);
      return step.call('returned', handler, module.context, locals.parameters);
    },
    returned: (ndis, locals, step, result) => {
      const module = ndis.resolve(locals.module, FilterModule);
      if (module === null || module.pending === null) return step.go('over');
      reportEarly(ndis, module, 'FilterRestart', result);
      if (result === NDIS_STATUS_PENDING) {
        return step.wait('over', waitFor(module.pending.event, 'NdisFRestartComplete'));
      }
      module.pending.status = result;
      return step.go('over');
    },
    over: (ndis, locals, step) => {
      const { parameters } = locals;
      const module = ndis.resolve(locals.module, FilterModule);
      if (module !== null && module.adapter.restartAttributes !== 0) {
        module.adapter.restartAttributes = NDIS_FILTER_RESTART_PARAMETERS.at(
          ndis.memory,
          parameters,
        ).RestartAttributes;
      }
      freeLibraryMemory(ndis, parameters);
      if (module === null) return step.done(NDIS_STATUS_SUCCESS);
      const status = end(ndis, module);
      const restarted = status === NDIS_STATUS_SUCCESS;
      if (module.state === 'Restarting')
        changeModule(ndis.kernel, module, restarted ? 'RestartComplete' : 'RestartFailed');
      updateLinks(module.adapter);
      if (!restarted) ndis.kernel.note('restart', `${module.label} failed with 0x${status.toString(16)}`);
      return step.done(status);
    },
  },
);

function complete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  handle: Handle,
  kind: 'pause' | 'restart',
  status: NDIS_STATUS,
): void {
  const page = `ndis/nf-ndis-${call.toLowerCase()}`;
  const module = ndis.expect(handle, FilterModule, driver, call, page);
  if (module === null) return;
  const { pending } = module;
  if (pending === null || pending.kind !== kind || pending.completed) {
    ndis.kernel.report('NOT_PENDING', driver, `${call}: no ${kind} of ${module.label} is pending`, page);
    return;
  }
  pending.completed = true;
  pending.status = status;
  signalEvent(ndis.kernel, pending.event);
}

/**
 * NdisFPauseComplete: completes a pause for which FilterPause returned NDIS_STATUS_PENDING. IRQL <= DISPATCH_LEVEL.
 * Without a pending pause it is the finding NOT_PENDING. Source: ndis/nf-ndis-ndisfpausecomplete.
 */
export const NdisFPauseComplete = declareFunction('ndis', {
  prototype: 'VOID NdisFPauseComplete(NDIS_HANDLE NdisFilterHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisfpausecomplete',
  implement: (ndis: NdisLibrary, driver) => (NdisFilterHandle: Handle) =>
    complete(ndis, driver, 'NdisFPauseComplete', NdisFilterHandle, 'pause', NDIS_STATUS_SUCCESS),
});

/**
 * NdisFRestartComplete: completes a restart for which FilterRestart returned NDIS_STATUS_PENDING, with its final
 * status. IRQL PASSIVE_LEVEL. Without a pending restart it is the finding NOT_PENDING.
 * Source: ndis/nf-ndis-ndisfrestartcomplete.
 */
export const NdisFRestartComplete = declareFunction('ndis', {
  prototype: 'VOID NdisFRestartComplete(NDIS_HANDLE NdisFilterHandle, NDIS_STATUS Status)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisfrestartcomplete',
  implement: (ndis: NdisLibrary, driver) => (NdisFilterHandle: Handle, Status: NDIS_STATUS) =>
    complete(ndis, driver, 'NdisFRestartComplete', NdisFilterHandle, 'restart', Status),
});
