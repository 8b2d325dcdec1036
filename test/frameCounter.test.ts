import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { wireport } from '../drivers/index.ts';
import frameCounter from '../examples/frameCounter.ts';
import { Machine, type TraceEvent } from '../src/machine/index.ts';
import { createWire } from '../src/wire/node.ts';

test('the driver of the README is the example, and counts the frames of the recorded capture', async () => {
  expect(readFileSync('README.md', 'utf8')).toContain(readFileSync('examples/frameCounter.ts', 'utf8'));
  const events: TraceEvent[] = [];
  const machine = new Machine({ trace: { emit: (event) => events.push(event) } });
  await machine.load('wireport', wireport);
  await machine.load('frameCounter', frameCounter);
  const wire = createWire(
    { type: 'capture', play: 'examples/hosts.pcapng', startDelay: 1_000_000 },
    { segments: new Map() },
  );
  await machine.addAdapter('wireport', { name: 'Ethernet', wire });
  await machine.runToEnd();
  await machine.stop();
  expect(machine.kernel.findings).toEqual([]);
  expect(events.filter((event) => event.kind === 'note')).toContainEqual(
    expect.objectContaining({ kind: 'note', subject: 'frameCounter', text: '393 frames' }),
  );
});
