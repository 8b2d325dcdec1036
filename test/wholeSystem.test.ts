/** Every kind of driver at once, from INF files: it comes up, carries traffic, sleeps, loses hardware, and comes down. */

import { describe, expect, test } from 'vitest';
import {
  type InstalledMachine,
  type InstalledPackage,
  installAll,
  ping,
  startInstalled,
} from './support/installedMachine.ts';

const COMPILED = ['native/fixtures/optimised'];
/** The addresses of the echo drivers for NDIS 6 and NDIS 5.1. */
const ADDRESSES = ['192.0.2.2', '192.0.2.3'];
const SEQUENCES = [1, 2, 3];

const PACKAGES: readonly InstalledPackage[] = [
  { inf: 'drivers/wireport/wireport.inf', devices: ['TypeScript', 'Other'] },
  { inf: 'native/drivers/ringport/ringport.inf', sources: COMPILED, devices: ['Compiled'] },
  { inf: 'drivers/wireport51/wireport51.inf', devices: ['NDIS 5.1'] },
  { inf: 'drivers/cardport/cardport.inf', devices: ['Hardware'] },
  { inf: 'drivers/passthrough/passthrough.inf' },
  { inf: 'native/drivers/monitor/monitor.inf', sources: COMPILED },
  { inf: 'drivers/mux/mux.inf' },
  { inf: 'drivers/echo/echo.inf' },
  { inf: 'drivers/echo51/echo51.inf' },
  { inf: 'native/drivers/sniff/sniff.inf', sources: COMPILED },
];

const macOf = ({ machine }: InstalledMachine, name: string): string =>
  machine.snapshot().adapters.find((adapter) => adapter.name === name)?.macAddress ?? '';

/** Pings every adapter through its wire; each answers every time. */
async function expectReplies(installed: InstalledMachine, except: readonly string[] = []): Promise<void> {
  for (const [name, station] of installed.stations) {
    if (except.includes(name)) continue;
    for (const ip of ADDRESSES) {
      const destination = { mac: macOf(installed, name), ip };
      const replies = await ping(installed.machine, station, destination, SEQUENCES);
      expect([name, ip, [...new Set(replies)]]).toEqual([name, ip, SEQUENCES]);
    }
  }
}

/** Frames that nobody waits for. */
function load({ stations, machine }: InstalledMachine, names: readonly string[]): void {
  for (const name of names) {
    const station = stations.get(name);
    const mac = Uint8Array.from(macOf({ stations, machine, problems: [] }, name).split(':'), (byte) =>
      Number.parseInt(byte, 16),
    );
    const frame = new Uint8Array(200);
    frame.set(mac);
    frame.set([2, 0, 0, 0, 0xff, 1, 0x08, 0x00], 6);
    station?.send(...Array.from({ length: 32 }, () => frame));
  }
}

const statesOf = ({ machine }: InstalledMachine): string[] =>
  machine.snapshot().adapters.map(({ name, state }) => `${name} ${state}`);

describe.each([
  [1, 1],
  [2, 2],
  [3, 4],
])('seed %i, %i processors', (seed, processors) => {
  test('a system of drivers of every kind', async () => {
    const installed = await startInstalled(installAll(PACKAGES), { seed, processors });
    const { machine } = installed;
    const names = [...installed.stations.keys()];
    expect(installed.problems).toEqual([]);
    expect(statesOf(installed).filter((text) => !text.endsWith(' Running'))).toEqual([]);
    await expectReplies(installed);

    load(installed, names);
    await machine.suspend();
    load(installed, names);
    await machine.resume();
    await expectReplies(installed);

    for (const name of names) {
      load(installed, names);
      await machine.setAdapterPower(name, 'D3');
      load(installed, names);
      await machine.setAdapterPower(name, 'D0');
    }
    await expectReplies(installed);

    load(installed, names);
    await machine.surpriseRemoveAdapter('Other');
    await expectReplies(installed, ['Other']);

    load(installed, names);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
    expect(machine.snapshot().adapters).toEqual([]);
  });
});
