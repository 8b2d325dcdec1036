/** Configuration of NDIS 5 drivers. Implements NdisOpenConfiguration (ddk/ndis.h) and nf-ndis-ndisopenprotocolconfiguration. */

import type { Handle, OutPointer, TextPointer } from '../../../kernel/index.ts';
import { readUnicodeString } from '../../../memory/index.ts';
import { isConfigurationOwner, openConfigurationPath } from '../../configuration/configuration.ts';
import { NDIS_STATUS_FAILURE } from '../../generated/constants/index.ts';
import { NdisObject } from '../../library.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';

/**
 * Opens the parameters of the adapter that MiniportInitialize is called for. `Status`: NDIS_STATUS_SUCCESS;
 * NDIS_STATUS_FAILURE for a wrong context (a finding) and where there is no such key; NDIS_STATUS_RESOURCES.
 * PASSIVE_LEVEL.
 */
export const NdisOpenConfiguration = legacyFunction(
  'VOID NdisOpenConfiguration(PNDIS_STATUS Status, PNDIS_HANDLE ConfigurationHandle, NDIS_HANDLE WrapperConfigurationContext)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (Status: OutPointer, ConfigurationHandle: OutPointer, WrapperConfigurationContext: Handle): void => {
      const call = 'NdisOpenConfiguration';
      const { memory } = ndis;
      memory.writePointer(ConfigurationHandle, 0);
      const owner = ndis.resolve(WrapperConfigurationContext, NdisObject);
      if (isConfigurationOwner(owner)) {
        const path = owner.configurationKeyPath;
        memory.u32[Status >> 2] = openConfigurationPath(ndis, driver, call, path, ConfigurationHandle);
        return;
      }
      const text = `${call}: 0x${WrapperConfigurationContext.toString(16)} names nothing with parameters in the registry`;
      ndis.kernel.report('BAD_HANDLE', driver, text, legacyPage(call));
      memory.u32[Status >> 2] = NDIS_STATUS_FAILURE;
    },
);

/**
 * Opens what the protocol keeps about an adapter: `ProtocolSection` is the SystemSpecific1 of ProtocolBindAdapter.
 * `Status`: NDIS_STATUS_SUCCESS, NDIS_STATUS_FAILURE where there is no such key, NDIS_STATUS_RESOURCES. PASSIVE_LEVEL.
 * ndis/nf-ndis-ndisopenprotocolconfiguration
 */
export const NdisOpenProtocolConfiguration = legacyFunction(
  'VOID NdisOpenProtocolConfiguration(PNDIS_STATUS Status, PNDIS_HANDLE ConfigurationHandle, PNDIS_STRING ProtocolSection)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (Status: OutPointer, ConfigurationHandle: OutPointer, ProtocolSection: TextPointer): void => {
      const { memory } = ndis;
      memory.writePointer(ConfigurationHandle, 0);
      const path = readUnicodeString(memory, ProtocolSection);
      const call = 'NdisOpenProtocolConfiguration';
      memory.u32[Status >> 2] = openConfigurationPath(ndis, driver, call, path, ConfigurationHandle);
    },
);
