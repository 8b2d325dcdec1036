import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DriverImage, Machine, type SegmentPort } from '../../src/machine/index.ts';
import { CELL_SIZE, Reassembly, readHeader, segment } from './cell.ts';
import { cellcm } from './cellcm.ts';
import { cellport } from './cellMiniport.ts';
import { cellmcm } from './cellmcm.ts';
import { CellSwitch } from './cellSwitch.ts';
import { Phone } from './phone.ts';
import { phoneDriver } from './phoneDriver.ts';

test('a frame survives being cut into cells and put together; a damaged one does not (ITU-T I.363.5)', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), fc.nat(), (pdu, damaged) => {
      const cells = segment(pdu, { path: 7, channel: 0x1234 });
      expect(cells.length % CELL_SIZE).toBe(0);
      expect(readHeader(cells, 0)).toMatchObject({ path: 7, channel: 0x1234 });
      const whole = new Reassembly();
      let result: Uint8Array | null = null;
      for (let at = 0; at < cells.length; at += CELL_SIZE)
        result = whole.take(cells, at, at + CELL_SIZE === cells.length);
      expect(result).toEqual(pdu);
      const at = damaged % cells.length;
      cells[at] ^= 0x10;
      const again = new Reassembly();
      for (let cell = 0; cell < cells.length; cell += CELL_SIZE)
        result =
          readHeader(cells, cell) === null
            ? null
            : again.take(cells, cell, cell + CELL_SIZE === cells.length);
      expect(result).toBeNull();
    }),
    { numRuns: 60 },
  );
});

type Kind = 'stand-alone' | 'mcm';

interface Station {
  readonly machine: Machine;
  readonly phone: Phone;
}

/** A machine on the network with a phone. */
async function station(
  kind: Kind,
  port: SegmentPort,
  saps: readonly string[],
  processors: number,
): Promise<Station> {
  const machine = new Machine({ memorySize: 32 * 1024 * 1024, processors, seed: 3 });
  const phone = new Phone(saps);
  const drivers: readonly (readonly [string, DriverImage])[] =
    kind === 'mcm'
      ? [
          ['cellmcm', cellmcm],
          ['phone', phoneDriver(phone)],
        ]
      : [
          ['cellport', cellport],
          ['cellcm', cellcm],
          ['phone', phoneDriver(phone)],
        ];
  for (const [name, image] of drivers) expect(await machine.load(name, image)).toBe(0);
  expect(await machine.addAdapter(drivers[0][0], { name: 'Cells', wire: port })).toBe(true);
  await machine.settle();
  return { machine, phone };
}

describe.each([
  ['stand-alone', 1],
  ['stand-alone', 2],
  ['stand-alone', 4],
  ['mcm', 1],
  ['mcm', 2],
  ['mcm', 4],
] as const)('two machines on a cell network, call manager: %s, %i processors', (kind, processors) => {
  async function network() {
    const cells = new CellSwitch();
    const here = await station(kind, cells.addStation(), ['echo'], processors);
    const there = await station(kind, cells.addStation(), ['talk', 'fax'], processors);
    const run = async (milliseconds = 5): Promise<void> => {
      for (let i = 0; i < milliseconds; i++) {
        await here.machine.run(1);
        await there.machine.run(1);
      }
    };
    const stop = async (): Promise<void> => {
      await here.machine.stop();
      await there.machine.stop();
      for (const { machine } of [here, there]) expect(machine.kernel.findings).toEqual([]);
    };
    return { cells, here, there, run, stop };
  }

  test('a call is placed, answered, carries data both ways and ends (network/making-a-call)', async () => {
    const { here, there, run, stop } = await network();
    const call = here.phone.call('2/talk');
    await run();
    expect(call.state).toBe('connected');
    const [answered] = there.phone.calls;
    expect(answered.state).toBe('connected');
    const long = 'long '.repeat(700);
    here.phone.say(call, 'Can you hear me?');
    here.phone.say(call, long);
    there.phone.say(answered, 'I can.');
    await run();
    expect(answered.heard).toEqual(['Can you hear me?', long]);
    expect(call.heard).toEqual(['I can.']);
    there.phone.hangUp(answered);
    await run();
    expect([call.state, answered.state]).toEqual(['ended', 'ended']);
    const back = there.phone.call('1/echo');
    await run();
    expect(back.state).toBe('connected');
    there.phone.hangUp(back);
    await run();
    expect(here.phone.calls.map(({ state }) => state)).toEqual(['ended', 'ended']);
    await stop();
  });

  test('a call is refused by the client, and one to nobody by the call manager (network/indicating-an-incoming-call)', async () => {
    const { here, there, run, stop } = await network();
    there.phone.answer = () => false;
    const refused = here.phone.call('2/talk');
    const nobody = here.phone.call('2/nobody');
    const nonsense = here.phone.call('nonsense');
    const greedy = here.phone.call('2/fax', { bandwidth: 1_000_000_000 });
    await run();
    for (const call of [refused, nobody, nonsense, greedy]) {
      expect(call.state).toBe('ended');
      expect(call.status).not.toBe(0);
    }
    expect(there.phone.log).toContain('talk refused a call');
    await stop();
  });

  test('the quality of service changes, and what the miniport cannot do stays as it was (network/client-initiated-request-to-change-call-parameters)', async () => {
    const { here, there, run, stop } = await network();
    const call = here.phone.call('2/talk', { bandwidth: 1000 });
    await run();
    here.phone.change(call, 2000);
    await run();
    expect([call.bandwidth, there.phone.calls[0].bandwidth]).toEqual([2000, 2000]);
    here.phone.change(call, 1_000_000_000);
    await run();
    expect(call.bandwidth).toBe(2000);
    here.phone.say(call, 'still there');
    await run();
    expect(there.phone.calls[0].heard).toEqual(['still there']);
    here.phone.hangUp(call);
    await run();
    await stop();
  });

  test('parties are added and dropped, and leave (network/adding-a-party-to-a-multipoint-call)', async () => {
    const { here, there, run, stop } = await network();
    const call = here.phone.call('2/talk', { multipoint: true });
    await run();
    here.phone.add(call, '2/fax');
    here.phone.add(call, '2/nobody');
    await run();
    expect(call.parties.map(({ state }) => state)).toEqual(['present', 'present', 'gone']);
    here.phone.say(call, 'to all');
    await run();
    expect(there.phone.calls.map(({ heard }) => heard)).toEqual([['to all'], ['to all']]);
    there.phone.hangUp(there.phone.calls[0]);
    await run();
    expect(call.parties.map(({ state }) => state)).toEqual(['gone', 'present', 'gone']);
    here.phone.add(call, '2/talk');
    await run();
    here.phone.drop(call, '2/fax');
    await run();
    expect(there.phone.calls.map(({ state }) => state)).toEqual(['ended', 'ended', 'connected']);
    here.phone.hangUp(call);
    await run();
    expect(there.phone.calls.map(({ state }) => state)).toEqual(['ended', 'ended', 'ended']);
    await stop();
  });

  test('a link that is cut ends the calls at both ends, and later ones work (network/incoming-request-to-close-a-call)', async () => {
    const { cells, here, there, run, stop } = await network();
    const call = here.phone.call('2/talk', { multipoint: true });
    await run();
    here.phone.add(call, '2/fax');
    await run();
    const pending = here.phone.call('2/talk');
    await here.machine.run(2);
    cells.setLink(false);
    await run();
    expect([call.state, pending.state]).toEqual(['ended', 'ended']);
    for (const { state } of there.phone.calls) expect(state).toBe('ended');
    const without = here.phone.call('2/talk');
    await run();
    expect(without.state).toBe('ended');
    cells.setLink(true);
    await run();
    const later = here.phone.call('2/talk');
    await run();
    expect(later.state).toBe('connected');
    await stop();
  });
});
