import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CaptureReader, type CaptureRecord } from '../src/wire/index.ts';
import { CommandFolder, repositoryFile } from './support/command.ts';

const folder = new CommandFolder();
afterAll(() => folder.remove());

const SEGMENT = { type: 'segment', name: 'lan', macAddress: '02:00:00:00:00:02' };
const STACK = {
  drivers: [{ name: 'wireport' }, { name: 'echo' }],
  adapters: [{ name: 'Ethernet 1', driver: 'wireport', wire: SEGMENT }],
};

/** A driver module whose DriverEntry is this text. */
function driverModule(body: string): string {
  return `export default (imports) => ({ DriverEntry(DriverObject, RegistryPath) { ${body} } });\n`;
}

/** A Buffer is not quite a Uint8Array to TypeScript. */
function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(folder.file(name)));
}

function textOf(name: string): string {
  return readFileSync(folder.file(name), 'utf8');
}

function records(file: string): CaptureRecord[] {
  const reader = new CaptureReader();
  const found: CaptureRecord[] = [];
  const take = () => {
    for (let record = reader.next(); record !== undefined; record = reader.next()) found.push(record);
  };
  reader.push(bytesOf(file));
  take();
  reader.end();
  take();
  return found;
}

describe('ndisbox demo', { timeout: 60_000 }, () => {
  const demo = (name: string) =>
    folder.start(['demo', '--seed', '7', '--trace', `${name}.ndjson`, '--capture', `${name}.pcapng`]).result;

  it('answers the recorded host, shows the tree, and gives the same bytes for the same seed', async () => {
    const first = await demo('first');
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout).toMatch(/Ethernet 1 \(wireport\) {2}Running/);
    expect(first.stdout).toMatch(/└─ mux {2}Running/);
    expect(first.stdout).toContain('frames in   200: 4 ARP request, 30 ICMP echo request, 40 UDP');
    expect(first.stdout).toContain('30 ICMP echo reply, 40 UDP, 2 VLAN ARP reply, 20 VLAN ICMP echo reply');
    expect(first.stdout).toContain('findings: none');
    const second = await demo('second');
    expect(second.exitCode).toBe(0);
    expect(textOf('first.ndjson') === textOf('second.ndjson')).toBe(true);
    expect(bytesOf('first.pcapng')).toEqual(bytesOf('second.pcapng'));
    expect(records('first.pcapng').filter((record) => record.kind === 'packet')).toHaveLength(113);
  });
});

describe('ndisbox run', { timeout: 60_000 }, () => {
  it('captures every hop on an interface of its own, with driver and list in a comment', async () => {
    const demo = repositoryFile('examples/demo.json');
    const { exitCode, stdout } = await folder.run(
      'run',
      demo,
      '--capture',
      folder.file('hops.pcapng'),
      '--json',
    );
    expect(exitCode).toBe(0);
    const summary: unknown = JSON.parse(stdout);
    expect(summary).toMatchObject({ end: 'done', findings: [], wires: [{ framesIn: 200, framesOut: 113 }] });
    const found = records('hops.pcapng');
    const names = found.flatMap((record) => (record.kind === 'interface' ? [record.name] : []));
    expect(names).toContain('capture:hosts.pcapng');
    expect(names).toContain('Ethernet 1 -> mux');
    expect(names).toContain('echo -> mux1.0');
    const hops = found.flatMap((record) =>
      record.kind === 'packet' && names[record.interfaceId] === 'echo -> mux1.0' ? [record] : [],
    );
    expect(hops).toHaveLength(71);
    expect(hops[0].comments[0]).toMatch(/^echo send to mux1\.0, NBL 0x[0-9a-f]+$/);
  });

  it('ends with findings as exit code 1, and loads a driver from a module', async () => {
    folder.write('leaks.mjs', driverModule('return 0;'));
    const stack = folder.write('leaks.json', {
      ...STACK,
      drivers: [...STACK.drivers, { name: 'x', path: 'leaks.mjs' }],
    });
    const { exitCode, stdout } = await folder.run('run', stack, '--duration', '10');
    expect(stdout).toContain('findings: 1');
    expect(exitCode).toBe(1);
  });

  it('says why a driver or an adapter was refused by the last notes, at most ten, without a trace', async () => {
    const body = 'for (let i = 0; i < 12; i++) imports.note(`reason ${i}`); return 0xC0000001;';
    folder.write('noted.mjs', driverModule(body));
    const stack = folder.write('noted.json', {
      ...STACK,
      drivers: [...STACK.drivers, { name: 'x', path: 'noted.mjs' }],
    });
    const { exitCode, stderr } = await folder.run('run', stack, '--json');
    expect(exitCode).toBe(5);
    const notes = stderr.split('\n').filter((line) => line.startsWith('note: '));
    expect(notes).toHaveLength(10);
    expect(notes[0]).toBe('note: x: reason 3');
    expect(notes[8]).toBe('note: x: reason 11');
    expect(notes[9]).toMatch(/^note: load: x was refused with STATUS_UNSUCCESSFUL/);
  });

  it('lets two adapters of examples/segment.json talk', async () => {
    const { exitCode, stdout } = await folder.run('run', repositoryFile('examples/segment.json'), '--json');
    expect(exitCode).toBe(0);
    // The summary is what the command wrote.
    const { wires } = JSON.parse(stdout) as { wires: { framesIn: number; framesOut: number }[] };
    expect(wires.map(({ framesOut }) => framesOut)).toEqual([200, 500]);
    for (const { framesIn } of wires) expect(framesIn).toBeGreaterThan(150);
  });

  it('answers through the filter drivers of examples/filters.json, in VLAN 10 alone', async () => {
    const stack = repositoryFile('examples/filters.json');
    const { exitCode, stdout } = await folder.run('run', stack, '--json');
    expect(exitCode).toBe(0);
    // The summary is what the command wrote.
    const { findings, wires } = JSON.parse(stdout) as { findings: object[]; wires: { framesOut: number }[] };
    expect(findings).toEqual([]);
    expect(wires[0].framesOut).toBe(21);
  });

  it.each([
    ['a driver that throws', "throw new Error('oh no');", 4, /STOP: 0x[0-9a-f]+ .*oh no/is],
    [
      'a driver that is refused',
      'return 0xC0000001;',
      5,
      /DRIVER_REFUSED: .*"x" returned STATUS_UNSUCCESSFUL/,
    ],
  ])('tells of %s by its exit code, without a stack trace', async (_what, body, code, message) => {
    // Node keeps modules by their path.
    const module = `bad${code}.mjs`;
    folder.write(module, driverModule(body));
    const stack = folder.write('bad.json', {
      ...STACK,
      drivers: [{ name: 'x', path: module }, ...STACK.drivers],
    });
    const { exitCode, stderr } = await folder.run('run', stack);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
    expect(exitCode).toBe(code);
  });

  it('takes the stack down at Ctrl-C', async () => {
    const module = `export default ({ ntoskrnl, data }) => ({ DriverEntry(DriverObject) {
      const timer = data(64), dpc = data(64);
      ntoskrnl.KeInitializeDpc(dpc, () => {}, null);
      ntoskrnl.KeInitializeTimer(timer);
      ntoskrnl.KeSetTimerEx(timer, -10000n, 1, dpc);
      return 0;
    } });`;
    folder.write('ticks.mjs', module);
    const stack = folder.write('ticks.json', {
      ...STACK,
      drivers: [{ name: 'x', path: 'ticks.mjs' }, ...STACK.drivers],
    });
    const command = folder.start(['run', stack, '--duration', '31536000000']);
    await command.printed('echo  Running');
    command.child.kill('SIGINT');
    const { stdout, stderr } = await command.result;
    expect(stderr).toContain('taking the stack down');
    expect(stdout).toContain('machine time');
  });

  it.each([
    [[], 2, 'COMMAND_UNKNOWN'],
    [['rum'], 2, 'did you mean "run"?'],
    [['run'], 2, 'ARGUMENT_MISSING'],
    [['run', 'a', 'b'], 2, 'ARGUMENT_UNEXPECTED'],
    [['demo', '--sed', '1'], 2, 'did you mean --seed?'],
    [['demo', '--seed', 'x'], 2, 'OPTION_VALUE'],
    [['demo', '--processors'], 2, 'OPTION_VALUE'],
    [['run', 'missing.json'], 3, 'STACK_FILE_UNREADABLE'],
    [['run', 'broken.json'], 3, 'broken.json:2:3'],
    [['run', 'nodriver.json'], 3, 'DRIVER_FILE_MISSING'],
    [['run', 'binding.json'], 3, 'STACK_UNKNOWN_NAME'],
    [['demo', '--trace', 'no/such/folder'], 3, 'OUTPUT_FAILED'],
    [['trace', 'missing'], 3, 'INPUT_UNREADABLE'],
    [['trace', 'broken.json'], 3, 'TRACE_HEADER_MISSING'],
    [['trace', 'broken.json', '--kind', 'x'], 2, 'OPTION_VALUE'],
  ])('refuses %j with exit code %d and %s', async (args, code, message) => {
    folder.write('broken.json', '{\n  nonsense }');
    folder.write('nodriver.json', {
      ...STACK,
      drivers: [...STACK.drivers, { name: 'x', path: 'missing.mjs' }],
    });
    folder.write('binding.json', { ...STACK, bindings: { echo: ['Ethernet 2'] } });
    const { exitCode, stderr } = await folder.run(
      ...args.map((arg) => (/\.json$|^missing$/.test(arg) ? folder.file(arg) : arg)),
    );
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(exitCode).toBe(code);
  });

  it('prints help with the exit codes, and the version', async () => {
    const help = await folder.run('--help');
    expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    expect(help.stdout).toMatch(/demo[\s\S]*run STACK\.json[\s\S]*exit codes[\s\S]*130/);
    expect((await folder.run('run', '--help')).stdout).toContain('--processors NUMBER');
    const version: unknown = JSON.parse(readFileSync(repositoryFile('package.json'), 'utf8'));
    expect(version).toMatchObject({ version: (await folder.run('--version')).stdout.trim() });
  });
});

describe('ndisbox tree', { timeout: 60_000 }, () => {
  it('shows the stack, as text and as JSON', async () => {
    const demo = repositoryFile('examples/demo.json');
    const { stdout, exitCode } = await folder.run('tree', demo);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')[1]).toBe(' └─ mux  Running');
    expect(stdout).toContain('    │  └─ echo  Running');
    const json: unknown = JSON.parse((await folder.run('tree', demo, '--json')).stdout);
    expect(json).toMatchObject({
      adapters: expect.arrayContaining([expect.objectContaining({ name: 'mux1.10' })]),
    });
  });
});

describe('ndisbox trace', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    await folder.run('demo', '--trace', folder.file('demo.ndjson'), '--capture', folder.file('demo.pcapng'));
  });

  it('filters, and gives NDJSON that it reads again', async () => {
    const { stdout } = await folder.run(
      'trace',
      folder.file('demo.ndjson'),
      '--kind',
      'hop',
      '--driver',
      'echo',
      '--json',
    );
    const lines = stdout.trim().split('\n');
    expect(lines.every((line) => /"kind":"hop".*"echo"/.test(line))).toBe(true);
    expect(lines.length).toBeGreaterThan(140);
    const [header] = textOf('demo.ndjson').split('\n', 1);
    folder.write('again.ndjson', `${header}\n${stdout}`);
    const again = await folder.run('trace', folder.file('again.ndjson'), '--from', '3s', '--to', '3.1s');
    expect(again.exitCode).toBe(0);
    expect(again.stdout).toMatch(/ms +where +IRQL +driver +event/);
    expect(again.stdout).toMatch(/mux1\.0 --receive--> echo {2}list 0x/);
  });

  it('follows one list', async () => {
    const sends = await folder.run(
      'trace',
      folder.file('demo.ndjson'),
      '--kind',
      'hop',
      '--name',
      'send',
      '--driver',
      'echo',
    );
    const list = /list (0x[0-9a-f]+)/.exec(sends.stdout)?.[1] ?? '';
    const { stdout } = await folder.run('trace', folder.file('demo.ndjson'), '--follow', `${list}#1`);
    expect(stdout).toContain(`echo --send--> mux1.0  list ${list}`);
    expect(stdout).toContain(`mux --send--> Ethernet 1  list ${list}`);
    expect(stdout).toContain(`mux1.0 --sendComplete--> echo  list ${list}`);
  });

  it('shows what comes before a fault, then tells the line', async () => {
    const text = textOf('demo.ndjson');
    folder.write('cut.ndjson', text.slice(0, text.indexOf('\n', 5000) + 20));
    const { stdout, stderr, exitCode } = await folder.run('trace', folder.file('cut.ndjson'));
    expect(stdout).toContain('driver wireport');
    expect(stderr).toMatch(/TRACE_LINE_BROKEN: line \d+:/);
    expect(exitCode).toBe(3);
  });
});
