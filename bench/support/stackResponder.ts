/** Answers UDP echo on a TAP device with a whole stack: wireport, an intermediate driver where asked for, and echo. */

import { echo, wireport } from '../../drivers/index.ts';
import { Machine } from '../../src/machine/index.ts';
import { TapWire } from '../../src/wire/node.ts';
import { passThrough } from './passThrough.ts';

const PROMISCUOUS = 0x20;
/** Milliseconds after which it ends by itself. */
const LIFE = 120_000;

const [, , interfaceName = '', layers = '2', hostAddress] = process.argv;
const intermediate = layers === '3';
const machine = new Machine({
  checks: false,
  memorySize: 64 * 1024 * 1024,
  mayBind: (protocol, adapter) => !intermediate || (protocol === 'passThrough') === (adapter === 'Ethernet'),
});
await machine.load('wireport', wireport);
if (intermediate) await machine.load('passThrough', passThrough(PROMISCUOUS));
await machine.load('echo', echo, { Address: '192.0.2.2' });
const wire = new TapWire({
  interfaceName,
  bringUp: true,
  ...(hostAddress === undefined ? {} : { hostAddress }),
});
await machine.addAdapter('wireport', { name: 'Ethernet', wire });
// The address of the adapter that echo is bound to.
const adapter = machine.snapshot().adapters.at(-1);
console.log(`ready ${adapter?.macAddress ?? ''}`);
process.on('SIGTERM', () => process.exit(0));
await machine.run(LIFE);
