/**
 * Which processors an adapter may use for receive side scaling, by its keywords in the registry.
 * Implements "Standardized INF Keywords for RSS" (network).
 */

import { registryOf } from '../../kernel/index.ts';
import { standardKeyword } from '../configuration/standardKeywords.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';

/** NUMA nodes of a machine. */
const NUMA_NODES = 1;

export interface RssProcessorSet {
  /** Numbers of the processors, all in group 0, the preferred one first. */
  readonly processors: readonly number[];
  /** The lowest and the highest number that may be used. */
  readonly base: number;
  readonly highest: number;
  /** How many of them may be used at once. */
  readonly maximum: number;
  readonly numaNode: number;
  /** NDIS_RSS_PROFILE. */
  readonly profile: number;
}

/** The processor set of an adapter; that of an adapter without keywords for null. */
export function rssProcessorSet(ndis: NdisLibrary, adapter: MiniportAdapter | null): RssProcessorSet {
  const key = adapter === null ? null : registryOf(ndis.kernel).open(adapter.configurationKeyPath);
  const keyword = (name: string): number => {
    const value = key?.get(name);
    const number = typeof value === 'string' ? Number.parseInt(value, 10) : value;
    const { defaultValue, minimum, maximum } = standardKeyword(name) ?? {
      defaultValue: 0,
      minimum: 0,
      maximum: null,
    };
    const inRange =
      typeof number === 'number' && number >= minimum && (maximum === null || number <= maximum);
    return inRange ? number : (defaultValue ?? 0);
  };
  const present = ndis.kernel.scheduler.processors.length;
  // All processors are in group 0: a set that begins in a later group has none.
  const base = keyword('*RssBaseProcGroup') === 0 ? keyword('*RssBaseProcNumber') : present;
  const last = keyword('*RssMaxProcGroup') === 0 ? keyword('*RssMaxProcNumber') : present - 1;
  const highest = Math.min(last, present - 1);
  const processors: number[] = [];
  for (let number = base; number <= highest; number++) processors.push(number);
  const node = keyword('*NumaNodeId');
  return {
    processors,
    base,
    highest,
    maximum: Math.min(keyword('*MaxRssProcessors'), processors.length),
    numaNode: node < NUMA_NODES ? node : 0,
    profile: keyword('*RSSProfile'),
  };
}
