/** A real process that changes a machine directory is killed at many moments: the old machine or the new one is there. */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { MachineDirectory } from '../src/install/node.ts';

const folder = mkdtempSync(join(tmpdir(), 'ndisbox-kill-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const WRITER = fileURLToPath(new URL('support/directoryWriter.ts', import.meta.url));
/** Kills, spread over the changes that a writer makes. */
const KILLS = 6;

/** Starts a writer, waits until it says that so many changes are made, then kills it after a little while. */
function killWriter(path: string, changes: number, delay: number): Promise<number> {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), WRITER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let seen = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text.split('\n').length - 1;
    // The operating system decides where in the next change this falls.
    if (seen >= changes) setTimeout(() => child.kill('SIGKILL'), delay);
  });
  return new Promise((resolve) => {
    // Only then everything that it wrote has arrived.
    child.on('close', () => resolve(seen));
  });
}

test('a SIGKILL leaves a machine that can be read and changed, with every change that was confirmed', async () => {
  const path = join(folder, 'machine');
  let confirmed = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const before = confirmed;
    confirmed += await killWriter(path, 1 + (kill % 2), kill % 12);
    const system = new MachineDirectory(path).read();
    const number = system.find('Services\\a')?.get('Number');
    const files = system.files.list().map((file) => new TextDecoder().decode(file.bytes));
    // The change under way when the process died may have been made already.
    expect([confirmed, confirmed + 1]).toContain(number);
    expect(new Set(files)).toEqual(new Set([`content ${String(number)}`]));
    expect(confirmed).toBeGreaterThan(before);
    confirmed = Number(number);
  }
}, 180_000);
