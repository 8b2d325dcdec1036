/** Every driver that comes with ndisbox, installed from its INF file, run, and uninstalled: nothing of it is left. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandFolder, type CommandResult, repositoryFile } from './support/command.ts';

/** INF files below a folder of the repository. */
function infFiles(folder: string): string[] {
  return readdirSync(repositoryFile(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.inf') && !name.endsWith('_miniport.inf'))
    .map((name) => join(folder, name))
    .sort();
}

/** Files of a folder, as paths in it. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => relative(folder, join(folder, name)))
    .sort();
}

const ANSWERED = /^ {2}frames out +\d+:.* ARP reply, \d+ ICMP echo reply, \d+ UDP/m;

describe.each([
  ['TypeScript', 'drivers', 'drivers/wireport/wireport.inf', []],
  [
    'C',
    'native/drivers',
    'native/drivers/ringport/ringport.inf',
    ['--source', repositoryFile('native/fixtures/optimised')],
  ],
] as const)('the drivers in %s', (_language, folder, adapterInf, source) => {
  const place = new CommandFolder();
  const directory = place.file('machine');
  afterAll(() => place.remove());

  async function ok(...args: string[]): Promise<CommandResult> {
    const result = await place.run(...args, '--directory', directory);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    return result;
  }

  const packages = infFiles(folder).filter((path) => path !== adapterInf);
  let empty: readonly string[] = [];
  let registry = '';

  beforeAll(async () => {
    // A machine that once had something, so that what is left can be compared.
    const [inf] = packages;
    await ok('install', repositoryFile(inf), ...source);
    await ok('uninstall', JSON.parse((await ok('list', '--json')).stdout).packages[0].oemName);
    const state = readdirSync(directory).find((name) => name.startsWith('state-')) ?? '';
    empty = filesOf(join(directory, state));
    registry = readFileSync(join(directory, state, 'registry/SYSTEM.reg'), 'utf8');
  });

  test('install from their INF files, with a report of what landed where', async () => {
    const wire = `capture:${repositoryFile('examples/hosts.pcapng')}`;
    const first = await ok(
      'install',
      repositoryFile(adapterInf),
      '--device',
      'Ethernet 1',
      '--wire',
      wire,
      ...source,
    );
    expect(first.stdout).toMatch(
      /"Ethernet 1"\n +device ROOT\\NET\\0000, adapter \{[0-9A-F-]+\}, driver \w+, wire/,
    );
    await ok(
      'install',
      repositoryFile(adapterInf),
      '--device',
      'Ethernet 2',
      '--wire',
      'segment:lan',
      '--parameter',
      'NetworkAddress=020000000042',
      ...source,
    );
    for (const inf of packages) {
      const isAdapter = /^Class +=  ?Net\r$/m.test(readFileSync(repositoryFile(inf), 'utf8'));
      await ok(
        'install',
        repositoryFile(inf),
        ...(isAdapter ? ['--wire', inf.includes('cell') ? 'segment:cells' : 'segment:lan'] : []),
        ...source,
      );
    }
    const { stdout } = await ok('list', '--json');
    const { bindings } = JSON.parse(stdout);
    expect(bindings).toContainEqual({
      upper: 'echo',
      lower: 'Ethernet 1',
      kind: 'protocol',
      bound: true,
      reason: 'ndis5',
    });
    expect(bindings).toContainEqual({
      upper: 'mux',
      lower: 'Ethernet 2',
      kind: 'protocol',
      bound: true,
      reason: 'ndis5',
    });
    expect(bindings).toContainEqual({
      upper: 'passthrough',
      lower: 'Ethernet 1',
      kind: 'filter',
      bound: true,
      reason: 'ethernet',
    });
    expect(bindings).toContainEqual({
      upper: 'echo',
      lower: 'the virtual miniports of mux',
      kind: 'protocol',
      bound: true,
      reason: 'ndis5',
    });
  });

  test('the machine starts from the directory, answers the recorded host, and comes down without findings', async () => {
    // This filter would tag what the recorded host never tagged.
    await place.run('unbind', 'vlan', '--adapter', 'Ethernet 1', '--directory', directory);
    // Drivers that send by themselves go on for ever.
    await place.run('unbind', 'traffic', '--adapter', 'Ethernet 1', '--directory', directory);
    const { exitCode, stdout, stderr } = await place.start(['run', directory, '--duration', '7000']).result;
    expect(stderr).toBe('');
    expect(stdout).toMatch(ANSWERED);
    expect(stdout).toContain('findings: none');
    expect(exitCode).toBe(0);
  });

  test('the tree has both adapters, the virtual miniports, and every binding of the list', async () => {
    const { stdout } = await place.start(['tree', directory, '--json']).result;
    const { adapters } = JSON.parse(stdout);
    const protocols = (name: string): string[] =>
      adapters
        .find((adapter: { name: string }) => adapter.name === name)
        .bindings.map((binding: { driver: string }) => binding.driver);
    expect(protocols('Ethernet 1')).toEqual(expect.arrayContaining(['echo', 'mux', 'sniff']));
    const virtual = adapters.filter((adapter: { virtual: boolean }) => adapter.virtual);
    expect(protocols(virtual[0].name)).toEqual(expect.arrayContaining(['echo', 'sniff']));
    const [lowest] = virtual.filter(({ name }: { name: string }) => name.startsWith('mux'));
    expect(protocols(lowest.name)).not.toContain('mux');
    expect(adapters.find((adapter: { name: string }) => adapter.name === 'Ethernet 2').macAddress).toBe(
      '02:00:00:00:00:42',
    );
  });

  test('an unbound path is not made', async () => {
    await ok('unbind', 'echo', '--adapter', 'Ethernet 1');
    const { stdout } = await place.start(['tree', directory, '--json']).result;
    const ethernet = JSON.parse(stdout).adapters.find(
      (adapter: { name: string }) => adapter.name === 'Ethernet 1',
    );
    expect(ethernet.bindings.map((binding: { driver: string }) => binding.driver)).not.toContain('echo');
    await ok('bind', 'echo', '--adapter', 'Ethernet 1');
  });

  test('uninstalled, nothing of them is left', async () => {
    await ok('uninstall', 'Ethernet 2');
    for (const inf of [...packages, adapterInf]) await ok('uninstall', inf.slice(inf.lastIndexOf('/') + 1));
    const state = readdirSync(directory).find((name) => name.startsWith('state-')) ?? '';
    expect(filesOf(join(directory, state))).toEqual(empty);
    expect(readFileSync(join(directory, state, 'registry/SYSTEM.reg'), 'utf8')).toBe(registry);
    expect(registry).not.toMatch(/oem0|ndisbox/);
  });
});
