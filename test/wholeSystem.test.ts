/** Every kind of driver at once, from INF files: it comes up, carries traffic, sleeps, loses hardware, and comes down. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CellSwitch, cellmcm, Phone, phoneDriver } from '../drivers/cells/index.ts';
import { Machine } from '../src/machine/index.ts';
import {
  type InstalledMachine,
  type InstalledPackage,
  installAll,
  ping,
  startInstalled,
} from './support/installedMachine.ts';

import { buildWithMingw, hasMingw, INTERMEDIATE51, MINIPORT51, PROTOCOL51 } from './support/mingw.ts';

const COMPILED = ['native/fixtures/optimised'];
/** The addresses of the echo drivers for NDIS 6 and NDIS 5.1. */
const ADDRESSES = ['192.0.2.2', '192.0.2.3'];
const SEQUENCES = [1, 2, 3];

const IN_TYPESCRIPT: readonly InstalledPackage[] = [
  { inf: 'drivers/wireport/wireport.inf', devices: ['TypeScript', 'Other'] },
  { inf: 'native/drivers/ringport/ringport.inf', sources: COMPILED, devices: ['Compiled'] },
  { inf: 'drivers/wireport51/wireport51.inf', devices: ['NDIS 5.1'] },
  { inf: 'drivers/cardport/cardport.inf', devices: ['Hardware'] },
  { inf: 'drivers/passthrough/passthrough.inf' },
  { inf: 'native/drivers/monitor/monitor.inf', sources: COMPILED },
  { inf: 'drivers/cells/cellport.inf', devices: ['Cells'] },
  { inf: 'drivers/cells/cellcm.inf' },
  { inf: 'test/support/phone/phone.inf' },
  { inf: 'drivers/mux/mux.inf' },
  { inf: 'drivers/pass51/pass51.inf' },
  { inf: 'drivers/echo/echo.inf' },
  { inf: 'drivers/echo51/echo51.inf' },
  { inf: 'native/drivers/sniff/sniff.inf', sources: COMPILED },
];

/** The twins in C; those for NDIS 5.1 are built with mingw-w64 for the occasion. */
const IN_C: readonly InstalledPackage[] = [
  { inf: 'drivers/wireport/wireport.inf', devices: ['TypeScript'] },
  { inf: 'native/drivers/ringport/ringport.inf', sources: COMPILED, devices: ['Compiled', 'Other'] },
  { inf: 'native/legacy/ringport51/ringport51.inf', devices: ['NDIS 5.1'] },
  { inf: 'native/drivers/cardport/cardport.inf', sources: COMPILED, devices: ['Hardware'] },
  { inf: 'native/drivers/passthrough/passthrough.inf', sources: COMPILED },
  { inf: 'native/drivers/monitor/monitor.inf', sources: COMPILED },
  { inf: 'drivers/cells/cellport.inf', devices: ['Cells'] },
  { inf: 'drivers/cells/cellcm.inf' },
  { inf: 'test/support/phone/phone.inf' },
  { inf: 'native/drivers/mux/mux.inf', sources: COMPILED },
  { inf: 'native/legacy/pass51/pass51.inf' },
  { inf: 'native/drivers/echo/echo.inf', sources: COMPILED },
  { inf: 'native/legacy/echo51/echo51.inf' },
  { inf: 'native/drivers/sniff/sniff.inf', sources: COMPILED },
];

const BUILT = [
  ['ringport51', MINIPORT51],
  ['pass51', INTERMEDIATE51],
  ['echo51', PROTOCOL51],
] as const;

/** The packages with the folder where the drivers that they lack were built. */
function withBuilt(packages: readonly InstalledPackage[], folder: string): InstalledPackage[] {
  for (const [name, defines] of BUILT)
    writeFileSync(join(folder, `${name}.sys`), buildWithMingw(name, defines));
  return packages.map((one) => (one.inf.startsWith('native/legacy/') ? { ...one, sources: [folder] } : one));
}

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

/** A second machine on a cell network, whose call manager lies in its miniport driver. */
async function remotePhone(cells: CellSwitch): Promise<{ readonly machine: Machine; readonly phone: Phone }> {
  const machine = new Machine({ memorySize: 32 * 1024 * 1024, seed: 9 });
  const phone = new Phone(['talk']);
  await machine.load('cellmcm', cellmcm);
  await machine.load('phone', phoneDriver(phone));
  await machine.addAdapter('cellmcm', { name: 'Cells', wire: cells.addStation() });
  await machine.settle();
  return { machine, phone };
}

/** Compiled drivers are translated for each machine anew. */
const LONGEST = { timeout: 240_000 };

describe.each([
  [1, 1],
  [2, 2],
  [3, 4],
])('seed %i, %i processors', LONGEST, (seed, processors) => {
  test('a system of drivers of every kind, in TypeScript and C', () => {
    return liveThrough(IN_TYPESCRIPT, seed, processors);
  });

  test.skipIf(!hasMingw)('a system of their twins in C', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ndisbox-system-'));
    try {
      await liveThrough(withBuilt(IN_C, folder), seed, processors);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** The life of a system: traffic and calls, sleep, each adapter's sleep, hardware pulled out, and the end; all under load. */
async function liveThrough(
  packages: readonly InstalledPackage[],
  seed: number,
  processors: number,
): Promise<void> {
  const cells = new CellSwitch();
  const phone = new Phone(['echo']);
  const installed = await startInstalled(
    installAll(packages),
    { seed, processors },
    { wires: { Cells: cells.addStation() }, images: { phone: phoneDriver(phone) } },
  );
  const { machine } = installed;
  const there = await remotePhone(cells);
  const names = [...installed.stations.keys()];
  expect(installed.problems).toEqual([]);
  expect(statesOf(installed).filter((text) => !text.endsWith(' Running'))).toEqual([]);
  /** Both machines live for some milliseconds; the other one catches up first. */
  const run = async (milliseconds = 20): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed++) {
      await machine.run(1);
      const behind = machine.kernel.clock.now - there.machine.kernel.clock.now;
      if (behind > 0) await there.machine.run(behind / 10_000);
    }
  };
  /** A call from here to there, on which both are heard. */
  const talk = async (): Promise<ReturnType<Phone['call']>> => {
    const call = phone.call('2/talk');
    await run();
    expect(call.state).toBe('connected');
    const answered = there.phone.calls.at(-1);
    if (answered === undefined) throw new Error('nobody was called');
    phone.say(call, 'Can you hear me?');
    there.phone.say(answered, 'I can.');
    await run();
    expect([answered.heard, call.heard]).toEqual([['Can you hear me?'], ['I can.']]);
    return call;
  };
  await expectReplies(installed);
  phone.hangUp(await talk());
  await run();

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

  await talk();
  load(installed, names);
  for (const name of ['Other', 'Hardware', 'Cells']) await machine.surpriseRemoveAdapter(name);
  await expectReplies(installed, ['Other', 'Hardware']);

  load(installed, names);
  await machine.stop();
  await there.machine.stop();
  expect(machine.kernel.findings).toEqual([]);
  expect(there.machine.kernel.findings).toEqual([]);
  expect(machine.snapshot().adapters).toEqual([]);
}
