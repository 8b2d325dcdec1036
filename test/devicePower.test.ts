/** Plug and Play and power of a whole machine, by the host. */

import { describe, expect, test } from 'vitest';
import { echo } from '../drivers/echo/echo.ts';
import { wireport } from '../drivers/wireport/wireport.ts';
import { Machine, NdisboxError, Segment } from '../src/machine/index.ts';

async function machine() {
  const made = new Machine({ seed: 3 });
  await made.load('wireport', wireport);
  await made.load('echo', echo);
  const segment = new Segment({});
  const add = (name: string) => made.addAdapter('wireport', { name, wire: segment.addPort() });
  expect(await add('Ethernet')).toBe(true);
  return { machine: made, add };
}

const stateOf = (made: Machine): (string | undefined)[] => made.snapshot().adapters.map(({ state }) => state);

describe('a machine', () => {
  test('removes an adapter, and takes a new one of that name', async () => {
    const { machine: made, add } = await machine();
    expect(await made.removeAdapter('Ethernet')).toBe(true);
    expect(made.snapshot().adapters).toEqual([]);
    expect(await add('Ethernet')).toBe(true);
    await made.stop();
    expect(made.kernel.findings).toEqual([]);
  });

  test('lets hardware be pulled out, and rebalances', async () => {
    const { machine: made, add } = await machine();
    await add('Other');
    await made.surpriseRemoveAdapter('Ethernet');
    expect(made.snapshot().adapters.map(({ name }) => name)).toEqual(['Other']);
    expect(await made.rebalanceAdapter('Other')).toBe(true);
    expect(await made.stopAdapter('Other')).toBe(true);
    expect(stateOf(made)).toEqual(['Halted']);
    expect(await made.startAdapter('Other')).toBe(true);
    await made.stop();
    expect(made.kernel.findings).toEqual([]);
  });

  test('sleeps and wakes, one adapter or all of them', async () => {
    const { machine: made } = await machine();
    expect(await made.setAdapterPower('Ethernet', 'D3')).toBe(true);
    expect(await made.setAdapterPower('Ethernet', 'D0')).toBe(true);
    expect(stateOf(made)).toEqual(['Running']);
    await made.suspend();
    expect(stateOf(made)).not.toEqual(['Running']);
    await made.resume();
    expect(stateOf(made)).toEqual(['Running']);
    await made.stop();
    expect(made.kernel.findings).toEqual([]);
  });

  test('says which adapter is not there', async () => {
    const { machine: made } = await machine();
    await expect(made.removeAdapter('Nothing')).rejects.toThrow(NdisboxError);
    await expect(made.setAdapterPower('Nothing', 'D3')).rejects.toThrow('Nothing');
  });
});
