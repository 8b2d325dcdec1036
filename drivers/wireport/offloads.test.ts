import { describe, expect, test } from 'vitest';
import {
  type Address,
  type DriverImports,
  defineDriver,
  Machine,
  type NDIS_BIND_PARAMETERS,
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  type NDIS_OID_REQUEST,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NET_BUFFER_LIST,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventPause,
  NetEventRestart,
  Segment,
} from '../../src/machine/index.ts';
import { checksum, ethernet, ip, ipv4, mac, word } from '../../test/support/frames.ts';
import { TestStation } from '../../test/support/station.ts';
import { frameAddress } from '../support/frameBytes.ts';
import { LowerBinding } from '../support/lowerBinding.ts';
import { OwnLists } from '../support/ownLists.ts';
import { wireport } from './wireport.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');
/** Indexes of out-of-band information: checksum, large send, VLAN, coalesced segments. */
const CHECKSUM = 0;
const LARGE_SEND = 2;
const COALESCED = 22;
const information = (list: Address, id: number) =>
  (list + NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * id) >> 2;
const VLAN = 4;

/** What the protocol of the test sends, and what it saw. */
interface Probe {
  imports: DriverImports | null;
  binding: LowerBinding | null;
  lists: OwnLists | null;
  readonly received: { frame: Uint8Array; info: number[] }[];
  readonly completed: { status: number; largeSend: number }[];
}

/** A protocol that does what the test says. */
function probing(probe: Probe) {
  return defineDriver((imports: DriverImports) => {
    const { ndis, memory } = imports;
    const protocol = imports.cell();
    probe.imports = imports;
    return {
      DriverEntry(DriverObject) {
        DriverObject.DriverUnload = () => ndis.NdisDeregisterProtocolDriver(protocol.value);
        return ndis.NdisRegisterProtocolDriver(
          null,
          {
            Header: {
              Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
              Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
              Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
            },
            MajorNdisVersion: 6,
            MinorNdisVersion: 30,
            Name: 'probe',
            BindAdapterHandlerEx: async (_context: unknown, bind: Address, given: NDIS_BIND_PARAMETERS) => {
              probe.binding = new LowerBinding(imports, given);
              const status = await probe.binding.open(protocol, bind, given);
              probe.lists = OwnLists.create(imports, probe.binding.handle, 1, 8, 66_000);
              await probe.binding.setPacketFilter(0x20);
              return status;
            },
            UnbindAdapterHandlerEx: async (_unbind: Address, binding: LowerBinding) => {
              await binding.close();
              probe.lists?.destroy();
              return 0;
            },
            OpenAdapterCompleteHandlerEx: (binding: LowerBinding, status: number) => binding.complete(status),
            CloseAdapterCompleteHandlerEx: (binding: LowerBinding) => binding.complete(0),
            NetPnPEventHandler: async (binding: LowerBinding, event: NET_PNP_EVENT_NOTIFICATION) => {
              if (event.NetPnPEvent.NetEvent === NetEventPause) await binding.pause();
              if (event.NetPnPEvent.NetEvent === NetEventRestart) binding.running = true;
              return 0;
            },
            OidRequestCompleteHandler: (binding: LowerBinding, request: NDIS_OID_REQUEST, status: number) => {
              binding.completeRequest(request.address, status);
            },
            StatusHandlerEx: () => {},
            ReceiveNetBufferListsHandler: (binding: LowerBinding, lists: Address) => {
              for (let list = lists; list !== 0; list = memory.readPointer(list)) {
                const buffer = ndis.NET_BUFFER_LIST_FIRST_NB(list);
                const at = frameAddress(memory, buffer);
                probe.received.push({
                  frame: memory.u8.slice(at, at + ndis.NET_BUFFER_DATA_LENGTH(buffer)),
                  info: [CHECKSUM, LARGE_SEND, VLAN, COALESCED].map(
                    (id) => memory.u32[information(list, id)],
                  ),
                });
              }
              ndis.NdisReturnNetBufferLists(binding.handle, lists, 1);
            },
            SendNetBufferListsCompleteHandler: (binding: LowerBinding, lists: Address) => {
              for (let list = lists; list !== 0; ) {
                const next = memory.readPointer(list);
                probe.completed.push({
                  status: ndis.NET_BUFFER_LIST_STATUS(list),
                  largeSend: memory.u32[information(list, LARGE_SEND)],
                });
                binding.sendsOutstanding--;
                probe.lists?.give(list);
                list = next;
              }
              binding.sendsCompleted();
            },
          },
          protocol,
        );
      },
    };
  });
}

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
