/**
 * pass51: an NDIS 5.1 intermediate driver that passes everything through: a protocol edge over each adapter, and above
 * each binding a virtual miniport. The twin of native/legacy/pass51 in C.
 * Implements nf-ndis-ndisimregisterlayeredminiport and nf-ndis-ndismregisterunloadhandler.
 */

import {
  type DriverImports,
  defineDriver,
  NDIS_MINIPORT_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
  NDIS50_PROTOCOL_CHARACTERISTICS,
} from '../../src/machine/index.ts';
import type { Pass51Binding } from './binding.ts';
import { miniportCharacteristics } from './miniport.ts';
import { protocolCharacteristics } from './protocol.ts';

/** The driver. */
export const pass51 = defineDriver((imports: DriverImports) => {
  const { ndis, memory, cell } = imports;
  const wrapper = cell();
  const edges = { driver: cell(), protocol: cell() };
  const status = cell();

  const unload = async (): Promise<void> => {
    if (edges.protocol.value !== 0) await ndis.NdisDeregisterProtocol(status, edges.protocol.value);
    edges.protocol.value = 0;
    await ndis.NdisIMDeregisterLayeredMiniport(edges.driver.value);
  };

  return {
    async DriverEntry(DriverObject, RegistryPath) {
      ndis.NdisMInitializeWrapper(wrapper, DriverObject, RegistryPath, null);
      if (wrapper.value === 0) return NDIS_STATUS_FAILURE;
      // A device context is an object of the driver's; its address leads back to it.
      const bindingOf = (context: number) => memory.objects.valueAt(context) as Pass51Binding;
      const registered = ndis.NdisIMRegisterLayeredMiniport(
        wrapper.value,
        miniportCharacteristics(imports, bindingOf),
        NDIS_MINIPORT_CHARACTERISTICS.size,
        edges.driver,
      );
      if (registered !== NDIS_STATUS_SUCCESS) {
        await ndis.NdisTerminateWrapper(wrapper.value, null);
        return registered;
      }
      ndis.NdisMRegisterUnloadHandler(wrapper.value, unload);
      await ndis.NdisRegisterProtocol(
        status,
        edges.protocol,
        protocolCharacteristics(imports, edges) as object,
        NDIS50_PROTOCOL_CHARACTERISTICS.size,
      );
      if (memory.u32[status.address >> 2] !== NDIS_STATUS_SUCCESS) {
        await ndis.NdisIMDeregisterLayeredMiniport(edges.driver.value);
        await ndis.NdisTerminateWrapper(wrapper.value, null);
        return memory.u32[status.address >> 2];
      }
      ndis.NdisIMAssociateMiniport(edges.driver.value, edges.protocol.value);
      return registered;
    },
  };
});
