/**
 * How the registry configures a filter driver: FilterType, FilterRunType, FilterClass and FilterMediaTypes of its INF
 * file, and the order in a stack that follows from them.
 * Implements "Configuring an INF File for a Modifying Filter Driver", the same for a monitoring one, and "Specifying
 * Filter Driver Binding Relationships" (network).
 */

/** FilterType: 1 monitoring, 2 modifying. */
export type FilterType = 'monitoring' | 'modifying';

/** Filter classes from the top of the stack down. */
export const FILTER_CLASSES = [
  'scheduler',
  'encryption',
  'compression',
  'vpn',
  'loadbalance',
  'failover',
  'diagnostic',
  'custom',
  'ms_switch_capture',
  'ms_switch_filter',
  'ms_switch_forward',
  'provider_address',
] as const;

export interface FilterConfiguration {
  readonly type: FilterType;
  /** FilterRunType 1: without it the stack does not run. */
  readonly mandatory: boolean;
  /** FilterClass of a modifying filter; '' for a monitoring one. */
  readonly filterClass: string;
  /** FilterMediaTypes such as `ethernet`; null: every adapter. */
  readonly mediaTypes: readonly string[] | null;
}

/** What a filter driver is without an entry in the registry: modifying, optional, on every adapter. */
export const DEFAULT_FILTER_CONFIGURATION: FilterConfiguration = {
  type: 'modifying',
  mandatory: false,
  filterClass: 'custom',
  mediaTypes: null,
};

/** How far from the top a class lies; a class that is none of the documented ones counts as `custom`. */
export function classRank(filterClass: string): number {
  const name = filterClass.toLowerCase();
  const index = FILTER_CLASSES.findIndex((known) => known === name);
  return index >= 0 ? index : FILTER_CLASSES.indexOf('custom');
}
