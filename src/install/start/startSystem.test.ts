/** Starting a machine from an installed system: order, configuration, and what goes wrong. Specifying Driver Load Order (windows-driver-docs-pr/install). */

import { describe, expect, test } from 'vitest';
import * as drivers from '../../../drivers/index.ts';
import { adapterInf, filterInf, installInf, protocolInf } from '../../../test/support/packages.ts';
import { type DriverImage, defineDriver, Machine, Segment } from '../../machine/index.ts';
import { bindByHand } from '../system/bind.ts';
import { InstalledSystem } from '../system/installedSystem.ts';
import { type StartProblem, startSystem } from './startSystem.ts';

const IMAGES: Readonly<Record<string, DriverImage>> = {
  card: drivers.wireport,
  proto: drivers.echo,
  second: drivers.echo,
  sniff: drivers.sniff,
  mux: drivers.mux,
  pass: drivers.passthrough,
  refused: defineDriver(() => ({ DriverEntry: () => Promise.resolve(0xc000_0001) })),
};

interface Started {
  readonly machine: Machine;
  readonly problems: StartProblem[];
  /** Services in the order in which they were loaded. */
  readonly loaded: string[];
}

/** Starts a machine; every device is plugged into one segment. */
async function start(system: InstalledSystem): Promise<Started> {
  const machine = new Machine({});
  const segment = new Segment();
  const loaded: string[] = [];
  const problems = await startSystem(machine, system, {
    load: (service) => {
      loaded.push(service);
      return Promise.resolve(IMAGES[service] ?? IMAGES['refused']);
    },
    wireOf: () => segment.addPort(),
  });
  await machine.settle();
  return { machine, problems, loaded };
}

/** What is bound to each adapter, and the filters on it. */
function stacks(machine: Machine): Record<string, string[]> {
  return Object.fromEntries(
    machine
      .snapshot()
      .adapters.map(({ name, bindings, filters }) => [
        name,
        [...bindings.map(({ driver }) => driver), ...filters.map(({ driver }) => `filter ${driver}`)],
      ]),
  );
}

const group = (start: number): string[] => [`StartType = ${start}`, 'LoadOrderGroup = NDIS'];

describe('the order in which drivers are loaded', () => {
  test('boot start, then devices whatever their start type, then system, auto and demand start', async () => {
    const system = new InstalledSystem();
    installInf(system, 'sniff', protocolInf({ name: 'sniff', service: ['StartType = 3'] }));
    installInf(
      system,
      'proto',
      protocolInf({ name: 'proto', service: ['StartType = 2', 'Dependencies = second'] }),
    );
    installInf(system, 'second', protocolInf({ name: 'second', service: ['StartType = 3'] }));
    installInf(system, 'pass', filterInf({ name: 'pass', filterClass: 'custom', service: group(1) }));
    installInf(system, 'card', adapterInf({ name: 'card', service: ['StartType = 3'] }));
    installInf(system, 'mux', protocolInf({ name: 'mux', service: group(0) }));
    const { loaded, problems, machine } = await start(system);
    expect(loaded).toEqual(['mux', 'card', 'pass', 'second', 'proto', 'sniff']);
    expect(problems).toEqual([]);
    expect(machine.kernel.findings).toEqual([]);
    await machine.stop();
  });

  test('a service whose dependency is missing is told, and the rest goes on', async () => {
    const system = new InstalledSystem();
    installInf(
      system,
      'proto',
      protocolInf({ name: 'proto', service: ['StartType = 2', 'Dependencies = nothing'] }),
    );
    installInf(system, 'card', adapterInf({ name: 'card' }));
    const { problems, machine } = await start(system);
    expect(problems).toMatchObject([
      { name: 'proto', text: expect.stringContaining('depends on service nothing') },
    ]);
    expect(Object.keys(stacks(machine))).toEqual(['Ethernet']);
    await machine.stop();
  });
});

describe('the library gets its configuration from the registry', () => {
  test('bindings are those of Linkage, virtual miniports take what was installed for them', async () => {
    const system = new InstalledSystem();
    installInf(system, 'card', adapterInf({ name: 'card' }), { devices: [{ name: 'A' }, { name: 'B' }] });
    installInf(system, 'proto', protocolInf({ name: 'proto' }));
    installInf(system, 'sniff', protocolInf({ name: 'sniff', lower: 'private' }));
    const miniport = adapterInf({ name: 'mux', upper: 'ndis5,private', install: ['Characteristics = 0x21'] });
    const mux = protocolInf({ name: 'mux', install: ['Characteristics = 0x80', 'CopyINF = mp.inf'] });
    installInf(system, 'mux', mux, {}, { 'mp.inf': miniport });
    bindByHand(system, 'proto', 'A', false);
    bindByHand(system, 'mux', 'B', false);
    const { machine } = await start(system);
    const found = stacks(machine);
    const [virtual] = Object.keys(found).filter((name) => name.startsWith('mux'));
    expect(found['A']).toEqual(['mux']);
    expect(found['B']).toEqual(['proto']);
    expect(found[virtual].toSorted()).toEqual(['proto', 'sniff']);
    await machine.stop();
  });

  test('filters are where FilterList names them', async () => {
    const system = new InstalledSystem();
    installInf(system, 'card', adapterInf({ name: 'card' }), { devices: [{ name: 'A' }, { name: 'B' }] });
    installInf(system, 'pass', filterInf({ name: 'pass', filterClass: 'custom', service: group(1) }));
    bindByHand(system, 'pass', 'B', false);
    const { machine } = await start(system);
    expect(stacks(machine)).toEqual({ A: ['filter pass'], B: [] });
    await machine.stop();
  });

  test('protocols wait for a mandatory filter, and for one that never comes they are not bound', async () => {
    for (const [image, expected] of [
      ['pass', ['proto', 'filter pass']],
      ['absent', []],
    ] as const) {
      const system = new InstalledSystem();
      installInf(system, 'card', adapterInf({ name: 'card' }));
      installInf(system, 'proto', protocolInf({ name: 'proto' }));
      const mandatory = ['HKR,Ndi,FilterRunType,0x00010001,1'];
      installInf(
        system,
        image,
        filterInf({ name: image, filterClass: 'custom', service: group(1), registry: mandatory }),
      );
      const { machine } = await start(system);
      expect(stacks(machine)['Ethernet']).toEqual(expected);
      await machine.stop();
    }
  });

  test('an adapter keeps its GUID, and its parameters reach the driver', async () => {
    const system = new InstalledSystem(5);
    const parameters = { NetworkAddress: '020000000099' };
    installInf(system, 'card', adapterInf({ name: 'card' }), { devices: [{ parameters }] });
    const { machine } = await start(system);
    const [adapter] = machine.snapshot().adapters;
    expect(adapter.macAddress).toBe('02:00:00:00:00:99');
    expect(adapter.deviceName).toBe(`\\Device\\${system.guid('device|ROOT\\NET\\0000')}`);
    await machine.stop();
  });
});

describe('what does not start is told', () => {
  test('a driver that is refused, and its adapter; with ErrorControl 0 it may be ignored', async () => {
    const system = new InstalledSystem();
    installInf(system, 'refused', adapterInf({ name: 'refused' }));
    installInf(system, 'quiet', protocolInf({ name: 'quiet', service: ['ErrorControl = 0'] }));
    const { problems, machine } = await start(system);
    expect(problems.map(({ name, ignorable }) => [name, ignorable])).toEqual([
      ['refused', false],
      ['quiet', true],
      ['Ethernet', false],
    ]);
    await machine.stop();
  });

  test('a service whose file is gone', async () => {
    const system = new InstalledSystem();
    installInf(system, 'proto', protocolInf({ name: 'proto' }));
    const [file] = system.files.list().filter(({ path }) => path.endsWith('.sys'));
    system.files.delete(file.path);
    const { problems } = await start(system);
    expect(problems).toMatchObject([
      { name: 'proto', text: expect.stringMatching(/its file .*proto\.sys is missing/) },
    ]);
  });
});
