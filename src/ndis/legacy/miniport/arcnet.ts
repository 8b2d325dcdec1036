/**
 * Frames of Arcnet: macros that call no handler of the block but the filter of the medium.
 * Implements NdisMArcIndicateReceive and NdisMArcIndicateReceiveComplete (ddk/ndis.h).
 */

import { declareFunction, type Handle } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { legacyAdapterAt, oldFacts } from './throughBlock.ts';

/** ARC_HEADER_SIZE. */
const HEADER_SIZE = 4;
/** Most bytes of data in a packet of Arcnet. */
const DATA_LIMIT = 508;

/** Indicates a whole packet. A length that Arcnet does not have is the finding BAD_RECEIVE_INDICATION. */
export const NdisMArcIndicateReceive = declareFunction('ndis', {
  ...oldFacts(
    'VOID NdisMArcIndicateReceive(NDIS_HANDLE MiniportAdapterHandle, PUCHAR HeaderBuffer, PUCHAR DataBuffer, UINT Length)',
    'nf',
  ),
  inline: true,
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, HeaderBuffer: Address, DataBuffer: Address, Length: number): void => {
      const call = 'NdisMArcIndicateReceive';
      const page = 'ndis/nf-ndis-ndismarcindicatereceive';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, page);
      if (legacy === null) return;
      if (Length > DATA_LIMIT) {
        const text = `${call}: ${Length} bytes do not fit into a packet of Arcnet, which has ${DATA_LIMIT}`;
        ndis.kernel.report('BAD_RECEIVE_INDICATION', driver, text, page);
        return;
      }
      legacy.receives.frame(0, HeaderBuffer, HEADER_SIZE, DataBuffer, Length, Length);
    },
});

/** Ends a run of packets. */
export const NdisMArcIndicateReceiveComplete = declareFunction('ndis', {
  ...oldFacts('VOID NdisMArcIndicateReceiveComplete(NDIS_HANDLE MiniportAdapterHandle)', 'nf'),
  inline: true,
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle): void => {
      const page = 'ndis/nf-ndis-ndismarcindicatereceivecomplete';
      legacyAdapterAt(ndis, driver, MiniportAdapterHandle, 'NdisMArcIndicateReceiveComplete', page);
    },
});
