/**
 * Two machines on a cell network call each other: `npx tsx examples/cellCalls.ts`. On each a client ("phone") uses a
 * call manager in the miniport; all of it is connection-oriented NDIS.
 */

import { cellmcm, CellSwitch, Phone, phoneDriver } from '../drivers/cells/index.ts';
import { Machine, statusName } from '../src/machine/index.ts';

const network = new CellSwitch();

async function station(...saps: string[]) {
  const machine = new Machine({ memorySize: 32 * 1024 * 1024 });
  const phone = new Phone(saps);
  await machine.load('cellmcm', cellmcm);
  await machine.load('phone', phoneDriver(phone));
  await machine.addAdapter('cellmcm', { name: 'Cells', wire: network.addStation() });
  await machine.settle();
  return { machine, phone };
}

const berlin = await station('desk');
const oslo = await station('desk', 'fax');

/** Lets both machines run for five milliseconds. */
async function pass(what: string): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await berlin.machine.run(1);
    await oslo.machine.run(1);
  }
  console.log(what);
  for (const [name, { phone }] of Object.entries({ berlin, oslo })) {
    for (const line of phone.log.splice(0)) console.log(`  ${name}: ${line}`);
  }
}

const call = berlin.phone.call('2/desk', { multipoint: true });
await pass('Berlin (1) calls the desk in Oslo (2)');
console.log(`  Berlin's call is ${call.state}, Oslo's is ${oslo.phone.calls[0].state}`);

berlin.phone.say(call, 'Hello Oslo');
oslo.phone.say(oslo.phone.calls[0], 'Hello Berlin');
await pass('Both talk');
console.log(`  Oslo heard "${oslo.phone.calls[0].heard[0]}", Berlin heard "${call.heard[0]}"`);

berlin.phone.change(call, 4_000_000);
await pass('Berlin wants more bandwidth');
console.log(`  Oslo has ${oslo.phone.calls[0].bandwidth} bytes a second`);

berlin.phone.add(call, '2/fax');
await pass('Berlin adds the fax in Oslo');
berlin.phone.drop(call, '2/desk');
await pass('Berlin drops the desk');

const nobody = berlin.phone.call('2/nobody');
await pass('Berlin calls nobody');
console.log(`  ${statusName(nobody.status)}`);

network.setLink(false);
await pass('The link is cut');
console.log(`  Berlin's call is ${call.state}, Oslo's are ${oslo.phone.calls.map(({ state }) => state).join(', ')}`);

for (const { machine } of [berlin, oslo]) {
  await machine.stop();
  for (const finding of machine.kernel.findings) console.log(`${finding.code}: ${finding.text}`);
}
console.log('Both machines stopped, nothing leaked');
