/** Whole stacks of TypeScript and of compiled drivers asleep, awake, stopped and pulled out, with traffic in between. */

import { describe, expect, test } from 'vitest';
import { echo } from '../drivers/echo/echo.ts';
import { mux } from '../drivers/mux/mux.ts';
import { wireport } from '../drivers/wireport/wireport.ts';
import { Machine, Segment } from '../src/machine/index.ts';
import { ethernet, icmpEcho, ip, ipv4, mac } from './support/frames.ts';
import { TestStation } from './support/station.ts';
import { compiled } from './support/twins.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');

const ping = (sequence: number) =>
  ethernet(
    OWN_MAC,
    HOST_MAC,
    0x0800,
    ipv4({ protocol: 1, source: HOST, destination: OWN }, icmpEcho(7, sequence, [1, 2, 3, sequence])),
  );

/** A miniport, mux above it and echo above mux. */
async function stack(isCompiled: boolean) {
  const segment = new Segment({});
  const machine = new Machine({
    seed: 5,
    memorySize: 32 * 1024 * 1024,
    mayBind: (protocol, adapter) => adapter.startsWith('mux') === (protocol === 'echo'),
  });
  const image = <T>(name: string, source: T) => (isCompiled ? compiled(name, 'optimised') : source);
  expect(await machine.load('port', image('ringport', wireport))).toBe(0);
  expect(await machine.load('mux', image('mux', mux))).toBe(0);
  expect(await machine.load('echo', image('echo', echo))).toBe(0);
  const wire = segment.addPort(OWN_MAC);
  expect(await machine.addAdapter('port', { name: 'Ethernet', wire })).toBe(true);
  const station = new TestStation(segment, machine, HOST_MAC);
  const virtual = (): string => {
    const found = machine.snapshot().adapters.find((adapter) => adapter.virtual);
    if (found === undefined) throw new Error('there is no virtual adapter');
    return found.name;
  };
  let sequence = 0;
  const answered = async (): Promise<boolean> => {
    station.received();
    station.send(ping(++sequence));
    await machine.run(20);
    return station.received().length > 0;
  };
  const states = () => machine.snapshot().adapters.map(({ state }) => state);
  return { machine, station, virtual, answered, states };
}

describe.each([
  ['TypeScript', false],
  ['C', true],
] as const)('a stack in %s', (_language, isCompiled) => {
  test('sleeps and wakes: the adapter, what stands on it, and all of it (network/handling-a-set-power-request)', async () => {
    const { machine, virtual, answered, states } = await stack(isCompiled);
    expect(await answered()).toBe(true);
    for (const name of ['Ethernet', virtual()]) {
      expect(await machine.setAdapterPower(name, 'D3')).toBe(true);
      expect(await answered()).toBe(false);
      expect(await machine.setAdapterPower(name, 'D0')).toBe(true);
      expect(states()).toEqual(['Running', 'Running']);
      expect(await answered()).toBe(true);
    }
    await machine.suspend();
    expect(await answered()).toBe(false);
    await machine.resume();
    expect(await answered()).toBe(true);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  test('is stopped and started, and pulled out under load', async () => {
    const { machine, station, answered } = await stack(isCompiled);
    expect(await machine.rebalanceAdapter('Ethernet')).toBe(true);
    expect(await answered()).toBe(true);
    for (let i = 0; i < 20; i++) station.send(ping(i));
    await machine.surpriseRemoveAdapter('Ethernet');
    for (let i = 0; i < 20; i++) station.send(ping(i));
    await machine.run(20);
    expect(machine.snapshot().adapters).toEqual([]);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });
});
