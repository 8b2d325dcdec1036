/** The least protocol driver: bound to every adapter, and silent. */

import {
  type Address,
  type DriverImports,
  defineDriver,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import { type Lower, protocolCharacteristics } from './protocolEdge.ts';

export function idleProtocol(name: string) {
  return defineDriver((imports: DriverImports) => {
    const { ndis } = imports;
    const protocol = imports.cell();
    const unbinding = new Map<Lower, Address>();
    const characteristics = {
      ...protocolCharacteristics(imports, name, protocol, {
        create: (lower) => lower,
        opened: () => NDIS_STATUS_SUCCESS,
        closing: () => {},
        receive: () => {},
        sendComplete: () => {},
      }),
      UnbindAdapterHandlerEx: async (context: Address, binding: Lower) => {
        unbinding.set(binding, context);
        return ndis.NdisCloseAdapterEx(binding.handle.value);
      },
      CloseAdapterCompleteHandlerEx: (binding: Lower) => {
        ndis.NdisCompleteUnbindAdapterEx(unbinding.get(binding) ?? 0);
      },
    };
    return {
      DriverEntry: (driverObject) => {
        driverObject.DriverUnload = () => ndis.NdisDeregisterProtocolDriver(protocol.value);
        return ndis.NdisRegisterProtocolDriver(null, characteristics, protocol);
      },
    };
  });
}
