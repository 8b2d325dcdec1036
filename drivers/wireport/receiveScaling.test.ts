/** Receive side scaling of wireport: flows go to the processors of the indirection table, in order. */

import { describe, expect, test } from 'vitest';
import {
  Machine,
  NDIS_HASH_IPV4,
  NDIS_HASH_TCP_IPV4,
  NDIS_OBJECT_TYPE_RSS_PARAMETERS,
  NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2,
  NDIS_RSS_PARAM_FLAG_DISABLE_RSS,
  NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NdisHashFunctionToeplitz,
  NdisRequestSetInformation,
  OID_GEN_RECEIVE_SCALE_PARAMETERS,
  ReceiveHash,
  Segment,
} from '../../src/machine/index.ts';
import { hostRequestOid, inventoryOf } from '../../src/ndis/index.ts';
import { ethernet, ip, ipv4, mac, word } from '../../test/support/frames.ts';
import { type Probe, probing } from '../../test/support/probeProtocol.ts';
import { TestStation } from '../../test/support/station.ts';
import { wireport } from './wireport.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const KEY = Uint8Array.from({ length: 40 }, (_, index) => index * 7 + 3);
const TYPES = NDIS_HASH_TCP_IPV4 | NDIS_HASH_IPV4;
/** Processors by the low bits of the hash. */
const TABLE = [3, 1, 2, 0, 1, 3, 0, 2];

interface Seen {
  readonly flow: number;
  readonly sequence: number;
  readonly processor: number;
  readonly hash: number;
  readonly type: number;
}

function parameters(processors: number, flags = 0): Uint8Array {
  const size = NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2;
  const bytes = new Uint8Array(size + 4 * TABLE.length + KEY.length);
  const data = new DataView(bytes.buffer);
  bytes.set([NDIS_OBJECT_TYPE_RSS_PARAMETERS, NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2, size]);
  data.setUint16(4, flags, true);
  data.setUint32(8, TYPES | NdisHashFunctionToeplitz, true);
  data.setUint16(12, 4 * TABLE.length, true);
  data.setUint32(16, size, true);
  data.setUint16(20, KEY.length, true);
  data.setUint32(24, size + 4 * TABLE.length, true);
  for (const [entry, number] of TABLE.entries()) bytes[size + 4 * entry + 2] = number % processors;
  bytes.set(KEY, size + 4 * TABLE.length);
  return bytes;
}

function frame(flow: number, sequence: number): Uint8Array {
  const tcp = [
    ...word(1000 + flow),
    ...word(80),
    0,
    0,
    0,
    sequence,
    0,
    0,
    0,
    1,
    0x50,
    0x10,
    0,
    0,
    0,
    0,
    0,
    0,
  ];
  const packet = ipv4({ protocol: 6, source: ip('192.0.2.1'), destination: ip('192.0.2.2') }, tcp);
  return ethernet(OWN_MAC, HOST_MAC, 0x0800, packet);
}

async function stack(processors: number, seed: number, keywords = {}) {
  const segment = new Segment();
  const machine = new Machine({ memorySize: 64 * 1024 * 1024, processors, seed });
  const seen: Seen[] = [];
  const probe: Probe = {
    imports: null,
    binding: null,
    lists: null,
    received: [],
    completed: [],
    look: ({ ndis, memory }, list) => {
      const at = ndis.NdisGetDataBuffer(ndis.NET_BUFFER_LIST_FIRST_NB(list), 54, 0, 1, 0);
      seen.push({
        flow: ((memory.u8[at + 34] << 8) | memory.u8[at + 35]) - 1000,
        sequence: memory.u8[at + 41],
        processor: machine.kernel.scheduler.processor.number,
        hash: ndis.NET_BUFFER_LIST_GET_HASH_VALUE(list),
        type: ndis.NET_BUFFER_LIST_GET_HASH_TYPE(list),
      });
    },
  };
  await machine.load('wireport', wireport);
  await machine.load('probe', probing(probe));
  const wire = segment.addPort(OWN_MAC);
  expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire, parameters: keywords })).toBe(true);
  await machine.settle();
  const station = new TestStation(segment, machine, HOST_MAC);
  const [adapter] = inventoryOf(machine.ndis).adapters;
  const set = async (buffer: Uint8Array): Promise<number> => {
    const type = NdisRequestSetInformation;
    const asked = hostRequestOid(machine.ndis, adapter, {
      type,
      oid: OID_GEN_RECEIVE_SCALE_PARAMETERS,
      buffer,
    });
    await machine.settle();
    return (await asked).status;
  };
  return { machine, station, seen, set };
}

describe.each([
  [2, 1],
  [4, 2],
  [4, 3],
])('%i processors, seed %i', (processors, seed) => {
  test('each flow is received in order on the processor that the table names for its hash (network/rss-with-hardware-queuing)', async () => {
    const { machine, station, seen, set } = await stack(processors, seed);
    expect(await set(parameters(processors))).toBe(NDIS_STATUS_SUCCESS);
    for (let sequence = 0; sequence < 12; sequence++) {
      station.send(...Array.from({ length: 8 }, (_, flow) => frame(flow, sequence)));
      if (sequence % 3 === 0) await machine.settle();
    }
    await machine.settle();
    expect(seen).toHaveLength(96);
    const hash = new ReceiveHash(TYPES, KEY);
    for (let flow = 0; flow < 8; flow++) {
      const bytes = frame(flow, 0);
      expect(hash.compute(bytes, 0, bytes.length)).toBe(NDIS_HASH_TCP_IPV4);
      const mine = seen.filter((one) => one.flow === flow);
      expect(mine.map(({ sequence }) => sequence)).toEqual([...Array(12).keys()]);
      const processor = TABLE[hash.value & (TABLE.length - 1)] % processors;
      for (const one of mine)
        expect(one).toMatchObject({ processor, hash: hash.value, type: NDIS_HASH_TCP_IPV4 });
    }
    expect(new Set(seen.map(({ processor }) => processor)).size).toBe(processors);
    expect(await set(parameters(processors, NDIS_RSS_PARAM_FLAG_DISABLE_RSS))).toBe(NDIS_STATUS_SUCCESS);
    station.send(frame(1, 99));
    await machine.settle();
    expect(seen.at(-1)).toMatchObject({ flow: 1, sequence: 99, hash: 0, type: 0 });
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  test('frames that wait for their processors when the adapter pauses come back (network/pausing-an-adapter)', async () => {
    const { machine, station, set } = await stack(processors, seed);
    await set(parameters(processors));
    for (let sequence = 0; sequence < 40; sequence++) station.send(frame(sequence % 8, sequence));
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });
});

test.each([
  ['one processor', 1, {}],
  ['the keyword *RSS is 0', 4, { '*RSS': '0' }],
])(
  'with %s there is no receive side scaling (network/standardized-inf-keywords-for-rss)',
  async (_what, processors, keywords) => {
    const { machine, set } = await stack(processors, 5, keywords);
    expect(await set(parameters(processors))).toBe(NDIS_STATUS_NOT_SUPPORTED);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  },
);
