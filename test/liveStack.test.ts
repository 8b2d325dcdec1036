/** The whole stack as a live peer of the Linux kernel: TAP, wireport, mux and echo, in a network namespace. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canMakeNetworks, NETWORK_NEEDS } from '../src/wire/linux/testNetwork.ts';
import { need } from '../src/wire/testSupport.ts';
import { CommandFolder, repositoryFile } from './support/command.ts';

const execute = promisify(execFile);
const NETWORK = `ndisbox-live-${process.pid}`;
const INSIDE = ['ip', 'netns', 'exec', NETWORK];

/** Sends datagrams of several sizes to the echo port, each after the answer to the one before. */
const UDP_ECHO = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
for size in (0, 1, 100, 1472):
    data = bytes(i & 255 for i in range(size))
    s.sendto(data, ("192.0.2.2", 7))
    answer, peer = s.recvfrom(65536)
    assert answer == data and peer == ("192.0.2.2", 7), (size, peer)
print("echoed")
`;

async function inside(...command: string[]): Promise<string> {
  const [program, ...args] = [...INSIDE, ...command];
  return (await execute(program, args)).stdout;
}

describe('ndisbox run', () => {
  const folder = new CommandFolder();

  beforeAll(async () => {
    if (canMakeNetworks()) await execute('ip', ['netns', 'add', NETWORK]);
  });

  afterAll(async () => {
    folder.remove();
    if (canMakeNetworks()) await execute('ip', ['netns', 'del', NETWORK]);
  });

  const stacks = ['examples/tap.json', 'examples/tap-compiled.json'];
  for (const stack of stacks) {
    it(`${stack} answers pings and UDP echo of the kernel, and comes down in order at Ctrl-C`, {
      timeout: 60_000,
    }, async (context) => {
      need(context, canMakeNetworks(), NETWORK_NEEDS);
      const args = ['run', repositoryFile(stack), '--trace', 'trace', '--capture', 'hops'];
      const command = folder.start(args, INSIDE);
      await command.printed('running; Ctrl-C takes the stack down');
      const ping = await inside('ping', '-c', '5', '-i', '0.2', '-W', '5', '192.0.2.2');
      expect(ping).toContain('5 packets transmitted, 5 received, 0% packet loss');
      expect(await inside('python3', '-c', UDP_ECHO)).toBe('echoed\n');
      command.child.kill('SIGINT');
      const { exitCode, stdout, stderr } = await command.result;
      expect(stdout).toContain('└─ echo  Running');
      expect(stdout).toMatch(/frames out .*5 ICMP echo reply, 4 UDP/);
      expect(stdout).toContain('findings: none');
      expect(stderr).toContain('taking the stack down');
      expect(exitCode).toBe(0);
      const trace = readFileSync(folder.file('trace'), 'utf8');
      expect(trace).toMatch(/"kind":"hop","from":"mux1\.0","to":"echo"/);
      expect(trace.trimEnd().split('\n').at(-1)).toContain('"to":"unloaded"');
    });
  }

  it('tells with a code when the device is taken', { timeout: 60_000 }, async (context) => {
    need(context, canMakeNetworks(), NETWORK_NEEDS);
    const stack = repositoryFile('examples/tap.json');
    const first = folder.start(['run', stack], INSIDE);
    await first.printed('running; Ctrl-C');
    const second = await folder.start(['run', stack], INSIDE).result;
    expect(second.stderr).toMatch(/ndisbox: DEVICE_BUSY: .*ndisbox0/);
    expect(second.exitCode).toBe(5);
    first.child.kill('SIGTERM');
    expect((await first.result).exitCode).toBe(0);
  });

  it('ends when its only device vanishes', { timeout: 60_000 }, async (context) => {
    need(context, canMakeNetworks(), NETWORK_NEEDS);
    const command = folder.start(['run', repositoryFile('examples/tap.json')], INSIDE);
    await command.printed('running; Ctrl-C');
    await inside('ip', 'link', 'del', 'ndisbox0');
    const { exitCode, stderr } = await command.result;
    expect(stderr).toContain('ndisbox: DEVICE_VANISHED:');
    expect(exitCode).toBe(5);
  });
});
