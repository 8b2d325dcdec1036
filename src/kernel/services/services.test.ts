import { describe, expect, test } from 'vitest';
import { createTestKernel } from '../../../test/support/kernel.ts';
import { readUnicodeString } from '../../memory/index.ts';
import {
  STATUS_FAILED_DRIVER_ENTRY,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_PENDING,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../generated/constants/ntstatus.ts';
import { kernelStructures } from '../generated/structures/all.ts';
import type { DRIVER_INITIALIZE } from '../io/driverObject.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { objectsOf } from '../objects/objectManager.ts';
import { procedure } from '../procedure.ts';
import { registryOf } from '../registry/index.ts';
import { type DriverLocals, driverLifeOf, startLoadingDriver, startUnloadingDriver } from './driverLife.ts';
import { createService, loadOrder, readService } from './serviceRecord.ts';

function setUp() {
  const { kernel, driver } = createTestKernel({}, { structures: (name) => kernelStructures[name] });
  const pump = async (begin: (finished: (status: number) => void) => void) => {
    let status: number | null = null;
    begin((value) => {
      status = value;
    });
    await kernel.scheduler.run(() => status !== null);
    if (kernel.stopReason !== null) throw kernel.stopReason;
    return status;
  };
  return {
    kernel,
    driver,
    codes: () => kernel.findings.map(({ code }) => code),
    load: (entry: DRIVER_INITIALIZE) => pump((done) => startLoadingDriver(kernel, driver, entry, done)),
    unload: () => pump((done) => startUnloadingDriver(kernel, driver, done)),
  };
}

describe('driver life', () => {
  test('DriverEntry runs at PASSIVE_LEVEL with driver object and registry path (wdm/nc-wdm-driver_initialize)', async () => {
    const { load, kernel, driver, codes } = setUp();
    const seen: unknown[] = [];
    const status = await load((DriverObject, RegistryPath) => {
      seen.push(kernel.irql, readUnicodeString(kernel.memory, RegistryPath.address));
      seen.push(readUnicodeString(kernel.memory, DriverObject.DriverName.address), DriverObject.Size);
      seen.push(readUnicodeString(kernel.memory, DriverObject.DriverExtension + 24));
      driverLifeOf(kernel).noteRegistration(driver, 'NdisRegisterProtocolDriver');
      return STATUS_SUCCESS;
    });
    expect(status).toBe(STATUS_SUCCESS);
    const path = '\\Registry\\Machine\\System\\CurrentControlSet\\Services\\testdriver';
    expect(seen).toEqual([0, path, '\\Driver\\testdriver', 336, 'testdriver']);
    expect(driver.state).toBe('loaded');
    expect(codes()).toEqual([]);
  });

  test('an error unloads the driver; what it left is named and released (wdm/nc-wdm-driver_initialize)', async () => {
    const { load, kernel, driver, codes } = setUp();
    let released = 0;
    const status = await load(() => {
      driver.own('x', { kind: 'thing', name: 'X', releasedBy: 'DeleteX', release: () => released++ });
      poolOf(kernel).allocate(0, 32, 0x3130_5354, driver.id);
      driverLifeOf(kernel).noteRegistration(driver, 'NdisRegisterProtocolDriver');
      return STATUS_UNSUCCESSFUL;
    });
    expect(status).toBe(STATUS_UNSUCCESSFUL);
    expect(released).toBe(1);
    expect(driver.state).toBe('failed');
    expect(driver.driverObject).toBe(0);
    expect(objectsOf(kernel).count).toBe(0);
    expect(poolOf(kernel).leaks(driver.id)).toEqual([]);
    expect(codes()).toEqual([
      'DRIVER_ENTRY_FAILED_AFTER_REGISTRATION',
      'LEFT_AFTER_DRIVER_ENTRY',
      'POOL_LEFT_AFTER_DRIVER_ENTRY',
    ]);
    expect(kernel.findings[1].text).toContain('thing X');
    expect(kernel.findings[2].text).toContain('tag TS01');
  });

  test('STATUS_PENDING is refused, success without registration is a finding (wdm/nc-wdm-driver_initialize)', async () => {
    const pending = setUp();
    expect(await pending.load(() => STATUS_PENDING)).toBe(STATUS_FAILED_DRIVER_ENTRY);
    expect(pending.codes()).toEqual(['STATUS_PENDING_FROM_DRIVER_ENTRY']);
    const idle = setUp();
    expect(await idle.load(() => STATUS_SUCCESS)).toBe(STATUS_SUCCESS);
    expect(idle.codes()).toEqual(['NOTHING_REGISTERED']);
  });

  test('a driver without Unload cannot be unloaded (wdm/nc-wdm-driver_unload)', async () => {
    const { load, unload, driver } = setUp();
    await load(() => STATUS_SUCCESS);
    expect(await unload()).toBe(STATUS_INVALID_DEVICE_REQUEST);
    expect(driver.state).toBe('loaded');
  });

  test('Unload runs between the hooks, and what is left afterwards is a finding (wdm/nc-wdm-driver_unload)', async () => {
    const { load, unload, kernel, driver, codes } = setUp();
    const order: string[] = [];
    const hook = (name: string) =>
      procedure<Kernel, DriverLocals>(name, {
        start: (_kernel, _locals, step) => {
          order.push(name);
          return step.done(0);
        },
      });
    driverLifeOf(kernel).hooks.push({ name: 'ndis', unloading: hook('before'), unloaded: hook('after') });
    await load((DriverObject) => {
      driverLifeOf(kernel).noteRegistration(driver, 'IoCreateDevice');
      DriverObject.DriverUnload = () => {
        order.push('Unload');
      };
      driver.own('x', { kind: 'thing', name: 'X', releasedBy: 'DeleteX', release: () => {} });
      return STATUS_SUCCESS;
    });
    expect(await unload()).toBe(STATUS_SUCCESS);
    expect(order).toEqual(['before', 'Unload', 'after']);
    expect(codes()).toEqual(['LEFT_AFTER_UNLOAD']);
    expect(await unload()).toBe(STATUS_INVALID_DEVICE_REQUEST);
  });

  test('hooks take back what a failed driver registered', async () => {
    const { load, kernel } = setUp();
    let cleaned = 0;
    const entryFailed = procedure<Kernel, DriverLocals>('clean', {
      start: (_kernel, _locals, step) => {
        cleaned++;
        return step.done(0);
      },
    });
    driverLifeOf(kernel).hooks.push({ name: 'other' }, { name: 'ndis', entryFailed });
    await load(async () => STATUS_UNSUCCESSFUL);
    expect(cleaned).toBe(1);
  });
});

describe('services', () => {
  test('a service is written and read', () => {
    const { kernel } = setUp();
    createService(kernel, 'ndisprot', { start: 'auto', group: 'NDIS', parameters: { Speed: 10 } });
    expect(readService(kernel, 'NDISPROT')).toEqual({
      name: 'ndisprot',
      type: 1,
      start: 'auto',
      errorControl: 1,
      group: 'NDIS',
      tag: 0,
      dependOnService: [],
      dependOnGroup: [],
      imagePath: 'System32\\drivers\\ndisprot.sys',
    });
    expect(readService(kernel, 'none')).toBeNull();
    expect(() => createService(kernel, 'a\\b')).toThrow(expect.objectContaining({ code: 'SERVICE_NAME' }));
  });

  test('drivers load by start type, group list, tag list and dependencies (install, specifying driver load order)', () => {
    const { kernel } = setUp();
    const control = registryOf(kernel).create('HKLM\\System\\CurrentControlSet\\Control');
    control.create('ServiceGroupOrder').set('List', ['NDIS Wrapper', 'NDIS']);
    control.create('GroupOrderList').set('NDIS', Uint8Array.of(2, 0, 0, 0, 7, 0, 0, 0, 5, 0, 0, 0));
    createService(kernel, 'auto1', { start: 'auto', dependOnService: ['demand1'] });
    createService(kernel, 'demand1');
    createService(kernel, 'demand2');
    createService(kernel, 'boot-none', { start: 'boot' });
    createService(kernel, 'boot-five', { start: 'boot', group: 'NDIS', tag: 5 });
    createService(kernel, 'boot-seven', { start: 'boot', group: 'ndis', tag: 7 });
    createService(kernel, 'boot-wrapper', { start: 'boot', group: 'NDIS Wrapper' });
    createService(kernel, 'system1', { start: 'system', dependOnGroup: ['NDIS'] });
    createService(kernel, 'lost', { start: 'auto', dependOnService: ['nothing'] });
    createService(kernel, 'off', { start: 'disabled' });
    const { order, skipped } = loadOrder(kernel);
    expect(order.map(({ name }) => name)).toEqual([
      'boot-wrapper',
      'boot-seven',
      'boot-five',
      'boot-none',
      'system1',
      'demand1',
      'auto1',
    ]);
    expect(skipped).toEqual([
      { name: 'lost', reason: 'it depends on service nothing, which does not exist' },
    ]);
  });

  test('a cycle of dependencies is an error with names', () => {
    const { kernel } = setUp();
    createService(kernel, 'a', { start: 'auto', dependOnService: ['b'] });
    createService(kernel, 'b', { dependOnService: ['c'] });
    createService(kernel, 'c', { dependOnService: ['b'] });
    expect(() => loadOrder(kernel)).toThrow(
      expect.objectContaining({ code: 'SERVICE_CYCLE', message: expect.stringContaining('b -> c -> b') }),
    );
  });
});
