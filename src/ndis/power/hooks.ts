/** Where requests, statuses and bindings meet what NDIS does for sleeping states; set when the library is put together. */

import type { Address } from '../../memory/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { RequestFields } from '../oid/requestFormat.ts';
import type { Binding } from '../protocol/protocolDriver.ts';

export interface PowerHooks {
  /** A request of a protocol before it goes on its way: its status, or null where it is not about power. */
  takeRequest: (
    ndis: NdisLibrary,
    binding: Binding,
    request: Address,
    fields: RequestFields,
  ) => number | null;
  /** A status of a miniport before it goes up. */
  keepStatus: (
    ndis: NdisLibrary,
    adapter: MiniportAdapter,
    status: number,
    buffer: Address,
    size: number,
  ) => void;
  /** A request for the driver of an adapter. */
  activity: (ndis: NdisLibrary, adapter: MiniportAdapter) => void;
  /** An adapter is initialized, and halted. */
  started: (ndis: NdisLibrary, adapter: MiniportAdapter) => void;
  halted: (ndis: NdisLibrary, adapter: MiniportAdapter) => void;
  /** A binding closes. */
  forgetBinding: (ndis: NdisLibrary, binding: Binding) => void;
}

export const powerHooksOf = perNdis(
  'power hooks',
  (): PowerHooks => ({
    takeRequest: () => null,
    keepStatus: () => {},
    activity: () => {},
    started: () => {},
    halted: () => {},
    forgetBinding: () => {},
  }),
);
