/** A small intermediate driver for conformance tests: one virtual miniport over each adapter below. */

import type { Address } from '../../src/memory/index.ts';
import {
  inventoryOf,
  NDIS_INTERMEDIATE_DRIVER,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../../src/ndis/index.ts';
import {
  createTestMiniport,
  createTestProtocol,
  generalAttributes,
  protocolCharacteristics,
  registerMiniport,
  registerProtocol,
  registrationAttributes,
  type TestBinding,
  type TestMiniport,
  type TestProtocol,
} from './drivers.ts';
import type { TestNdis } from './ndis.ts';

/** Both edges of an intermediate driver. */
export interface TestIntermediate {
  readonly m: TestMiniport;
  readonly p: TestProtocol;
}

/** Lets a log write into a common one too, with the name of its driver. */
export function joinLog(all: string[], name: string, log: string[]): void {
  log.push = (...lines: string[]) => {
    for (const line of lines) {
      all.push(`${name}:${line}`);
      log[log.length] = line;
    }
    return log.length;
  };
}

/** Makes and registers an intermediate driver whose virtual miniports are named `NAME over ADAPTER`. */
export async function createTestIntermediate(t: TestNdis, name = 'im'): Promise<TestIntermediate> {
  const driver = t.createDriver(name);
  const m = createTestMiniport(t, name, driver);
  const p = createTestProtocol(t, name, driver);
  const { ndis } = driver;
  const virtual = new Map<TestBinding, Address>();
  const start = (binding: TestBinding) =>
    ndis.NdisIMInitializeDeviceInstanceEx(
      m.handle.value,
      `${name} over ${p.bindings.indexOf(binding)}`,
      binding,
    );
  const registered = await registerMiniport(t, m, {
    Flags: NDIS_INTERMEDIATE_DRIVER,
    InitializeHandlerEx: (
      handle: Address,
      _context: unknown,
      parameters: { IMDeviceInstanceContext: Address },
    ) => {
      m.log.push('initialize');
      m.adapters.push(handle);
      const binding = t.memory.objects.valueAt(parameters.IMDeviceInstanceContext) as TestBinding;
      virtual.set(binding, handle);
      ndis.NdisMSetMiniportAttributes(handle, registrationAttributes({ handle }));
      ndis.NdisMSetMiniportAttributes(handle, generalAttributes());
      return NDIS_STATUS_SUCCESS;
    },
    UnloadHandler: async () => {
      m.log.push('unload');
      await ndis.NdisDeregisterProtocolDriver(p.handle.value);
      await ndis.NdisMDeregisterMiniportDriver(m.handle.value);
    },
  });
  if (registered !== NDIS_STATUS_SUCCESS) throw new Error('the miniport edge did not register');
  const given = protocolCharacteristics(p);
  await registerProtocol(t, p, {
    BindAdapterHandlerEx: async (...args: Parameters<typeof given.BindAdapterHandlerEx>) => {
      const status = given.BindAdapterHandlerEx(...args);
      if (status === NDIS_STATUS_SUCCESS) await start(p.bindings[p.bindings.length - 1]);
      return status;
    },
    OpenAdapterCompleteHandlerEx: async (binding: TestBinding, status: number) => {
      if (status === NDIS_STATUS_SUCCESS) await start(binding);
      ndis.NdisCompleteBindAdapterEx(binding.bindContext, status);
    },
    UnbindAdapterHandlerEx: async (unbindContext: Address, binding: TestBinding) => {
      p.log.push('unbind');
      binding.unbindContext = unbindContext;
      const instance = `${name} over ${p.bindings.indexOf(binding)}`;
      const cancelled = ndis.NdisIMCancelInitializeDeviceInstance(m.handle.value, instance);
      const handle = virtual.get(binding);
      if (cancelled === NDIS_STATUS_FAILURE && handle !== undefined) {
        await ndis.NdisIMDeInitializeDeviceInstance(handle);
        virtual.delete(binding);
      }
      return ndis.NdisCloseAdapterEx(binding.handle.value);
    },
    UninstallHandler: () => {
      p.log.push('uninstall');
    },
  });
  await t.run(() => ndis.NdisIMAssociateMiniport(m.handle.value, p.handle.value));
  return { m, p };
}

/** Lets `top` bind to virtual miniports only, and other protocols to physical ones only. */
export function bindInLevels(t: TestNdis, top: string): void {
  inventoryOf(t.ndis).mayBind = (protocol, adapter) => adapter.virtual === (protocol.name === top);
}
