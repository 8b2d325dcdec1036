import { describe, expect, test } from 'vitest';
import {
  type Address,
  type DriverImage,
  Ieee8021QNetBufferListInfo,
  type KernelMemory,
  Machine,
  NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
  NDIS_NBL_FLAGS_RECV_READ_ONLY,
  NDIS_NBL_FLAGS_SEND_READ_ONLY,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID,
  NET_BUFFER,
  NET_BUFFER_LIST,
  Segment,
  STATUS_INVALID_PARAMETER,
} from '../../src/machine/index.ts';
import { arpRequest, ethernet, icmpEcho, ip, ipv4, mac, tagged } from '../../test/support/frames.ts';
import { createProbe, probeFilter } from '../../test/support/probeFilter.ts';
import { TestStation } from '../../test/support/station.ts';
import { twins } from '../../test/support/twins.ts';
import { echo } from '../echo/echo.ts';
import { mux } from '../mux/mux.ts';
import { frameByte, frameByteAddress } from '../support/vlanTag.ts';
import { wireport } from '../wireport/wireport.ts';
import { parseRewrite } from './rewriteIds.ts';
import { vlan } from './vlan.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');
const NBL_FLAGS = NET_BUFFER_LIST.offset.NblFlags;
const NBL_PARENT = NET_BUFFER_LIST.offset.ParentNetBufferList;
const NBL_CHILDREN = NET_BUFFER_LIST.offset.ChildRefCount;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_VLAN = NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * Ieee8021QNetBufferListInfo;

const ping = (sequence: number) =>
  ethernet(
    OWN_MAC,
    HOST_MAC,
    0x0800,
    ipv4({ protocol: 1, source: HOST, destination: OWN }, icmpEcho(7, sequence, [1, 2, 3, sequence])),
  );

/** What identifies an answer: the four bytes after the addresses, and the sequence number. */
const marksOf = (frames: readonly Uint8Array[]) =>
  frames.map((frame) => [...frame.subarray(12, 16), frame[frame.length - 1]]);

/** The id of a list: out of band, or else in its first frame. */
function idOf(memory: KernelMemory, list: Address): number {
  const outOfBand = (memory.u32[(list + NBL_VLAN) >> 2] >>> 4) & 0xfff;
  if (outOfBand !== 0) return outOfBand;
  const buffer = memory.i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
  const byte = (index: number) => frameByte(memory, buffer, index);
  return byte(12) === 0x81 ? ((byte(14) & 0xf) << 8) | byte(15) : 0;
}

/** wireport, a probe, vlan, another probe, and echo in the VLANs of `above` (0: untagged). */
async function stack(
  driver: DriverImage | Uint8Array,
  Rewrite: string,
  { above = '10', processors = 1, seed = 1, offloads = false } = {},
) {
  const segment = new Segment({ offloads });
  const machine = new Machine({
    memorySize: 32 * 1024 * 1024,
    seed,
    processors,
    mayBind: (protocol, adapter) => adapter.startsWith('mux') === (protocol !== 'mux'),
  });
  const [low, high] = [createProbe(), createProbe()];
  // Not on the virtual miniports of mux.
  for (const name of ['low', 'vlan', 'high']) machine.configureFilter(name, { adapters: ['Ethernet'] });
  expect(await machine.load('wireport', wireport)).toBe(0);
  expect(await machine.load('low', probeFilter(low, 'low', 1))).toBe(0);
  expect(await machine.load('vlan', driver, { VlanId: 1, Rewrite })).toBe(0);
  expect(await machine.load('high', probeFilter(high, 'high', 2))).toBe(0);
  expect(await machine.load('mux', mux, { VlanIds: above })).toBe(0);
  expect(await machine.load('echo', echo, { Address: '192.0.2.2' })).toBe(0);
  expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(
    true,
  );
  await machine.settle();
  const station = new TestStation(segment, machine, HOST_MAC);
  const exchange = async (...frames: readonly Uint8Array[]) => {
    station.send(...frames);
    await machine.settle();
    return marksOf(station.received());
  };
  /** Sends one frame so that echo knows the station. */
  const introduce = (vid: number) => exchange(tagged(arpRequest(HOST_MAC, HOST, OWN), vid));
  const stop = async () => {
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  };
  return { machine, station, low, high, exchange, introduce, stop };
}

const TAGGED = (vid: number, priority: number, sequence: number) => [
  0x81,
  0,
  (priority << 5) | (vid >> 8),
  vid & 0xff,
  sequence,
];

describe('the parameter Rewrite', () => {
  test('takes pairs of ids, each once on a side', () => {
    const ids = parseRewrite(' 10 : 20,20:10,4094:1');
    expect([ids?.down[10], ids?.down[20], ids?.down[4094], ids?.up[20], ids?.up[10], ids?.up[1]]).toEqual([
      20, 10, 1, 10, 20, 4094,
    ]);
    expect(ids?.down.filter((id) => id !== 0)).toHaveLength(3);
    expect(
      parseRewrite(Array.from({ length: 16 }, (_, i) => `${i + 1}:${i + 101}`).join(',')),
    ).not.toBeNull();
  });

  const tooMany = Array.from({ length: 17 }, (_, i) => `${i + 1}:${i + 101}`).join(',');
  for (const text of [
    '10',
    '10:',
    ':20',
    '0:20',
    '10:4095',
    '10:20,',
    '10:20,10:30',
    '10:20,11:20',
    'a:b',
    tooMany,
  ])
    test(`does not take "${text}"`, () => expect(parseRewrite(text)).toBeNull());
});

describe.each(twins(vlan, 'vlan'))('vlan with Rewrite (%s)', (_kind, driver) => {
  for (const text of ['10', '10:20,', '0:20', '10:4095', '10:20,10:30', '10:20,11:20', '10:20;30:40'])
    test(`does not load with "${text}"`, async () => {
      const machine = new Machine({ memorySize: 32 * 1024 * 1024 });
      expect(await machine.load('vlan', driver, { Rewrite: text })).toBe(STATUS_INVALID_PARAMETER);
      await machine.stop();
    });

  test('takes 255 characters and no more, and a blank text as none', async () => {
    for (const [text, status] of [
      ['10:20'.padEnd(255), 0],
      ['10:20'.padEnd(256), STATUS_INVALID_PARAMETER],
      ['  ', 0],
    ] as const) {
      const machine = new Machine({ memorySize: 32 * 1024 * 1024 });
      expect(await machine.load('vlan', driver, { Rewrite: text })).toBe(status);
      await machine.stop();
    }
  });

  for (const processors of [1, 2])
    test(`ids change both ways, priorities stay, the rest passes: processors ${processors}`, async () => {
      const { exchange, introduce, stop, low, high } = await stack(driver, '10:20, 4094:300', {
        above: '10,4094,50',
        processors,
      });
      const seen = { low: new Set<number>(), high: new Set<number>() };
      low.receive = (list, memory) => void seen.low.add(idOf(memory, list));
      high.receive = (list, memory) => void seen.high.add(idOf(memory, list));
      for (const vid of [20, 300, 50]) await introduce(vid);
      const answers = await exchange(
        tagged(ping(1), 20, 5),
        tagged(ping(2), 300, 7),
        tagged(ping(3), 50, 1),
        tagged(ping(4), 40),
      );
      expect(answers.sort((a, b) => a[4] - b[4])).toEqual([
        TAGGED(20, 5, 1),
        TAGGED(300, 7, 2),
        TAGGED(50, 1, 3),
      ]);
      expect([...seen.low].sort((a, b) => a - b)).toEqual([20, 40, 50, 300]);
      expect([...seen.high].sort((a, b) => a - b)).toEqual([10, 40, 50, 4094]);
      await stop();
    });

  test('an id that the adapter has taken out is changed in the information of the list', async () => {
    const { machine, station, high, introduce, stop } = await stack(driver, '10:20', { offloads: true });
    await introduce(20);
    const ids: number[] = [];
    high.receive = (list, memory) => ids.push(memory.u32[(list + NBL_VLAN) >> 2]);
    station.batch.count = 0;
    station.batch.append(ping(1));
    station.batch.vlan[0] = 0x8100_a014;
    station.port.send(station.batch);
    await machine.settle();
    expect(ids).toEqual([(10 << 4) | 5]);
    expect(marksOf(station.received())).toEqual([TAGGED(20, 5, 1)]);
    await stop();
  });

  /** How a list says that it may not be written, or that others read its data too. */
  const SENDS: Readonly<Record<string, (memory: KernelMemory, list: Address, on: boolean) => void>> = {
    'are read-only': (memory, list, on) => {
      if (on) memory.u32[(list + NBL_FLAGS) >> 2] |= NDIS_NBL_FLAGS_SEND_READ_ONLY;
      else memory.u32[(list + NBL_FLAGS) >> 2] &= ~NDIS_NBL_FLAGS_SEND_READ_ONLY;
    },
    'are clones': (memory, list, on) => memory.writePointer(list + NBL_PARENT, on ? list : 0),
    'are their own': () => {},
  };
  for (const [kind, mark] of Object.entries(SENDS))
    test(`lists that ${kind} go out changed and come back as they were`, async () => {
      const { exchange, introduce, low, high, stop } = await stack(driver, '10:20');
      await introduce(20);
      const under = new Map<Address, number>();
      const [below, duringSend, back]: number[][] = [[], [], []];
      let current = 0;
      let copied = false;
      high.send = (list, memory) => {
        mark(memory, list, true);
        under.set(list, idOf(memory, list));
        current = list;
      };
      low.send = (list, memory) => {
        below.push(idOf(memory, list));
        duringSend.push(idOf(memory, current));
        copied = list !== current;
      };
      high.sendComplete = (list, memory) => {
        mark(memory, list, false);
        back.push(under.get(list) ?? -1, idOf(memory, list), memory.i32[(list + NBL_CHILDREN) >> 2]);
      };
      expect(await exchange(tagged(ping(1), 20, 3))).toEqual([TAGGED(20, 3, 1)]);
      expect(below).toEqual([20]);
      expect(copied).toBe(kind !== 'are their own');
      expect(duringSend).toEqual([copied ? 10 : 20]);
      expect(back).toEqual([10, 10, 0]);
      await stop();
    });

  test('of a list whose frames do not all change a copy goes out', async () => {
    const { exchange, introduce, low, high, stop } = await stack(driver, '10:20');
    await introduce(20);
    const [below, back]: number[][] = [[], []];
    const bufferOf = (memory: KernelMemory, list: Address) => memory.i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    const setId = (memory: KernelMemory, buffer: Address, id: number) => {
      memory.u8[frameByteAddress(memory, buffer, 15)] = id;
    };
    let [first, second]: [Address, Address] = [0, 0];
    high.send = (list, memory) => {
      const next = memory.i32[(list + NET_BUFFER_LIST.offset.Next) >> 2];
      if (first !== 0 || next === 0) return;
      // The first list gets the frame of the second too, with an id that stays.
      [first, second] = [list, next];
      setId(memory, bufferOf(memory, second), 50);
      memory.writePointer(bufferOf(memory, first) + NET_BUFFER.offset.Next, bufferOf(memory, second));
    };
    low.send = (list, memory) => {
      below.push(list === first ? -1 : idOf(memory, list));
    };
    high.sendComplete = (list, memory) => {
      back.push(idOf(memory, list));
      if (list === first) memory.writePointer(bufferOf(memory, first) + NET_BUFFER.offset.Next, 0);
      else if (list === second) setId(memory, bufferOf(memory, list), 10);
    };
    expect(await exchange(tagged(ping(1), 20, 3), tagged(ping(2), 20, 3))).toEqual([
      TAGGED(20, 3, 1),
      TAGGED(50, 3, 2),
      TAGGED(50, 3, 2),
    ]);
    expect(first).not.toBe(0);
    expect(below).toEqual([20, 50]);
    expect(back).toEqual([10, 50]);
    await stop();
  });

  const RECEIVES: readonly [kind: string, listFlags: number, receiveFlags: number, copies: boolean][] = [
    ['their own', 0, 0, false],
    ['lent', 0, NDIS_RECEIVE_FLAGS_RESOURCES, false],
    ['read-only', NDIS_NBL_FLAGS_RECV_READ_ONLY, 0, true],
    ['read-only and lent', NDIS_NBL_FLAGS_RECV_READ_ONLY, NDIS_RECEIVE_FLAGS_RESOURCES, true],
    ['looped back', NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET, 0, true],
    ['in shared memory', 0, NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID, true],
  ];
  for (const [kind, listFlags, receiveFlags, copies] of RECEIVES)
    test(`receives that are ${kind} come up changed and go back as they were`, async () => {
      const { exchange, introduce, low, high, stop } = await stack(driver, '10:20');
      await introduce(20);
      low.receiveFlags = receiveFlags;
      const [above, duringReceive, back]: number[][] = [[], [], []];
      let current = 0;
      let copied = false;
      low.receive = (list, memory) => {
        memory.u32[(list + NBL_FLAGS) >> 2] |= listFlags;
        current = list;
      };
      high.receive = (list, memory) => {
        above.push(idOf(memory, list));
        duringReceive.push(idOf(memory, current));
        copied = list !== current;
      };
      low.returned = (list, memory) => {
        memory.u32[(list + NBL_FLAGS) >> 2] &= ~listFlags;
        back.push(idOf(memory, list), memory.i32[(list + NBL_CHILDREN) >> 2]);
      };
      expect(await exchange(tagged(ping(1), 20, 3))).toEqual([TAGGED(20, 3, 1)]);
      expect([above, copied]).toEqual([[10], copies]);
      expect(duringReceive).toEqual([copies ? 20 : 10]);
      expect(back).toEqual([20, 0]);
      await stop();
    });

  for (let seed = 1; seed <= 3; seed++)
    test(`the filter goes under traffic of which it makes copies, and nothing is lost below: seed ${seed}`, async () => {
      const { machine, station, low, high, exchange, introduce, stop } = await stack(driver, '10:20', {
        processors: 2,
        seed,
      });
      await introduce(20);
      let outstanding = 0;
      low.receive = (list, memory) => {
        memory.u32[(list + NBL_FLAGS) >> 2] |= NDIS_NBL_FLAGS_RECV_READ_ONLY;
        outstanding++;
      };
      low.returned = (list, memory) => {
        memory.u32[(list + NBL_FLAGS) >> 2] &= ~NDIS_NBL_FLAGS_RECV_READ_ONLY;
        expect(memory.i32[(list + NBL_CHILDREN) >> 2]).toBe(0);
        outstanding--;
      };
      high.send = (list, memory) => SENDS['are read-only'](memory, list, true);
      high.sendComplete = (list, memory) => SENDS['are read-only'](memory, list, false);
      station.send(...Array.from({ length: 20 }, (_, i) => tagged(ping(i), 20)));
      expect(await machine.unload('vlan')).toBe(0);
      await machine.settle();
      expect(outstanding).toBe(0);
      station.received();
      // Without the filter the ids are those of the wire.
      expect(await exchange(tagged(ping(30), 10), tagged(ping(31), 20))).toEqual([TAGGED(10, 0, 30)]);
      await stop();
    });
});
