/** The MSI-X table of an adapter at run time. Implements NdisMConfigMSIXTableEntry (ndis.h). */

import type { Handle, Pointer } from '../../kernel/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_MSIX_CONFIG_PARAMETERS_REVISION_1,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_MSIX_CONFIG_PARAMETERS_REVISION_1,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NdisMSIXTableConfigMaskTableEntry,
  NdisMSIXTableConfigSetTableEntry,
  NdisMSIXTableConfigUnmaskTableEntry,
} from '../generated/constants/index.ts';
import { NDIS_MSIX_CONFIG_PARAMETERS } from '../generated/structures/index.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { functionAt } from './adapterHardware.ts';

const PAGE = 'ndis/nf-ndis-ndismconfigmsixtableentry';

const parametersRule: HeaderRule = {
  structure: 'NDIS_MSIX_CONFIG_PARAMETERS',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [
    {
      revision: NDIS_MSIX_CONFIG_PARAMETERS_REVISION_1,
      size: NDIS_SIZEOF_MSIX_CONFIG_PARAMETERS_REVISION_1,
      minorVersion: 1,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_msix_config_parameters',
};

/**
 * Masks or unmasks an entry of the MSI-X table, or lets it send another message of the adapter: so a queue of the device
 * moves to another processor.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_INVALID_PARAMETER for a wrong header, entry, message or operation;
 * NDIS_STATUS_NOT_SUPPORTED, from the bus, for an adapter that does not interrupt by MSI-X.
 * Any IRQL; to set an entry <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndismconfigmsixtableentry.
 */
export const NdisMConfigMSIXTableEntry = synchronous(
  'NDIS_STATUS NdisMConfigMSIXTableEntry(NDIS_HANDLE NdisMiniportHandle, PNDIS_MSIX_CONFIG_PARAMETERS MSIXConfigParameters)',
  'any',
  '6.1',
  PAGE,
  (ndis, driver) =>
    (NdisMiniportHandle: Handle, MSIXConfigParameters: Pointer<NDIS_MSIX_CONFIG_PARAMETERS>): number => {
      const call = 'NdisMConfigMSIXTableEntry';
      const target = functionAt(ndis, NdisMiniportHandle, driver, call, PAGE);
      if (target === null || target.interruptMode !== 'msi-x') return NDIS_STATUS_NOT_SUPPORTED;
      if (checkHeader(ndis, driver, call, MSIXConfigParameters, parametersRule) === null)
        return NDIS_STATUS_INVALID_PARAMETER;
      const { ConfigOperation, TableEntry, MessageNumber } = NDIS_MSIX_CONFIG_PARAMETERS.at(
        ndis.memory,
        MSIXConfigParameters,
      );
      const entry = target.table[TableEntry];
      if (entry === undefined) return NDIS_STATUS_INVALID_PARAMETER;
      switch (ConfigOperation) {
        case NdisMSIXTableConfigSetTableEntry:
          if (MessageNumber >= target.messages.length) return NDIS_STATUS_INVALID_PARAMETER;
          entry.message = MessageNumber;
          return NDIS_STATUS_SUCCESS;
        case NdisMSIXTableConfigMaskTableEntry:
          target.maskEntry(TableEntry, true);
          return NDIS_STATUS_SUCCESS;
        case NdisMSIXTableConfigUnmaskTableEntry:
          target.maskEntry(TableEntry, false);
          return NDIS_STATUS_SUCCESS;
        default:
          return NDIS_STATUS_INVALID_PARAMETER;
      }
    },
);
