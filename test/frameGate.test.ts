import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { wireport } from '../drivers/index.ts';
import frameCounter from '../examples/frameCounter.ts';
import frameGate from '../examples/frameGate.ts';
import { Machine, type TraceEvent } from '../src/machine/index.ts';
import { createWire } from '../src/wire/node.ts';

async function run(gate: boolean): Promise<{ readonly notes: string[]; readonly machine: Machine }> {
  const events: TraceEvent[] = [];
  const machine = new Machine({ trace: { emit: (event) => events.push(event) } });
  machine.configureFilter('frameGate', { filterClass: 'diagnostic', adapters: ['Ethernet'] });
  await machine.load('wireport', wireport);
  if (gate) expect(await machine.load('frameGate', frameGate)).toBe(0);
  await machine.load('frameCounter', frameCounter);
  const wire = createWire(
    { type: 'capture', play: 'examples/hosts.pcapng', startDelay: 1_000_000 },
    { segments: new Map() },
  );
  await machine.addAdapter('wireport', { name: 'Ethernet', wire });
  await machine.runToEnd();
  if (gate) {
    expect(machine.snapshot().adapters[0].filters).toMatchObject([
      {
        filter: 'frameGate',
        state: 'Running',
        filterClass: 'diagnostic',
        sendBypassed: true,
        receiveBypassed: false,
      },
    ]);
  }
  await machine.stop();
  expect(machine.kernel.findings).toEqual([]);
  return { machine, notes: events.flatMap((event) => (event.kind === 'note' ? [event.text] : [])) };
}

test('the filter driver of docs/first-filter-driver.md drops the IPv6 frames of the recorded capture and passes the rest', async () => {
  const { notes } = await run(true);
  const dropped = Number(/(\d+) frames dropped/.exec(notes.join('\n'))?.[1]);
  expect(dropped).toBeGreaterThan(0);
  expect(notes).toContain(`${393 - dropped} frames`);
  expect((await run(false)).notes).toContain('393 frames');
});

test('the page shows the driver piece by piece as it is', () => {
  const example = readFileSync('examples/frameGate.ts', 'utf8');
  const page = readFileSync('docs/first-filter-driver.md', 'utf8');
  const pieces = [...page.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1].trimEnd());
  expect(pieces.length).toBeGreaterThan(1);
  for (const piece of pieces.filter((text) => !text.startsWith('//')))
    for (const line of piece.split('\n')) expect(example).toContain(line.trim());
});
