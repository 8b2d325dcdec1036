/**
 * Attaching a module to a stack and detaching it. The stack is paused by whoever runs these procedures.
 * Implements "Attaching a Filter Module", "Detaching a Filter Module" (network) and nf-ndis-ndisfsetattributes.
 */

import {
  type Context,
  declareFunction,
  type Handle,
  type Pointer,
  procedure,
  registryOf,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
  NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NetEventFilterPreDetach,
} from '../generated/constants/index.ts';
import type { NDIS_FILTER_ATTRIBUTES } from '../generated/structures/index.ts';
import { addProxyInterface, interfacesOf } from '../interface/networkInterface.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { netLuidIndexOf } from '../miniport/createAdapter.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { drainModule, endModuleRequests } from '../oid/moduleRequests.ts';
import { netPnPEvent, sendNetPnPEvent } from '../pnp/netPnPEvents.ts';
import type { NDIS_STATUS } from '../status.ts';
import { allocateAttachParameters, freeAttachParameters } from './attachParameters.ts';
import { FilterDriver } from './filterDriver.ts';
import { FilterModule, moduleName } from './filterModule.ts';
import { updateLinks } from './links.ts';
import { changeModule } from './moduleState.ts';

const ATTACH_PAGE = 'ndis/nc-ndis-filter_attach';
const ATTRIBUTES_PAGE = 'ndis/nf-ndis-ndisfsetattributes';

const attributesRule: HeaderRule = {
  structure: 'NDIS_FILTER_ATTRIBUTES',
  type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
  revisions: [
    {
      revision: NDIS_FILTER_ATTRIBUTES_REVISION_1,
      size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
      minorVersion: 0,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_filter_attributes',
};

/** A new module in its Detached state, with its handle. */
function createModule(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  filter: FilterDriver,
  monitored: FilterDriver | null,
): FilterModule | null {
  const { handlers } = filter;
  if (handlers === null) return null;
  const inventory = inventoryOf(ndis);
  const instances = adapter.filters.filter((other) => other.filter === filter);
  // The smallest number that no instance of this filter has.
  let number = 0;
  while (instances.some((other) => other.number === number)) number++;
  const interfaceKey = registryOf(ndis.kernel).create(
    `${filter.driver.registryPath}\\Interfaces\\${moduleName(filter, adapter, number)}`,
  );
  const module = new FilterModule(filter, adapter, inventory.filterConfiguration(filter), handlers, {
    number,
    monitored: adapter.filters.find((other) => other.filter === monitored) ?? null,
    ifIndex: interfacesOf(ndis).takeIndex(),
    netLuidIndex: netLuidIndexOf(ndis.kernel, interfaceKey, adapter.ifType),
  });
  ndis.register(module);
  addProxyInterface(ndis, module);
  filter.modules.add(module);
  registryOf(ndis.kernel).create(module.configurationKeyPath);
  return module;
}

/** Takes a detached module out of the library. */
export function forgetModule(ndis: NdisLibrary, module: FilterModule): void {
  const { adapter } = module;
  const index = adapter.filters.indexOf(module);
  if (index >= 0) adapter.filters.splice(index, 1);
  module.filter.modules.delete(module);
  interfacesOf(ndis).remove(module.ifIndex);
  updateLinks(adapter);
  if (module.handle !== 0) ndis.unregister(module);
}

/** Attaches a module at `index` of the adapter's filters, 0 being the top. The value is the status of FilterAttach. */
export const attachModule = procedure<
  NdisLibrary,
  {
    readonly adapter: Address;
    readonly filter: Address;
    readonly monitored: Address;
    readonly index: number;
    module: Address;
    parameters: Address;
  }
>('NdisAttachFilterModule', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const filter = ndis.resolve(locals.filter, FilterDriver);
    if (adapter === null || filter === null) return step.done(NDIS_STATUS_FAILURE);
    const module = createModule(ndis, adapter, filter, ndis.resolve(locals.monitored, FilterDriver));
    if (module === null || module.handlers === null) return step.done(NDIS_STATUS_FAILURE);
    locals.module = module.handle;
    locals.parameters = allocateAttachParameters(ndis, module, adapter.filters[locals.index] ?? null);
    if (locals.parameters === 0) {
      forgetModule(ndis, module);
      return step.done(NDIS_STATUS_RESOURCES);
    }
    changeModule(ndis.kernel, module, 'FilterAttach');
    return step.call('returned', module.handlers.attach, module.handle, filter.context, locals.parameters);
  },
  returned: (ndis, locals, step, result) => {
    freeAttachParameters(ndis, locals.parameters);
    const module = ndis.resolve(locals.module, FilterModule);
    if (module === null) return step.done(NDIS_STATUS_FAILURE);
    const status = result === NDIS_STATUS_PENDING ? refusePending(ndis, module) : result;
    if (status !== NDIS_STATUS_SUCCESS) {
      changeModule(ndis.kernel, module, 'AttachFailed');
      ndis.kernel.note('attach', `${module.label} failed with 0x${status.toString(16)}`);
      forgetModule(ndis, module);
      return step.done(status);
    }
    if (!module.attributesSet) {
      ndis.kernel.report(
        'ATTRIBUTES_MISSING',
        module.filter.driver,
        `FilterAttach of ${module.label} succeeded without a module context; call NdisFSetAttributes from it`,
        ATTACH_PAGE,
      );
    }
    module.adapter.filters.splice(locals.index, 0, module);
    changeModule(ndis.kernel, module, 'AttachComplete');
    updateLinks(module.adapter);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

function refusePending(ndis: NdisLibrary, module: FilterModule): number {
  ndis.kernel.report(
    'PENDING_FROM_ATTACH',
    module.filter.driver,
    `FilterAttach of ${module.label} returned NDIS_STATUS_PENDING; it has to finish before it returns`,
    ATTACH_PAGE,
  );
  return NDIS_STATUS_FAILURE;
}

/** Detaches a paused module. The value is NDIS_STATUS_SUCCESS: a detach cannot fail. */
export const detachModule = procedure<NdisLibrary, { readonly module: Address }>('NdisDetachFilterModule', {
  start: (ndis, locals, step) => {
    const module = ndis.resolve(locals.module, FilterModule);
    if (module === null) return step.done(NDIS_STATUS_SUCCESS);
    if (module.handlers === null || module.state !== 'Paused') return step.go('detached');
    // Requests and indications still pass: the driver may clean up what FilterDetach no more can.
    return step.run('announced', sendNetPnPEvent, ndis, netPnPEvent(module, NetEventFilterPreDetach));
  },
  announced: (ndis, locals, step) => step.run('drained', drainModule, ndis, { module: locals.module }),
  drained: (ndis, locals, step) => {
    const module = ndis.resolve(locals.module, FilterModule);
    const handlers = module?.handlers ?? null;
    if (module === null || handlers === null || module.state !== 'Paused') return step.go('detached');
    changeModule(ndis.kernel, module, 'FilterDetach');
    return step.call('detached', handlers.detach, module.context);
  },
  detached: (ndis, locals, step) => {
    const module = ndis.resolve(locals.module, FilterModule);
    if (module === null) return step.done(NDIS_STATUS_SUCCESS);
    endModuleRequests(ndis, module);
    forgetModule(ndis, module);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/**
 * NdisFSetAttributes: says which context area belongs to a module; the FilterXxx functions get it from then on. From
 * FilterAttach. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_FAILURE outside of FilterAttach, for a handle that is no module (a finding)
 * and for a wrong structure. Source: ndis/nf-ndis-ndisfsetattributes.
 */
export const NdisFSetAttributes = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisFSetAttributes(NDIS_HANDLE NdisFilterHandle, NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_ATTRIBUTES FilterAttributes)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: ATTRIBUTES_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisFilterHandle: Handle,
      FilterModuleContext: Context,
      FilterAttributes: Pointer<NDIS_FILTER_ATTRIBUTES>,
    ): NDIS_STATUS => {
      const call = 'NdisFSetAttributes';
      const module = ndis.expect(NdisFilterHandle, FilterModule, driver, call, ATTRIBUTES_PAGE);
      if (module === null) return NDIS_STATUS_FAILURE;
      if (module.state !== 'Attaching') {
        ndis.kernel.report(
          'ATTRIBUTES_OUTSIDE_OF_ATTACH',
          driver,
          `${call} was called for ${module.label} outside of FilterAttach`,
          ATTRIBUTES_PAGE,
        );
        return NDIS_STATUS_FAILURE;
      }
      if (checkHeader(ndis, driver, call, FilterAttributes, attributesRule) === null) {
        return NDIS_STATUS_FAILURE;
      }
      module.context = ndis.contextValue(FilterModuleContext);
      module.attributesSet = true;
      return NDIS_STATUS_SUCCESS;
    },
});
