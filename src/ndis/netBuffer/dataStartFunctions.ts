/**
 * Retreating and advancing the data of net buffers and lists, as drivers call it.
 * Implements "NdisRetreatNetBufferDataStart", "NdisAdvanceNetBufferDataStart" and their kin (nblapi.h).
 */

import { type CallbackPointer, type Driver, declareFunction } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { NdisLibrary } from '../library.ts';
import { NET_BUFFER_ALLOCATE_MDL, NET_BUFFER_FREE_MDL } from './callbacks.ts';
import { type AllocateMdl, dataStartOf, type FreeMdl } from './dataStart.ts';
import { NB_DATA_LENGTH, NB_NEXT, NBL_FIRST_NET_BUFFER } from './offsets.ts';

const ADVANCE_PAGE = 'nblapi/nf-nblapi-ndisadvancenetbufferdatastart';
const ADVANCE_LIST_PAGE = 'nblapi/nf-nblapi-ndisadvancenetbufferlistdatastart';
/** Functions of one driver that stay bound; more are bound anew at each call. */
const BOUND_LIMIT = 64;

/** Binds a driver's functions once: the same address comes with every packet. */
function binder(driver: Driver) {
  const allocators = new Map<Address, AllocateMdl | null>();
  const freers = new Map<Address, FreeMdl | null>();
  return {
    allocator: (address: Address): AllocateMdl | null => {
      if (address === 0) return null;
      let bound = allocators.get(address);
      if (bound === undefined) {
        bound = driver.callback(address, NET_BUFFER_ALLOCATE_MDL);
        if (allocators.size < BOUND_LIMIT) allocators.set(address, bound);
      }
      return bound;
    },
    freer: (address: Address): FreeMdl | null => {
      if (address === 0) return null;
      let bound = freers.get(address);
      if (bound === undefined) {
        bound = driver.callback(address, NET_BUFFER_FREE_MDL);
        if (freers.size < BOUND_LIMIT) freers.set(address, bound);
      }
      return bound;
    },
  };
}

/** Reports an advance past the end of the data. */
function tooFar(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  nb: Address,
  delta: number,
  page: string,
): void {
  const length = ndis.memory.u32[(nb + NB_DATA_LENGTH) >> 2];
  const text = `${call}: ${delta} bytes are more than the ${length} of data of the net buffer 0x${nb.toString(16)}`;
  ndis.kernel.report('ADVANCE_TOO_FAR', driver, text, page);
}

/**
 * Adds DataOffsetDelta bytes of used data space before the data: unused ones, and where they do not suffice new ones
 * with DataBackFill unused bytes before them, from AllocateMdlHandler where given.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES when memory is short; NDIS_STATUS_FAILURE when
 * AllocateMdlHandler gave too little.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisretreatnetbufferdatastart.
 */
export const NdisRetreatNetBufferDataStart = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisRetreatNetBufferDataStart(PNET_BUFFER NetBuffer, ULONG DataOffsetDelta, ULONG DataBackFill, ' +
    'NET_BUFFER_ALLOCATE_MDL_HANDLER AllocateMdlHandler)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisretreatnetbufferdatastart',
  implement: (ndis: NdisLibrary, driver) => {
    const dataStart = dataStartOf(ndis);
    const { allocator } = binder(driver);
    return (
      NetBuffer: Address,
      DataOffsetDelta: number,
      DataBackFill: number,
      AllocateMdlHandler: CallbackPointer<NET_BUFFER_ALLOCATE_MDL>,
    ): number =>
      dataStart.retreat(NetBuffer, DataOffsetDelta, DataBackFill, allocator(AllocateMdlHandler), driver);
  },
});

/**
 * NdisRetreatNetBufferDataStart for every net buffer of a list: for all or, when one fails, for none.
 * @returns as for one net buffer.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisretreatnetbufferlistdatastart.
 */
export const NdisRetreatNetBufferListDataStart = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisRetreatNetBufferListDataStart(PNET_BUFFER_LIST NetBufferList, ULONG DataOffsetDelta, ' +
    'ULONG DataBackFill, NET_BUFFER_ALLOCATE_MDL_HANDLER AllocateMdlHandler, NET_BUFFER_FREE_MDL_HANDLER FreeMdlHandler)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisretreatnetbufferlistdatastart',
  implement: (ndis: NdisLibrary, driver) => {
    const dataStart = dataStartOf(ndis);
    const { allocator, freer } = binder(driver);
    return (
      NetBufferList: Address,
      DataOffsetDelta: number,
      DataBackFill: number,
      AllocateMdlHandler: CallbackPointer<NET_BUFFER_ALLOCATE_MDL>,
      FreeMdlHandler: CallbackPointer<NET_BUFFER_FREE_MDL>,
    ): number =>
      dataStart.retreatList(
        NetBufferList,
        DataOffsetDelta,
        DataBackFill,
        allocator(AllocateMdlHandler),
        freer(FreeMdlHandler),
        driver,
      );
  },
});

/**
 * Makes DataOffsetDelta bytes at the start of the data unused. With FreeMdl, MDLs that a retreat allocated and that
 * hold no used data any more are freed: those of NDIS by NDIS, those of the driver by FreeMdlHandler.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisadvancenetbufferdatastart.
 */
export const NdisAdvanceNetBufferDataStart = declareFunction('ndis', {
  prototype:
    'VOID NdisAdvanceNetBufferDataStart(PNET_BUFFER NetBuffer, ULONG DataOffsetDelta, BOOLEAN FreeMdl, ' +
    'NET_BUFFER_FREE_MDL_HANDLER FreeMdlHandler)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: ADVANCE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const dataStart = dataStartOf(ndis);
    const { freer } = binder(driver);
    return (
      NetBuffer: Address,
      DataOffsetDelta: number,
      FreeMdl: boolean,
      FreeMdlHandler: CallbackPointer<NET_BUFFER_FREE_MDL>,
    ): void => {
      // The seam gives 0 or 1 where C has FALSE or TRUE.
      if (!dataStart.advance(NetBuffer, DataOffsetDelta, Boolean(FreeMdl), freer(FreeMdlHandler))) {
        tooFar(ndis, driver, 'NdisAdvanceNetBufferDataStart', NetBuffer, DataOffsetDelta, ADVANCE_PAGE);
      }
    };
  },
});

/**
 * NdisAdvanceNetBufferDataStart for every net buffer of a list.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisadvancenetbufferlistdatastart.
 */
export const NdisAdvanceNetBufferListDataStart = declareFunction('ndis', {
  prototype:
    'VOID NdisAdvanceNetBufferListDataStart(PNET_BUFFER_LIST NetBufferList, ULONG DataOffsetDelta, BOOLEAN FreeMdl, ' +
    'NET_BUFFER_FREE_MDL_HANDLER FreeMdlMdlHandler)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: ADVANCE_LIST_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const dataStart = dataStartOf(ndis);
    const { freer } = binder(driver);
    const { i32 } = ndis.memory;
    return (
      NetBufferList: Address,
      DataOffsetDelta: number,
      FreeMdl: boolean,
      FreeMdlMdlHandler: CallbackPointer<NET_BUFFER_FREE_MDL>,
    ): void => {
      const free = freer(FreeMdlMdlHandler);
      let nb = i32[(NetBufferList + NBL_FIRST_NET_BUFFER) >> 2];
      for (; nb !== 0; nb = i32[(nb + NB_NEXT) >> 2]) {
        if (!dataStart.advance(nb, DataOffsetDelta, Boolean(FreeMdl), free)) {
          tooFar(ndis, driver, 'NdisAdvanceNetBufferListDataStart', nb, DataOffsetDelta, ADVANCE_LIST_PAGE);
        }
      }
    };
  },
});
