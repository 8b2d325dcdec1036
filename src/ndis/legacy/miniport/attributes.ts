/**
 * What a miniport driver for NDIS 5 says of its adapter from MiniportInitialize.
 * Implements nf-ndis-ndismsetattributesex and NdisMSetAttributes (ddk/ndis.h).
 */

import { type Context, type Driver, declareFunction, type Handle } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_ATTRIBUTE_BUS_MASTER,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_ATTRIBUTE_DO_NOT_BIND_TO_ALL_CO,
  NDIS_ATTRIBUTE_INTERMEDIATE_DRIVER,
  NDIS_ATTRIBUTE_NO_HALT_ON_SUSPEND,
  NDIS_ATTRIBUTE_NOT_CO_NDIS,
  NDIS_ATTRIBUTE_SURPRISE_REMOVE_OK,
  NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
  NDIS_MINIPORT_ATTRIBUTES_DO_NOT_BIND_TO_ALL_CO,
  NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND,
  NDIS_MINIPORT_ATTRIBUTES_NOT_CO_NDIS,
  NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK,
} from '../../generated/constants/index.ts';
import { NDIS_MINIPORT_BLOCK } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { legacyAdapterAt } from './throughBlock.ts';

const PAGE = 'ndis/nf-ndis-ndismsetattributesex';

/** Flags of NDIS 5 and what they are called in NDIS 6. */
const FLAGS: readonly (readonly [old: number, current: number])[] = [
  [NDIS_ATTRIBUTE_BUS_MASTER, NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER],
  [NDIS_ATTRIBUTE_SURPRISE_REMOVE_OK, NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK],
  [NDIS_ATTRIBUTE_NOT_CO_NDIS, NDIS_MINIPORT_ATTRIBUTES_NOT_CO_NDIS],
  [NDIS_ATTRIBUTE_DO_NOT_BIND_TO_ALL_CO, NDIS_MINIPORT_ATTRIBUTES_DO_NOT_BIND_TO_ALL_CO],
  [NDIS_ATTRIBUTE_NO_HALT_ON_SUSPEND, NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND],
];

function setAttributes(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  handle: Handle,
  context: Address,
  seconds: number,
  flags: number,
  adapterType: number,
): void {
  const legacy = legacyAdapterAt(ndis, driver, handle, call, PAGE);
  if (legacy === null) return;
  const { adapter, block } = legacy;
  if (!adapter.initializing) {
    const text = `${call} was called for ${adapter.label} outside of MiniportInitialize`;
    ndis.kernel.report('ATTRIBUTES_OUT_OF_TIME', driver, text, PAGE);
    return;
  }
  const intermediate = (flags & NDIS_ATTRIBUTE_INTERMEDIATE_DRIVER) !== 0;
  if (adapter.virtual && !intermediate) {
    const text = `${call}: ${adapter.label} is a virtual miniport; set NDIS_ATTRIBUTE_INTERMEDIATE_DRIVER`;
    ndis.kernel.report('NOT_INTERMEDIATE', driver, text, PAGE);
  }
  legacy.context = ndis.contextValue(context);
  legacy.attributes = flags;
  legacy.attributesSet = true;
  legacy.lock.serialized = !adapter.virtual && !intermediate && (flags & NDIS_ATTRIBUTE_DESERIALIZE) === 0;
  adapter.registration = {
    flags: FLAGS.reduce((sum, [old, current]) => ((flags & old) === 0 ? sum : sum | current), 0),
    // The interval is a multiple of two seconds.
    checkForHangSeconds: seconds < 2 ? 0 : seconds & ~1,
    interfaceType: adapterType,
  };
  const { offset } = NDIS_MINIPORT_BLOCK;
  ndis.memory.writePointer(block + offset.MiniportAdapterContext, context);
  ndis.memory.u32[(block + offset.AdapterType) >> 2] = adapterType;
  ndis.memory.u32[(block + offset.CheckForHangSeconds) >> 2] = seconds;
}

/**
 * NdisMSetAttributesEx: names the context that the driver's handlers get, and says with NDIS_ATTRIBUTE_ flags whether
 * it is a deserialized or an intermediate driver. From MiniportInitialize, before anything that depends on it; at any
 * other time it is the finding ATTRIBUTES_OUT_OF_TIME. CheckForHangTimeInSeconds: 0 stands for 2, other values are
 * taken as multiples of 2. IRQL PASSIVE_LEVEL. Source: ndis/nf-ndis-ndismsetattributesex.
 */
export const NdisMSetAttributesEx = declareFunction('ndis', {
  prototype:
    'VOID NdisMSetAttributesEx(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE MiniportAdapterContext, UINT CheckForHangTimeInSeconds, ULONG AttributeFlags, NDIS_INTERFACE_TYPE AdapterType)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '5.0',
  page: PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportAdapterHandle: Handle,
      MiniportAdapterContext: Context,
      CheckForHangTimeInSeconds: number,
      AttributeFlags: number,
      AdapterType: number,
    ): void =>
      setAttributes(
        ndis,
        driver,
        'NdisMSetAttributesEx',
        MiniportAdapterHandle,
        MiniportAdapterContext,
        CheckForHangTimeInSeconds,
        AttributeFlags,
        AdapterType,
      ),
});

/** NdisMSetAttributes: NdisMSetAttributesEx of a serialized driver without further attributes. IRQL PASSIVE_LEVEL. */
export const NdisMSetAttributes = declareFunction('ndis', {
  prototype:
    'VOID NdisMSetAttributes(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE MiniportAdapterContext, BOOLEAN BusMaster, NDIS_INTERFACE_TYPE AdapterType)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nf-ndis-ndismsetattributes',
  inline: true,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportAdapterHandle: Handle,
      MiniportAdapterContext: Context,
      BusMaster: boolean | number,
      AdapterType: number,
    ): void =>
      setAttributes(
        ndis,
        driver,
        'NdisMSetAttributes',
        MiniportAdapterHandle,
        MiniportAdapterContext,
        0,
        Number(BusMaster) === 0 ? 0 : NDIS_ATTRIBUTE_BUS_MASTER,
        AdapterType,
      ),
});
