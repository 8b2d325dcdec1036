import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { bindInLevels, createTestIntermediate, joinLog } from '../../../test/support/intermediate.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { DRIVER_OBJECT, startUnloadingDriver } from '../../kernel/index.ts';
import { createDriverObject } from '../../kernel/io/driverObject.ts';
import { inventoryOf, NDIS_STATUS_FAILURE, NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_SUCCESS } from '../index.ts';

/** A protocol over an intermediate driver over a miniport. */
async function levels(options: { seed: number; processors?: number }) {
  const t = createTestNdis(options);
  const all: string[] = [];
  const nic = createTestMiniport(t, 'nic');
  const top = createTestProtocol(t, 'top');
  await registerMiniport(t, nic);
  const im = await createTestIntermediate(t);
  await registerProtocol(t, top);
  bindInLevels(t, 'top');
  for (const [name, log] of [
    ['nic', nic.log],
    ['im', im.m.log],
    ['im', im.p.log],
    ['top', top.log],
  ] as const)
    joinLog(all, name, log);
  const adapter = t.addAdapter(nic.object(), 'Ethernet');
  await t.runAll();
  return { t, nic, im, top, adapter, all };
}

const cases = Array.from({ length: 20 }, (_, index) => [index + 1, [1, 2, 4][index % 3]] as const);

describe.each(cases)('a stack of three levels, seed %i, %i processors', (seed, processors) => {
  test('comes up from the bottom: higher protocols bind to the virtual miniport, and each restarts after what is below it (network/starting-a-driver-stack)', async () => {
    const { t, all, im, top, adapter } = await levels({ seed, processors });
    const order = (...lines: string[]) =>
      expect(lines.map((line) => all.indexOf(line))).toEqual(
        lines.map((line) => all.indexOf(line)).toSorted((a, b) => a - b),
      );
    expect(new Set(all.filter((line) => !/Complete/.test(line)))).toEqual(
      new Set([
        'nic:initialize',
        'im:bind',
        'im:initialize',
        'top:bind',
        'im:restart',
        'top:netEventRestart',
        'nic:restart',
        'im:netEventRestart',
      ]),
    );
    order('nic:initialize', 'im:bind', 'im:initialize', 'top:bind', 'im:restart', 'top:netEventRestart');
    order('im:bind', 'nic:restart', 'im:netEventRestart');
    expect(adapter.state).toBe('Running');
    const [virtual] = im.m.object().adapters;
    expect(virtual.state).toBe('Running');
    expect([...top.object().bindings].map((binding) => binding.adapter)).toEqual([virtual]);
    expect([...im.p.object().bindings].map((binding) => binding.adapter)).toEqual([adapter]);
    expect(t.findings()).toEqual([]);
  });

  test('goes down from the top when the adapter below is halted (network/stopping-a-driver-stack, ndis/nf-ndis-ndisimdeinitializedeviceinstance)', async () => {
    const { t, all, adapter } = await levels({ seed, processors });
    all.length = 0;
    t.halt(adapter);
    await t.runAll();
    expect(all.filter((line) => !/Complete/.test(line))).toEqual([
      'im:netEventPause',
      'nic:pause',
      'im:unbind',
      'top:netEventPause',
      'im:pause',
      'top:unbind',
      'im:halt',
      'nic:halt',
    ]);
    expect(inventoryOf(t.ndis).adapters.size).toBe(0);
    expect(t.findings()).toEqual([]);
  });

  test('an intermediate driver is unloaded: ProtocolUninstall runs before MiniportDriverUnload, after every binding is gone (ndis/nc-ndis-protocol_uninstall)', async () => {
    const { t, all, im, top, adapter } = await levels({ seed, processors });
    all.length = 0;
    const { driver } = im.m.driver;
    driver.state = 'loaded';
    const unload = DRIVER_OBJECT.at(t.memory, driver.driverObject).DriverUnload;
    createDriverObject(t.kernel, driver, 0, 0);
    DRIVER_OBJECT.at(t.memory, driver.driverObject).DriverUnload = unload;
    let status = -1;
    startUnloadingDriver(t.kernel, driver, (value) => {
      status = value;
    });
    await t.runAll();
    expect(status).toBe(0);
    const lines = all.filter((line) => /uninstall|unload|im:unbind|im:halt/.test(line));
    expect(lines).toEqual(['im:halt', 'im:unbind', 'im:uninstall', 'im:unload']);
    expect(top.object().bindings.size).toBe(0);
    expect(adapter.state).toBe('Running');
    expect(t.findings().filter((line) => !line.startsWith('POOL_LEFT'))).toEqual([]);
  });
});

describe('NdisIMAssociateMiniport (ndis/nf-ndis-ndisimassociateminiport)', () => {
  test('the protocol edge is never bound over its own virtual miniports', async () => {
    const t = createTestNdis();
    const nic = createTestMiniport(t, 'nic');
    await registerMiniport(t, nic);
    const { p, m } = await createTestIntermediate(t);
    t.addAdapter(nic.object(), 'Ethernet');
    await t.runAll();
    await t.run(() => p.driver.ndis.NdisReEnumerateProtocolBindings(p.handle.value));
    await t.runAll();
    expect(m.object().adapters.size).toBe(1);
    expect(p.object().bindings.size).toBe(1);
    expect(t.findings()).toEqual([]);
  });

  test('a miniport that was registered without NDIS_INTERMEDIATE_DRIVER is a finding', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const p = createTestProtocol(t);
    await registerMiniport(t, m);
    await registerProtocol(t, p);
    await t.run(() => m.driver.ndis.NdisIMAssociateMiniport(m.handle.value, p.handle.value));
    expect(t.findings()).toEqual(['NOT_INTERMEDIATE miniport']);
  });
});

describe('virtual miniports', () => {
  test('an instance that exists gives NDIS_STATUS_NOT_ACCEPTED (ndis/nf-ndis-ndisiminitializedeviceinstanceex)', async () => {
    const { t, im } = await levels({ seed: 1 });
    const { ndis } = im.m.driver;
    const status = await t.run(() =>
      ndis.NdisIMInitializeDeviceInstanceEx(im.m.handle.value, '\\Device\\IM OVER 0', null),
    );
    expect(status).toBe(NDIS_STATUS_NOT_ACCEPTED);
  });

  test('can be cancelled until MiniportInitializeEx runs, not later (ndis/nf-ndis-ndisimcancelinitializedeviceinstance)', async () => {
    const { t, im } = await levels({ seed: 2 });
    const { ndis } = im.m.driver;
    const cancel = (name: string) => ndis.NdisIMCancelInitializeDeviceInstance(im.m.handle.value, name);
    expect(await t.run(() => cancel('im over 0'))).toBe(NDIS_STATUS_FAILURE);
    expect(await t.run(() => cancel('nothing'))).toBe(NDIS_STATUS_FAILURE);
    let early = 0;
    for (let i = 0; i < 10; i++) {
      const before = im.m.adapters.length;
      const status = await t.run(async () => {
        await ndis.NdisIMInitializeDeviceInstanceEx(im.m.handle.value, `more ${i}`, null);
        return cancel(`more ${i}`);
      });
      await t.runAll();
      expect(im.m.adapters.length).toBe(status === NDIS_STATUS_SUCCESS ? before : before + 1);
      if (status === NDIS_STATUS_SUCCESS) early++;
    }
    expect(early).toBeGreaterThan(0);
    expect(early).toBeLessThan(10);
  });

  test('a wrong handle fails (ndis/nf-ndis-ndisimdeinitializedeviceinstance)', async () => {
    const { t, im, nic } = await levels({ seed: 3 });
    const { ndis } = im.m.driver;
    expect(await t.run(() => ndis.NdisIMDeInitializeDeviceInstance(0x40))).toBe(NDIS_STATUS_FAILURE);
    expect(await t.run(() => ndis.NdisIMInitializeDeviceInstanceEx(nic.handle.value, 'x', null))).toBe(
      NDIS_STATUS_FAILURE,
    );
  });

  test('the protocol above reads the device context; over a physical adapter there is none (ndis/nf-ndis-ndisimgetbindingcontext)', async () => {
    const { t, im, top } = await levels({ seed: 4 });
    const above = await t.run(() => top.driver.ndis.NdisIMGetBindingContext(top.bindings[0].handle.value));
    expect(t.memory.objects.valueAt(above)).toBe(im.p.bindings[0]);
    const below = await t.run(() => im.p.driver.ndis.NdisIMGetBindingContext(im.p.bindings[0].handle.value));
    expect(below).toBe(0);
  });
});
