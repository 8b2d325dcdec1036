/**
 * Frames from the Linux kernel and back: UDP echo on a TAP device by a stack of drivers, and by the same responder on
 * koffi alone, in C and in Python, in turns; then pings. Needs root; works in a network namespace of its own.
 * Run: npm run bench tap
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canMakeNetworks, enterFreshNetwork, ip, NETWORK_NEEDS } from '../src/wire/linux/testNetwork.ts';
import { median, printConditions } from './support/measure.ts';

const ROUNDS = 5;
const SECONDS = 1;
const PINGS = 1000;
const sources = fileURLToPath(new URL('../../bench/support/', import.meta.url));
const compiled = fileURLToPath(new URL('./support/', import.meta.url));

interface Responder {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

let next = 0;

/** Starts a responder on a new device and waits until it is ready; gives the address it answers to. */
async function start(responder: Responder, more: readonly string[] = []) {
  const device = `bench${next++}`;
  const child = spawn(responder.command, [...responder.args, device, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const text = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data: Buffer) => resolve(String(data)));
    child.once('exit', () => reject(new Error(`${responder.name} did not start`)));
  });
  const mac = /([0-9a-f]{2}[:-]){5}[0-9a-f]{2}/i.exec(text)?.[0].replaceAll('-', ':') ?? '02:00:00:00:00:02';
  ip(`link set ${device} up`);
  return { device, child, mac };
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** Answers a second. */
async function measure(responder: Responder, generator: string, length: number): Promise<number> {
  const extra =
    responder.args[0]?.endsWith('stackResponder.js') === true
      ? [responder.name.includes('3') ? '3' : '2']
      : [];
  const { device, child, mac } = await start(responder, extra);
  const output = await new Promise<string>((resolve, reject) => {
    const sender = spawn(generator, [device, String(length), String(SECONDS), mac], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    sender.stdout.on('data', (data: Buffer) => {
      text += String(data);
    });
    sender.once('exit', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`the generator ended with ${code}`)),
    );
  });
  await end(child);
  return Number(output.split(' ')[0]);
}

async function throughput(responders: readonly Responder[], generator: string): Promise<void> {
  for (const length of [64, 1500]) {
    const rates = responders.map(() => [] as number[]);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, responder] of responders.entries())
        rates[index].push(await measure(responder, generator, length));
    }
    console.log(
      `UDP echo, ${length} bytes, ${ROUNDS} rounds of ${SECONDS} s: frames/s, median; median of the ratios to bare koffi and to C`,
    );
    for (const [index, { name }] of responders.entries()) {
      const to = (other: number) =>
        median(rates[index].map((rate, round) => rate / rates[other][round])).toFixed(2);
      console.log(`${(median(rates[index]) / 1000).toFixed(0).padStart(9)} k  ${to(0)}  ${to(1)}  ${name}`);
    }
  }
}

async function pings(responder: Responder, layers: string): Promise<void> {
  const { child } = await start(responder, [layers, '192.0.2.1/24']);
  const text = execFileSync('ping', ['-i', '0.002', '-c', String(PINGS), '192.0.2.2'], { encoding: 'utf8' });
  await end(child);
  const times = [...text.matchAll(/time=([\d.]+)/g)]
    .map((match) => Number(match[1]) * 1000)
    .sort((a, b) => a - b);
  const p99 = times[Math.floor(times.length * 0.99)];
  console.log(
    `${median(times).toFixed(0).padStart(9)} us  ICMP round trip, median; 99 % within ${p99} us; ${responder.name}; ${times.length} of ${PINGS} answered`,
  );
}

async function run(): Promise<void> {
  printConditions();
  enterFreshNetwork();
  const folder = mkdtempSync(join(tmpdir(), 'ndisbox-bench-'));
  try {
    const build = (name: string): string => {
      const program = join(folder, name);
      execFileSync('gcc', ['-O2', '-o', program, join(sources, `${name}.c`)]);
      return program;
    };
    const generator = build('generator');
    const stack = { command: process.execPath, args: [join(compiled, 'stackResponder.js')] };
    const two = { name: 'stack of 2: wireport, echo', ...stack };
    const three = { name: 'stack of 3: wireport, intermediate driver, echo', ...stack };
    await throughput(
      [
        { name: 'bare koffi', command: process.execPath, args: [join(compiled, 'bareResponder.js')] },
        { name: 'C', command: build('responder'), args: [] },
        { name: 'Python', command: 'python3', args: [join(sources, 'responder.py')] },
        two,
        three,
      ],
      generator,
    );
    await pings(two, '2');
    await pings(three, '3');
  } finally {
    rmSync(folder, { recursive: true });
  }
  printConditions();
}

if (canMakeNetworks()) await run();
else console.log(`skipped: ${NETWORK_NEEDS}`);
