/** What DriverEntry of an NDIS 5 miniport has to do, and what becomes of a driver that does not. */

import { expect, test } from 'vitest';
import { defineDriver, Machine } from '../src/machine/index.ts';

const handlers = {
  MajorNdisVersion: 5,
  MinorNdisVersion: 1,
  InitializeHandler: () => 0xc0000001,
  HaltHandler: () => {},
  ResetHandler: () => 0,
  QueryInformationHandler: () => 0,
  SetInformationHandler: () => 0,
  SendHandler: () => 0,
};

/** A driver that registers with changes and returns what `result` makes of the status. */
function driver(changes: object, result: (status: number) => number, terminates: boolean) {
  return defineDriver(({ ndis, cell }) => ({
    async DriverEntry(DriverObject, RegistryPath) {
      const wrapper = cell();
      ndis.NdisMInitializeWrapper(wrapper, DriverObject, RegistryPath, null);
      const status = await ndis.NdisMRegisterMiniport(
        wrapper.value,
        { ...handlers, ...changes } as object,
        240,
      );
      if (terminates) await ndis.NdisTerminateWrapper(wrapper.value, null);
      return result(status);
    },
  }));
}

const codes = (machine: Machine): string[] => machine.kernel.findings.map(({ code }) => code);
const BAD = { HaltHandler: null };
const BAD_CHARACTERISTICS = 0xc0010005;

test('the driver stays while it is registered, and its adapters are halted when it is unloaded', async () => {
  const machine = new Machine();
  expect(
    await machine.load(
      'old',
      driver({}, (status) => status, false),
    ),
  ).toBe(0);
  expect(await machine.unload('old')).toBe(0);
  expect(codes(machine)).toEqual([]);
});

test('a driver that could not register returns that status and calls NdisTerminateWrapper', async () => {
  const machine = new Machine();
  expect(
    await machine.load(
      'old',
      driver(BAD, (status) => status, true),
    ),
  ).toBe(BAD_CHARACTERISTICS);
  expect(codes(machine)).toEqual([]);
  expect(machine.driver('old')).toBeNull();
});

test('without NdisTerminateWrapper it is a finding (ndis/nf-ndis-ndisterminatewrapper)', async () => {
  const machine = new Machine();
  expect(
    await machine.load(
      'old',
      driver(BAD, (status) => status, false),
    ),
  ).toBe(BAD_CHARACTERISTICS);
  expect(codes(machine)).toEqual(['LEFT_AFTER_DRIVER_ENTRY']);
});

test('DriverEntry that hides a failed registration is a finding, and the driver does not stay', async () => {
  const machine = new Machine();
  expect(
    await machine.load(
      'old',
      driver(BAD, () => 0, true),
    ),
  ).toBe(BAD_CHARACTERISTICS);
  expect(codes(machine)).toEqual(['WRONG_ENTRY_STATUS']);
  expect(machine.driver('old')).toBeNull();
});

test('DriverEntry that fails after it registered is a finding', async () => {
  const machine = new Machine();
  expect(
    await machine.load(
      'old',
      driver({}, () => 0xc0000001, false),
    ),
  ).toBe(0xc0000001);
  expect(codes(machine)).toContain('WRONG_ENTRY_STATUS');
  expect(machine.driver('old')).toBeNull();
});

test('NdisMRegisterUnloadHandler: the handler runs when the driver is unloaded', async () => {
  const log: string[] = [];
  const machine = new Machine();
  const image = defineDriver(({ ndis, cell }) => ({
    async DriverEntry(DriverObject, RegistryPath) {
      const wrapper = cell();
      ndis.NdisMInitializeWrapper(wrapper, DriverObject, RegistryPath, null);
      const status = await ndis.NdisMRegisterMiniport(wrapper.value, handlers as object, 240);
      ndis.NdisMRegisterUnloadHandler(wrapper.value, () => void log.push('unload'));
      return status;
    },
  }));
  expect(await machine.load('old', image)).toBe(0);
  expect(await machine.unload('old')).toBe(0);
  expect(log).toEqual(['unload']);
  expect(codes(machine)).toEqual([]);
});
