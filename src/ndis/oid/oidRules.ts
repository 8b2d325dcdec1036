/**
 * What families of OIDs add to the way of a set request that goes to the miniport driver as it is: a check before, and a
 * look at it when it succeeded.
 */

import type { Address } from '../../memory/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { RequestFields } from './requestFormat.ts';

/** The rule of one OID. */
export interface OidRule {
  /** The status with which NDIS refuses the set, or null where the miniport driver gets it. */
  readonly check: (
    ndis: NdisLibrary,
    adapter: MiniportAdapter,
    request: Address,
    fields: RequestFields,
  ) => number | null;
  /** The miniport driver made the change. */
  readonly changed: (ndis: NdisLibrary, adapter: MiniportAdapter, fields: RequestFields) => void;
}

/** The rules of a library, by OID. */
export const oidRulesOf = perNdis('OID rules', () => new Map<number, OidRule>());
