/** A network of its own for a test: the main thread moves into a fresh network namespace, see unshare(2). */

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { SystemCalls } from './systemCalls.ts';

const CLONE_NEWNET = 0x4000_0000;

/** Whether this process may make network namespaces and TAP devices. */
export function canMakeNetworks(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/dev/net/tun');
}

/** What to tell when it may not. */
export const NETWORK_NEEDS = 'needs Linux, root and /dev/net/tun';

/**
 * Moves the main thread, and the programs it starts from now on, into an empty network. There is no way back:
 * call it only in a test file that has a process of its own.
 */
export function enterFreshNetwork(): void {
  const unshare = new SystemCalls('test').koffi.load(null).func('int unshare(int flags)');
  if (unshare(CLONE_NEWNET) !== 0) throw new Error('unshare(CLONE_NEWNET) failed');
  ip('link set lo up');
}

/** Runs `ip` with the given words. */
export function ip(words: string): string {
  return execFileSync('ip', words.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
