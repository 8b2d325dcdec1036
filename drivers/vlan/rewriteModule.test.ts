import { expect, test } from 'vitest';
import {
  defineDriver,
  Machine,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../../src/machine/index.ts';
import { COPY_LIMIT, RewriteModule } from './rewriteModule.ts';

/** Runs `use` in a driver with a module; `completed` gets the handles of the pauses that it completes. */
async function withModule(use: (module: RewriteModule, completed: number[]) => void) {
  const machine = new Machine({ memorySize: 32 * 1024 * 1024 });
  let done = false;
  const driver = defineDriver((imports) => ({
    DriverEntry() {
      const completed: number[] = [];
      const complete = (handle: number) => void completed.push(handle);
      const ndis = Object.create(imports.ndis, { NdisFPauseComplete: { value: complete } });
      const module = RewriteModule.create({ ...imports, ndis }, 0);
      if (module === null) return STATUS_UNSUCCESSFUL;
      use(module, completed);
      module.destroy();
      done = true;
      // It has nothing else to do.
      return STATUS_UNSUCCESSFUL;
    },
  }));
  expect(await machine.load('holder', driver)).toBe(STATUS_UNSUCCESSFUL);
  expect(done).toBe(true);
  await machine.stop();
  expect(machine.kernel.findings).toEqual([]);
}

test('a pause waits for the last copy (network/pausing-a-filter-module)', () =>
  withModule((module, completed) => {
    expect(module.restart()).toBe(NDIS_STATUS_SUCCESS);
    expect(module.pause()).toBe(NDIS_STATUS_SUCCESS);
    module.restart();
    expect([module.takeCopy(), module.takeCopy()]).toEqual([true, true]);
    expect(module.pause()).toBe(NDIS_STATUS_PENDING);
    expect(module.running).toBe(false);
    module.giveCopies(1);
    expect(completed).toEqual([]);
    module.giveCopies(1);
    expect(completed).toEqual([0]);
    module.giveCopies(0);
    expect(completed).toEqual([0]);
  }));

test('there are at most so many copies at a time', () =>
  withModule((module) => {
    for (let i = 0; i < COPY_LIMIT; i++) expect(module.takeCopy()).toBe(true);
    expect(module.takeCopy()).toBe(false);
    module.giveCopies(1);
    expect(module.takeCopy()).toBe(true);
    module.giveCopies(COPY_LIMIT);
  }));
