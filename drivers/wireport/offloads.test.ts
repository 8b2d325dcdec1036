import { describe, expect, test } from 'vitest';
import { Machine, NET_BUFFER_LIST, Segment } from '../../src/machine/index.ts';
import { checksum, ethernet, ip, ipv4, mac, word } from '../../test/support/frames.ts';
import {
  CHECKSUM,
  information,
  LARGE_SEND,
  type Probe,
  probing,
  VLAN,
} from '../../test/support/probeProtocol.ts';
import { TestStation } from '../../test/support/station.ts';
import { wireport } from './wireport.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');
async function stack(offloads = true, parameters = {}) {
  const segment = new Segment({ offloads });
  const machine = new Machine({ memorySize: 64 * 1024 * 1024 });
  const probe: Probe = { imports: null, binding: null, lists: null, received: [], completed: [] };
  await machine.load('wireport', wireport);
  await machine.load('probe', probing(probe));
  const wire = segment.addPort(OWN_MAC);
  expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire, parameters })).toBe(true);
  await machine.settle();
  const station = new TestStation(segment, machine, HOST_MAC);
  return {
    machine,
    probe,
    station,
    /** Sends one frame of the probe with out-of-band information; `offset` bytes into its buffer. */
    send: (frame: Uint8Array, info: Readonly<Record<number, number>>, offset = 0) => {
      const { imports, binding, lists } = probe;
      const list = lists?.take() ?? 0;
      if (imports === null || binding === null || lists === null || list === 0) throw new Error('no list');
      imports.memory.u8.set(frame, lists.bufferOf(list) + offset);
      lists.setFrame(list, offset, frame.length);
      imports.memory.writePointer(list, 0);
      imports.memory.writePointer(list + NET_BUFFER_LIST.offset.SourceHandle, binding.handle);
      for (const id of [CHECKSUM, LARGE_SEND, VLAN])
        imports.memory.u32[information(list, id)] = info[id] ?? 0;
      binding.sendsOutstanding++;
      imports.ndis.NdisSendNetBufferLists(binding.handle, list, 0, 0);
      return station.port.receive(station.batch);
    },
    stop: async () => {
      await machine.stop();
      expect(machine.kernel.findings).toEqual([]);
    },
  };
}

/** A TCP segment of `length` bytes of payload, as a protocol gives it to a large send: no lengths, no checksums. */
function tcpFrame(length: number): Uint8Array {
  const tcp = [...word(1000), ...word(80), 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, ...word(4096), 0, 0, 0, 0];
  const header = ipv4({ protocol: 6, source: OWN, destination: HOST }, [
    ...tcp,
    ...new Uint8Array(length).fill(7),
  ]);
  header.splice(2, 2, 0, 0);
  header.splice(10, 2, 0, 0);
  return ethernet(HOST_MAC, OWN_MAC, 0x0800, header);
}

describe('offloads of sends', () => {
  test.each([0, 1])(
    'a large send of 60 KB goes to the wire with whole headers (data at offset %i)',
    async (offset) => {
      const { send, station, probe, stop } = await stack();
      const payload = 60_000;
      const frame = tcpFrame(payload);
      expect(send(frame, { [LARGE_SEND]: 1460 | (34 << 20) | (1 << 30) }, offset)).toBe(1);
      const { batch } = station;
      expect([
        batch.flags[0],
        batch.segmentationType[0],
        batch.segmentSize[0],
        batch.headerLength[0],
      ]).toEqual([1, 1, 1460, 54]);
      expect([batch.checksumStart[0], batch.checksumOffset[0]]).toEqual([34, 16]);
      const seen = batch.frame(0);
      expect((seen[16] << 8) | seen[17]).toBe(40 + payload);
      expect(checksum(seen.subarray(14, 34))).toBe(0);
      // The field holds the folded sum over the pseudo header, from which the checksum goes on.
      const pseudo = ~checksum(seen.subarray(26, 34), [0, 6], word(20 + payload)) & 0xffff;
      expect((seen[50] << 8) | seen[51]).toBe(pseudo);
      expect(probe.completed).toEqual([{ status: 0, largeSend: 1 << 30 }]);
      await stop();
    },
  );

  test('checksums and a VLAN tag are left to the wire', async () => {
    const { send, station, stop } = await stack();
    expect(send(tcpFrame(10), { [CHECKSUM]: 1 | 4 | (34 << 16), [VLAN]: 3 | (10 << 4) })).toBe(1);
    expect([station.batch.flags[0], station.batch.checksumStart[0], station.batch.checksumOffset[0]]).toEqual(
      [1, 34, 16],
    );
    expect(station.batch.vlan[0]).toBe(0x8100_600a);
    await stop();
  });

  test('information that makes no sense fails the list', async () => {
    const { send, probe, stop } = await stack();
    for (const info of [
      { [LARGE_SEND]: (34 << 20) | (1 << 30) },
      { [LARGE_SEND]: 1460 | (1000 << 20) | (1 << 30) },
      { [CHECKSUM]: 1 | 4 | (60 << 16) },
      { [CHECKSUM]: 1 | 8 },
    ])
      expect(send(tcpFrame(10), info)).toBe(0);
    expect(probe.completed.map(({ status }) => status)).toEqual([
      0xc0010014, 0xc0010014, 0xc0010014, 0xc0010014,
    ]);
    await stop();
  });
});

describe('offloads of receives', () => {
  test('what the wire knows of a frame stands in the list; a plain frame after it has nothing', async () => {
    const { machine, station, probe, stop } = await stack();
    const { batch } = station;
    batch.count = 0;
    batch.append(tcpFrame(40_000));
    batch.append(tcpFrame(20));
    batch.flags[0] = 1;
    batch.segmentationType[0] = 1;
    batch.segmentSize[0] = 1448;
    batch.headerLength[0] = 54;
    batch.checksumStart[0] = 34;
    batch.checksumOffset[0] = 16;
    batch.vlan[0] = 0x8100_a014;
    station.port.send(batch);
    await machine.settle();
    expect(probe.received.map(({ frame }) => frame.length)).toEqual([40_054, 74]);
    expect(probe.received.map(({ info }) => info)).toEqual([
      [0x88, (1448 | (34 << 20) | (1 << 30)) >>> 0, 5 | (20 << 4), 28],
      [0, 0, 0, 0],
    ]);
    await stop();
  });
});

test('NetworkAddress takes the place of the address of the wire, unless it is a group (nf-ndis-ndisreadnetworkaddress)', async () => {
  const chosen = await stack(false, { NetworkAddress: '02-AA-BB-CC-DD-EE' });
  expect(chosen.machine.snapshot().adapters[0].macAddress).toBe('02:aa:bb:cc:dd:ee');
  await chosen.stop();
  const group = await stack(false, { NetworkAddress: '03AABBCCDDEE' });
  expect(group.machine.snapshot().adapters[0].macAddress).toBe('02:00:00:00:01:00');
  await group.stop();
});
