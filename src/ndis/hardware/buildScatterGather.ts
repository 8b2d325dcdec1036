/**
 * Scatter/gather lists of any buffer, for drivers of all kinds over an adapter with a DMA channel.
 * Implements NdisBuildScatterGatherList, NdisFreeScatterGatherList and NDIS_PROCESS_SG_LIST (ndis.h).
 */

import { type Driver, declareCallback, type Handle, MDL, type Pointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SCATTER_GATHER_LIST_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_SCATTER_GATHER_LIST_PARAMETERS_REVISION_1,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_SCATTER_GATHER_LIST_PARAMETERS } from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject, perNdis } from '../library.ts';
import { physicalDeviceOf } from '../miniport/adapterDevices.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { listSize, measureList, writeList } from './scatterGather.ts';
import { channelOf } from './scatterGatherDma.ts';

const BUILD_PAGE = 'ndis/nf-ndis-ndisbuildscattergatherlist';
const FREE_PAGE = 'ndis/nf-ndis-ndisfreescattergatherlist';

/** NetProcessSGList: gets the list inside NdisBuildScatterGatherList. */
export type NDIS_PROCESS_SG_LIST = (
  DeviceObject: Address,
  Reserved: Address,
  ScatterGatherListBuffer: Address,
  Context: unknown,
) => void;
export const NDIS_PROCESS_SG_LIST = declareCallback<NDIS_PROCESS_SG_LIST>({
  prototype:
    'VOID NDIS_PROCESS_SG_LIST(PDEVICE_OBJECT DeviceObject, PVOID Reserved, PSCATTER_GATHER_LIST ScatterGatherListBuffer, PVOID Context)',
  role: 'NetProcessSGList',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: '6.20',
  page: 'ndis/nc-ndis-ndis_process_sg_list',
});

const parametersRule: HeaderRule = {
  structure: 'NDIS_SCATTER_GATHER_LIST_PARAMETERS',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [
    {
      revision: NDIS_SCATTER_GATHER_LIST_PARAMETERS_REVISION_1,
      size: NDIS_SIZEOF_SCATTER_GATHER_LIST_PARAMETERS_REVISION_1,
      minorVersion: 20,
    },
  ],
  page: BUILD_PAGE,
};

/** Lists that were built and not freed: the handle that each was built with. */
const builtOf = perNdis('built scatter/gather lists', () => new Map<Address, Handle>());

/** The adapter behind a miniport or binding handle; a wrong one is a finding. */
function adapterAt(
  ndis: NdisLibrary,
  handle: Handle,
  driver: Driver,
  call: string,
  page: string,
): MiniportAdapter | null {
  const object = ndis.expect(handle, NdisObject, driver, call, page);
  if (object instanceof MiniportAdapter) return object;
  return object instanceof Binding ? object.adapter : null;
}

/**
 * Builds the list of a buffer in memory of the caller's and hands it to NetProcessSGList before it returns.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_BUFFER_TOO_SHORT, with ScatterGatherListBufferSizeNeeded filled in;
 * NDIS_STATUS_INVALID_PARAMETER for a wrong header, without a NetProcessSGList or where the MDL is shorter than Length;
 * NDIS_STATUS_FAILURE for a wrong handle and while the adapter has no DMA channel.
 * IRQL DISPATCH_LEVEL. Page ndis/nf-ndis-ndisbuildscattergatherlist.
 */
export const NdisBuildScatterGatherList = synchronous(
  'NDIS_STATUS NdisBuildScatterGatherList(NDIS_HANDLE NdisHandle, PNDIS_SCATTER_GATHER_LIST_PARAMETERS SGListParameters)',
  'DISPATCH_LEVEL',
  '6.20',
  BUILD_PAGE,
  (ndis, driver) =>
    (NdisHandle: Handle, SGListParameters: Pointer<NDIS_SCATTER_GATHER_LIST_PARAMETERS>): number => {
      const call = 'NdisBuildScatterGatherList';
      const adapter = adapterAt(ndis, NdisHandle, driver, call, BUILD_PAGE);
      if (adapter === null || channelOf(ndis, adapter) === null) return NDIS_STATUS_FAILURE;
      if (checkHeader(ndis, driver, call, SGListParameters, parametersRule) === null)
        return NDIS_STATUS_INVALID_PARAMETER;
      const { memory } = ndis;
      const given = NDIS_SCATTER_GATHER_LIST_PARAMETERS.at(memory, SGListParameters);
      const { offset } = NDIS_SCATTER_GATHER_LIST_PARAMETERS;
      const at = (member: 'Mdl' | 'CurrentVa' | 'ProcessSGListHandler' | 'Context') =>
        memory.readPointer(SGListParameters + offset[member]);
      const mdl = at('Mdl');
      const process = driver.callback(at('ProcessSGListHandler'), NDIS_PROCESS_SG_LIST);
      if (process === null || mdl === 0) return NDIS_STATUS_INVALID_PARAMETER;
      const skip = at('CurrentVa') - dataStartOf(ndis, mdl);
      const { elements, bytes } = measureList(memory, mdl, skip, given.Length);
      if (skip < 0 || bytes < given.Length) return NDIS_STATUS_INVALID_PARAMETER;
      const size = listSize(elements);
      given.ScatterGatherListBufferSizeNeeded = size;
      const list = given.ScatterGatherListBuffer;
      if (list === 0 || given.ScatterGatherListBufferSize < size) return NDIS_STATUS_BUFFER_TOO_SHORT;
      writeList(memory, list, mdl, skip, given.Length);
      builtOf(ndis).set(list, NdisHandle);
      process.invoke(physicalDeviceOf(ndis, adapter), 0, list, ndis.contextValue(at('Context')));
      return NDIS_STATUS_SUCCESS;
    },
);

function dataStartOf(ndis: NdisLibrary, mdl: Address): Address {
  const { i32, u32 } = ndis.memory;
  return i32[(mdl + MDL.offset.StartVa) >> 2] + u32[(mdl + MDL.offset.ByteOffset) >> 2];
}

/**
 * Frees a list that NdisBuildScatterGatherList built with the same handle; another one is a finding.
 * IRQL DISPATCH_LEVEL. Page ndis/nf-ndis-ndisfreescattergatherlist.
 */
export const NdisFreeScatterGatherList = synchronous(
  'VOID NdisFreeScatterGatherList(NDIS_HANDLE NdisHandle, PSCATTER_GATHER_LIST ScatterGatherListBuffer, BOOLEAN WriteToDevice)',
  'DISPATCH_LEVEL',
  '6.20',
  FREE_PAGE,
  (ndis, driver) =>
    (NdisHandle: Handle, ScatterGatherListBuffer: Address, _WriteToDevice: boolean): void => {
      const built = builtOf(ndis);
      if (built.get(ScatterGatherListBuffer) === NdisHandle) {
        built.delete(ScatterGatherListBuffer);
        return;
      }
      ndis.kernel.report(
        'BAD_SG_LIST',
        driver,
        `NdisFreeScatterGatherList: 0x${ScatterGatherListBuffer.toString(16)} was not built with this handle, or was freed`,
        FREE_PAGE,
      );
    },
);
