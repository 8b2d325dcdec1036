/** Answers UDP echo on a TAP device with koffi alone: readiness, then reads and writes in turn on one buffer. */

import { closeSync, constants, openSync } from 'node:fs';
import { loadKoffi } from '../../src/wire/node.ts';

const TUNSETIFF = 0x400454ca;
const IFF_TAP_NO_PI = 0x1002;
const SLOT = 2048;
const FRAMES = 64;
const BATCHES = 8;

const koffi = loadKoffi('bare responder');
const library = koffi.load(null);
const ioctl = library.func('int ioctl(int descriptor, unsigned long request, uintptr_t argument)');
const read = library.func('long read(int descriptor, uintptr_t buffer, size_t count)');
const write = library.func('long write(int descriptor, uintptr_t buffer, size_t count)');

const descriptor = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
const request = new Uint8Array(new ArrayBuffer(40));
request.set(new TextEncoder().encode(process.argv[2] ?? ''));
new DataView(request.buffer).setUint16(16, IFF_TAP_NO_PI, true);
if (ioctl(descriptor, TUNSETIFF, Number(koffi.address(request))) < 0) throw new Error('TUNSETIFF failed');

const memory = new Uint8Array(new ArrayBuffer(SLOT * FRAMES));
const base = Number(koffi.address(memory));
const lengths = new Int32Array(FRAMES);

function swap(a: number, b: number, length: number): void {
  for (let i = 0; i < length; i++) {
    const kept = memory[a + i];
    memory[a + i] = memory[b + i];
    memory[b + i] = kept;
  }
}

function work(): void {
  for (let batch = 0; batch < BATCHES; batch++) {
    let count = 0;
    for (; count < FRAMES; count++) {
      const length = read(descriptor, base + count * SLOT, SLOT);
      if (length <= 0) break;
      lengths[count] = length;
    }
    for (let slot = 0; slot < count; slot++) {
      const at = slot * SLOT;
      if (lengths[slot] < 42 || memory[at + 12] !== 8 || memory[at + 13] !== 0 || memory[at + 23] !== 17)
        continue;
      swap(at, at + 6, 6);
      swap(at + 26, at + 30, 4);
      swap(at + 34, at + 36, 2);
      write(descriptor, base + at, lengths[slot]);
    }
    if (count < FRAMES) return;
  }
}

const handle = koffi.node.poll(descriptor, { readable: true, writable: false }, (status) => {
  if (status >= 0) work();
});
console.log('ready');
process.on('SIGTERM', () => {
  handle.close();
  closeSync(descriptor);
  process.exit(0);
});
