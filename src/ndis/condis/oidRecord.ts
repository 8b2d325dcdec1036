/** A connection-oriented request that is not complete. Plain data, so that a snapshot can hold it. */

import type { Driver } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import type { AddressFamily, CallManagerEnd, ClientEnd, Party, VirtualConnection } from './objects.ts';

export interface CoOidRecord {
  /** The NDIS_OID_REQUEST. */
  readonly request: Address;
  /** Who asked: a client, a call manager, or a protocol of either kind that asks the miniport. */
  readonly source: ClientEnd | CallManagerEnd;
  /** The binding of who asked; null for a miniport call manager. */
  readonly binding: Binding | null;
  /** Who is to answer; `miniport` for MiniportCoOidRequest. */
  readonly target: ClientEnd | CallManagerEnd | 'miniport';
  readonly targetDriver: Driver;
  readonly adapter: MiniportAdapter;
  readonly family: AddressFamily | null;
  readonly connection: VirtualConnection | null;
  readonly party: Party | null;
  inHandler: boolean;
  complete: boolean;
}
