/**
 * How a machine's filter drivers are configured, as their INF files and the registry would: by the name of their service.
 * Implements "INF File Settings for Filter Drivers" (network).
 */

import { NdisboxError } from '../kernel/index.ts';
import {
  DEFAULT_FILTER_CONFIGURATION,
  FILTER_CLASSES,
  type FilterConfiguration,
  type FilterDriver,
  inventoryOf,
  type MiniportAdapter,
  type NdisLibrary,
  queueFilterChanges,
} from '../ndis/index.ts';

/** What a filter driver's INF file would say; everything may be left out. */
export interface FilterOptions {
  /** FilterType: a monitoring filter gets a module over the miniport and over every modifying one. Default modifying. */
  readonly type?: 'modifying' | 'monitoring';
  /** FilterRunType: without a mandatory filter no protocol is bound. Default false. */
  readonly mandatory?: boolean;
  /** FilterClass: its place in the stack, from `scheduler` at the top to `provider_address`. Default `custom`. */
  readonly filterClass?: string;
  /** FilterMediaTypes such as `ethernet`; default: every medium. */
  readonly mediaTypes?: readonly string[];
  /** Names of the adapters that it is on; default: all. */
  readonly adapters?: readonly string[];
}

/** What is configured in one machine. */
export class FilterConfigurations {
  readonly #ndis: NdisLibrary;
  readonly #options = new Map<string, FilterOptions>();
  readonly #configurations = new Map<string, FilterConfiguration>();

  constructor(ndis: NdisLibrary) {
    this.#ndis = ndis;
    const inventory = inventoryOf(ndis);
    inventory.filterConfiguration = (filter) =>
      this.#configurations.get(keyOf(filter.driver.name)) ?? DEFAULT_FILTER_CONFIGURATION;
    inventory.mayAttach = (filter, adapter) => isOn(this.#options.get(keyOf(filter.driver.name)), adapter);
    inventory.awaitedFilter = (adapter) => this.#awaited(inventory.filters, adapter);
  }

  /** Configures the filters of the service `name`. @throws NdisboxError BAD_OPTION */
  configure(name: string, options: FilterOptions): void {
    const { filterClass = 'custom', type = 'modifying', mandatory = false, mediaTypes = null } = options;
    if (!FILTER_CLASSES.some((known) => known === filterClass.toLowerCase())) {
      throw new NdisboxError(
        'BAD_OPTION',
        `filterClass of the filter "${name}" is "${filterClass}"; give one of ${FILTER_CLASSES.join(', ')}`,
      );
    }
    this.#options.set(keyOf(name), options);
    this.#configurations.set(keyOf(name), {
      type,
      mandatory,
      filterClass: type === 'monitoring' ? '' : filterClass,
      mediaTypes,
    });
    queueFilterChanges(this.#ndis, inventoryOf(this.#ndis).adapters, false);
  }

  /** A mandatory filter that is configured for an adapter and not registered. */
  #awaited(filters: ReadonlySet<FilterDriver>, adapter: MiniportAdapter): string | null {
    for (const [key, options] of this.#options) {
      if (options.mandatory !== true || !isOn(options, adapter)) continue;
      if (![...filters].some((filter) => keyOf(filter.driver.name) === key)) return key;
    }
    return null;
  }
}

/** Services are compared without case. */
function keyOf(name: string): string {
  return name.toLowerCase();
}

function isOn(options: FilterOptions | undefined, adapter: MiniportAdapter): boolean {
  return options?.adapters === undefined || options.adapters.includes(adapter.instanceName);
}
