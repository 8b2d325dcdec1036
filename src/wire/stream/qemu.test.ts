/** The UNIX stream wire against real QEMU: a hub joins the stream with QEMU's user network, no guest is needed. */

import { spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { batchOf, LiveTestHost, need } from '../testSupport.ts';
import { UnixStreamWire } from './unixStreamWire.ts';

const QEMU = 'qemu-system-x86_64';

test('QEMU answers ARP for its gateway over `-netdev stream`', { timeout: 30_000 }, async (context) => {
  const found = spawnSync(QEMU, ['--version'], { stdio: 'ignore' }).status === 0;
  need(context, found, `needs ${QEMU} (Debian: apt install qemu-system-x86)`);
  const path = join(tmpdir(), `ndisbox-qemu-${process.pid}.sock`);
  const wire = new UnixStreamWire({ path, role: 'listen' });
  const host = new LiveTestHost();
  host.wire = wire;
  wire.open(host);
  const qemu = spawn(QEMU, [
    ...'-M none -display none -nodefaults -netdev user,id=user0'.split(' '),
    ...`-netdev stream,id=stream0,server=off,addr.type=unix,addr.path=${path}`.split(' '),
    ...'-netdev hubport,id=port0,hubid=0,netdev=user0 -netdev hubport,id=port1,hubid=0,netdev=stream0'.split(
      ' ',
    ),
  ]);
  // Also when the test runs out of time.
  context.onTestFinished(() => {
    qemu.kill();
    wire.close();
  });
  await host.until(() => wire.linkUp);
  const request = new Uint8Array(60);
  // Who has 10.0.2.2? Tell 10.0.2.15.
  request.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 15, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
  request.set([2, 0, 0, 0, 0, 15, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2], 22);
  wire.send(batchOf(request));
  const isReply = ({ frame }: { frame: Uint8Array }): boolean => frame[13] === 6 && frame[21] === 2;
  await host.until(() => host.frames.some(isReply));
  const reply = host.frames.find(isReply)?.frame ?? new Uint8Array();
  expect([...reply.subarray(28, 32)]).toEqual([10, 0, 2, 2]);
  expect([...reply.subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 15]);
});
