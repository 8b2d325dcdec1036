import { describe, expect, test } from 'vitest';
import { registryOf } from '../../src/kernel/index.ts';
import { Machine, Segment } from '../../src/machine/index.ts';
import { mux } from '../mux/mux.ts';
import { wireport } from '../wireport/wireport.ts';
import { traffic } from './traffic.ts';

/** The counters that a service wrote for an interface. */
function results(machine: Machine, service: string, ifIndex: number) {
  const path = `HKLM\\System\\CurrentControlSet\\Services\\${service}\\Parameters\\Results\\${ifIndex}`;
  const key = registryOf(machine.kernel).open(path);
  const names = ['sent', 'sendErrors', 'received', 'receivedBytes', 'outOfOrder'];
  return Object.fromEntries(names.map((name) => [name, key?.get(name)]));
}

/** A generator on one adapter and a sink on another of the same segment. */
async function pair(options: {
  seed?: number;
  processors?: number;
  parameters?: Record<string, number | string>;
}) {
  const { seed = 1, processors = 1, parameters = {} } = options;
  const segment = new Segment({ queueCapacity: 8192 });
  const bindings: Record<string, string> = { generator: 'A', sink: 'B' };
  const machine = new Machine({
    memorySize: 32 * 1024 * 1024,
    seed,
    processors,
    mayBind: (protocol, adapter) => bindings[protocol] === adapter,
  });
  expect(await machine.load('wireport', wireport)).toBe(0);
  expect(await machine.load('sink', traffic)).toBe(0);
  for (const name of ['B', 'A'])
    expect(await machine.addAdapter('wireport', { name, wire: segment.addPort() })).toBe(true);
  const loaded = await machine.load('generator', traffic, parameters);
  return { machine, loaded };
}

describe('traffic', () => {
  for (const processors of [1, 2]) {
    for (let seed = 1; seed <= 6; seed++) {
      test(`what is sent is received once and in order: seed ${seed}, processors ${processors}`, async () => {
        const parameters = { Count: 1000, FrameBytes: 200, Batch: 7, Outstanding: 50 };
        const { machine, loaded } = await pair({ seed, processors, parameters });
        expect(loaded).toBe(0);
        await machine.run(10);
        await machine.stop();
        expect(machine.kernel.findings).toEqual([]);
        expect(results(machine, 'generator', 2)).toMatchObject({ sent: 1000, sendErrors: 0, received: 0 });
        expect(results(machine, 'sink', 1)).toEqual({
          sent: 0,
          sendErrors: 0,
          received: 1000,
          receivedBytes: 200_000,
          outOfOrder: 0,
        });
      });
    }
  }

  test('a batch larger than Outstanding raises it, and frames longer than the wire takes are errors', async () => {
    const { machine } = await pair({
      parameters: { Count: 64, Batch: 64, Outstanding: 1, FrameBytes: 9000 },
    });
    await machine.run(10);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
    expect(results(machine, 'generator', 2)).toMatchObject({ sent: 0, sendErrors: 64 });
  });

  test('a Destination that is no address is refused', async () => {
    const { machine, loaded } = await pair({ parameters: { Destination: 'everybody' } });
    expect(loaded).toBe(0xc000000d);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  test('the virtual miniports of one network hear each other through mux', async () => {
    const bindings: Record<string, string> = { mux: 'Ethernet', generator: 'mux1', sink: 'mux1-2' };
    const machine = new Machine({
      memorySize: 32 * 1024 * 1024,
      mayBind: (protocol, adapter) => bindings[protocol] === adapter,
    });
    await machine.load('wireport', wireport);
    await machine.load('mux', mux, { VirtualMiniports: 2 });
    await machine.load('sink', traffic);
    const wire = new Segment({}).addPort();
    expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire })).toBe(true);
    await machine.settle();
    await machine.load('generator', traffic, { Count: 100 });
    await machine.run(10);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
    expect(results(machine, 'sink', 3)).toMatchObject({ received: 100, outOfOrder: 0 });
    expect(results(machine, 'generator', 2)).toMatchObject({ sent: 100, received: 0 });
  });
});
