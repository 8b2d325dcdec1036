/** Protocol drivers for NDIS 5 over a miniport driver for NDIS 6. */

import { describe, expect, test } from 'vitest';
import { createTestMiniport, registerMiniport, type TestMiniport } from '../../../../test/support/drivers.ts';
import { LegacyTestProtocol, NDIS40_LENGTH, NDIS50_LENGTH } from '../../../../test/support/legacyProtocol.ts';
import { createFrames, listsOf } from '../../../../test/support/lists.ts';
import { createTestNdis } from '../../../../test/support/ndis.ts';
import type { Address } from '../../../memory/index.ts';
import { updateReceivers } from '../../dataPath/receivers.ts';
import {
  callThrough,
  indicateStatus,
  listShellsOf,
  type MiniportAdapter,
  NBL_STATUS,
  NDIS_OPEN_BLOCK,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_REQUEST,
  NDIS_STATUS_ADAPTER_NOT_FOUND,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PACKET,
  NDIS_STATUS_NOT_RESETTABLE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_OPEN_FAILED,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NDIS_STATUS_UNSUPPORTED_MEDIA,
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
  NetEventReconfigure,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_LINK_SPEED,
  OID_GEN_MEDIA_CONNECT_STATUS,
  packetShellsOf,
  queueOperation,
  uninstallProtocol,
} from '../../index.ts';
import { netPnPEvent, sendNetPnPEvent } from '../../pnp/netPnPEvents.ts';
import { writeLinkState } from '../../status/linkState.ts';

const PROMISCUOUS = 0x20;

/** A running stack: a 6.x miniport and a 5.1 protocol. */
class Stack {
  readonly t: ReturnType<typeof createTestNdis>;
  readonly m: TestMiniport;
  readonly p: LegacyTestProtocol;
  /** Lists that the miniport got, and whether it completes them at once. */
  readonly sent: Address[] = [];
  readonly returned: Address[] = [];
  completes = true;
  adapter!: MiniportAdapter;

  constructor(seed = 1) {
    this.t = createTestNdis({ seed });
    this.m = createTestMiniport(this.t);
    this.p = new LegacyTestProtocol(this.t);
    this.m.onSend = (_context, lists, _port, flags) => {
      this.sent.push(...listsOf(this.t, lists));
      if (!this.completes) return;
      for (const list of listsOf(this.t, lists))
        this.t.memory.u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_SUCCESS;
      this.m.driver.ndis.NdisMSendNetBufferListsComplete(this.handle, lists, flags & 1);
    };
    this.m.onReturn = (_context, lists) => void this.returned.push(...listsOf(this.t, lists));
  }

  async up(changes: object = {}, miniportChanges: object = {}): Promise<this> {
    await registerMiniport(this.t, this.m, miniportChanges);
    expect(await this.p.register(changes)).toBe(NDIS_STATUS_SUCCESS);
    this.adapter = this.t.addAdapter(this.m.object(), 'Ethernet');
    await this.t.runAll();
    const binding = this.adapter.bindings[0];
    if (binding !== undefined) {
      binding.packetFilter = PROMISCUOUS;
      updateReceivers(this.adapter);
    }
    return this;
  }

  /** MiniportAdapterHandle and NdisBindingHandle. */
  get handle(): Address {
    return this.m.adapters[0];
  }
  get open(): Address {
    return this.p.bindings[0].handle.value;
  }
  get ndis() {
    return this.p.driver.ndis;
  }

  /** A packet of the protocol with bytes 0, 1, ... in buffers of the given lengths. */
  packet(...lengths: number[]): Address {
    const [status, result] = [this.p.driver.cell(), this.p.driver.cell()];
    this.ndis.NdisAllocatePacketPool(status, result, 4, 32);
    this.ndis.NdisAllocatePacket(status, result, result.value);
    const packet = result.value;
    let next = 0;
    for (const length of lengths) {
      const at = this.p.driver.ntoskrnl.ExAllocatePoolWithTag(512, length, 1);
      for (let i = 0; i < length; i++) this.t.memory.u8[at + i] = next++;
      this.ndis.NdisAllocateBuffer(status, result, 0, at, length);
      this.ndis.NdisChainBufferAtBack(packet, result.value);
    }
    return packet;
  }

  array(...packets: Address[]): Address {
    const at = this.p.driver.ntoskrnl.ExAllocatePoolWithTag(512, 8 * packets.length, 1);
    for (const [index, packet] of packets.entries()) this.t.memory.writePointer(at + index * 8, packet);
    return at;
  }

  data(packet: Address): number[] {
    const bytes: number[] = [];
    for (
      let b = this.ndis.NDIS_PACKET_FIRST_NDIS_BUFFER(packet);
      b !== 0;
      b = this.ndis.NDIS_BUFFER_LINKAGE(b)
    ) {
      const at = this.ndis.NdisBufferVirtualAddress(b);
      bytes.push(...this.t.memory.u8.subarray(at, at + this.ndis.NdisBufferLength(b)));
    }
    return bytes;
  }

  /** Indicates frames of 60 bytes; gives the lists. */
  indicate(count: number, flags = 0): Address[] {
    const frames = createFrames(this.t, this.m.driver);
    const lists = Array.from({ length: count }, (_, i) =>
      frames([2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 8, 0, i], this.handle),
    );
    for (let i = 0; i + 1 < lists.length; i++) this.t.memory.writePointer(lists[i], lists[i + 1]);
    this.m.driver.ndis.NdisMIndicateReceiveNetBufferLists(this.handle, lists[0], 0, count, flags);
    return lists;
  }

  statusOf(call: (status: Address) => unknown): number {
    const cell = this.p.driver.cell();
    call(cell.address);
    return this.t.memory.u32[cell.address >> 2];
  }
}

describe('NdisRegisterProtocol', () => {
  test.each([
    [4, 0, NDIS40_LENGTH, NDIS_STATUS_SUCCESS],
    [5, 0, NDIS50_LENGTH, NDIS_STATUS_SUCCESS],
    [5, 1, NDIS50_LENGTH + 8, NDIS_STATUS_SUCCESS],
    [5, 0, NDIS40_LENGTH, NDIS_STATUS_BAD_CHARACTERISTICS],
    [4, 0, 104, NDIS_STATUS_BAD_CHARACTERISTICS],
    [3, 0, NDIS50_LENGTH, NDIS_STATUS_BAD_VERSION],
    [5, 2, NDIS50_LENGTH, NDIS_STATUS_BAD_VERSION],
    [6, 0, NDIS50_LENGTH, NDIS_STATUS_BAD_VERSION],
    [5, 0, 0, NDIS_STATUS_BAD_CHARACTERISTICS],
  ])(
    'version %i.%i with %i bytes: 0x%s (nf-ndis-ndisregisterprotocol)',
    async (major, minor, length, status) => {
      const p = new LegacyTestProtocol(createTestNdis());
      expect(await p.register({ MajorNdisVersion: major, MinorNdisVersion: minor }, length)).toBe(status);
    },
  );

  test.each([
    'BindAdapterHandler',
    'UnbindAdapterHandler',
    'OpenAdapterCompleteHandler',
    'RequestCompleteHandler',
  ])('refuses a protocol without %s (nf-ndis-ndisregisterprotocol)', async (member) => {
    const p = new LegacyTestProtocol(createTestNdis());
    expect(await p.register({ [member]: null })).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
  });
});

describe('a binding', () => {
  test.each([1, 2, 3, 4, 5, 6])('is made and taken down, sync or pending, seed %i', async (seed) => {
    const s = await new Stack(seed).up();
    // NetEventBindsComplete came when there was no adapter.
    expect(s.p.log[0]).toMatch(/^event/);
    expect(s.p.log[1]).toBe('bind \\Device\\{Ethernet}');
    expect(s.adapter.bindings[0].state).toBe('Running');
    await s.t.run(async () => {
      await s.ndis.NdisDeregisterProtocol(s.p.status, s.p.handle.value);
    });
    expect(s.p.log.filter((line) => line !== 'closeComplete').slice(-1)).toEqual(['unbind']);
    expect(s.adapter.bindings).toEqual([]);
    expect(s.t.findings()).toEqual([]);
  });

  test('has an NDIS_OPEN_BLOCK as handle, with the handlers of NDIS and its own', async () => {
    const s = await new Stack().up();
    const block = NDIS_OPEN_BLOCK.at(s.t.memory, s.open);
    expect(block.BindingHandle).toBe(s.open);
    for (const member of [
      'SendHandler',
      'SendPacketsHandler',
      'TransferDataHandler',
      'RequestHandler',
      'ResetHandler',
    ] as const) {
      expect(block[member], member).not.toBe(0);
    }
    expect(block.SendCompleteHandler).not.toBe(0);
  });

  test('is refused for another medium and name, and outside of ProtocolBindAdapter (nf-ndis-ndisopenadapter)', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const p = new LegacyTestProtocol(t);
    const got: number[] = [];
    const open = (name: string, medium: number): number => {
      const cells = [p.driver.cell(), p.driver.cell(), p.driver.cell(), p.driver.cell(), p.driver.cell()];
      t.memory.u32[cells[4].address >> 2] = medium;
      p.driver.ndis.NdisOpenAdapter(
        cells[0],
        cells[1],
        cells[2],
        cells[3],
        cells[4].address,
        1,
        p.handle.value,
        {},
        name,
        0,
        0,
      );
      return t.memory.u32[cells[0].address >> 2];
    };
    p.beforeOpen = () => {
      got.push(open('\\Device\\{Ethernet}', 5), open('\\Device\\{Other}', 0));
      return NDIS_STATUS_FAILURE;
    };
    await registerMiniport(t, m);
    await p.register();
    t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    expect(got).toEqual([NDIS_STATUS_UNSUPPORTED_MEDIA, NDIS_STATUS_ADAPTER_NOT_FOUND]);
    await t.run(() => expect(open('\\Device\\{Ethernet}', 0)).toBe(NDIS_STATUS_OPEN_FAILED));
    expect(t.findings()).toEqual(['OPEN_OUTSIDE_OF_BIND legacy']);
  });

  test('is closed only in a bind or unbind, and only where it is open (nf-ndis-ndiscloseadapter)', async () => {
    const s = await new Stack().up();
    await s.t.run(async () => {
      await s.ndis.NdisCloseAdapter(s.p.status, s.open);
      expect(s.t.memory.u32[s.p.status.address >> 2]).toBe(NDIS_STATUS_FAILURE);
      await s.ndis.NdisCloseAdapter(s.p.status, 0x1234);
    });
    expect(s.t.findings()).toEqual(['CLOSE_OUTSIDE_OF_UNBIND legacy', 'BAD_HANDLE legacy']);
  });

  test('gets events that NDIS 5 knows, also to complete later', async () => {
    const s = await new Stack().up();
    let pending = 0;
    s.p.onPnPEvent = (event) => {
      pending = event;
      return NDIS_STATUS_PENDING;
    };
    const before = s.p.log.length;
    queueOperation(s.t.ndis, s.adapter, { kind: 'pause', reason: 0, event: 0 });
    queueOperation(s.t.ndis, s.adapter, { kind: 'restart', event: 0 });
    await s.t.runAll();
    // NetEventPause and NetEventRestart came with NDIS 6.
    expect(s.p.log.slice(before)).toEqual([]);
    expect(pending).toBe(0);
    await s.t.run(() => s.ndis.NdisCompletePnPEvent(NDIS_STATUS_SUCCESS, s.open, s.p.status.address));
    expect(s.t.findings()).toEqual(['NOT_PENDING legacy']);
  });
});

describe('events and removal', () => {
  test('an event that is pending is complete when the driver completes it', async () => {
    const s = await new Stack().up();
    let pending = 0;
    s.p.onPnPEvent = (event) => {
      pending = event;
      return NDIS_STATUS_PENDING;
    };
    const ended: number[] = [];
    const locals = netPnPEvent(s.adapter.bindings[0], NetEventReconfigure);
    s.t.kernel.scheduler.createThread('event', sendNetPnPEvent, s.t.ndis, locals, {
      finished: (status) => ended.push(status >>> 0),
    });
    await s.t.run(() => {});
    expect([s.p.log.at(-1), ended]).toEqual([`event ${NetEventReconfigure}`, []]);
    await s.t.run(() => s.ndis.NdisCompletePnPEvent(NDIS_STATUS_SUCCESS, s.open, pending));
    await s.t.runAll();
    expect(ended).toEqual([NDIS_STATUS_SUCCESS]);
    expect(s.t.findings()).toEqual([]);
  });

  test('a protocol that is uninstalled is unbound and then told', async () => {
    const s = await new Stack().up();
    const locals = { protocol: s.p.handle.value };
    s.t.kernel.scheduler.createThread('uninstall', uninstallProtocol, s.t.ndis, locals);
    await s.t.runAll();
    expect(s.p.log.filter((line) => line === 'unbind' || line === 'unload')).toEqual(['unbind', 'unload']);
    expect(s.adapter.bindings).toEqual([]);
  });
});

describe('sends', () => {
  test('go down as lists over the same buffers and come back as packets', async () => {
    const s = await new Stack().up();
    const completed: unknown[] = [];
    s.p.onSendComplete = (packet, status) => completed.push([packet, status]);
    await s.t.run(() => {
      const packet = s.packet(14, 60);
      expect(s.statusOf((status) => s.ndis.NdisSend(status, s.open, packet))).toBe(NDIS_STATUS_PENDING);
      expect(completed).toEqual([[packet, NDIS_STATUS_SUCCESS]]);
      s.ndis.NdisFreePacket(packet);
    });
    expect(s.sent.length).toBe(1);
    expect(listShellsOf(s.t.ndis).outstanding).toBe(0);
    expect(s.t.findings()).toEqual([]);
  });

  test('of arrays go down as one chain, in order', async () => {
    const s = await new Stack().up();
    const completed: Address[] = [];
    s.p.onSendComplete = (packet) => completed.push(packet);
    await s.t.run(() => {
      const packets = [s.packet(60), s.packet(61), s.packet(62)];
      s.ndis.NdisSendPackets(s.open, s.array(...packets), 3);
      expect(completed).toEqual(packets);
      expect(s.ndis.NDIS_GET_PACKET_STATUS(packets[0])).toBe(NDIS_STATUS_SUCCESS);
    });
    expect(s.sent.length).toBe(3);
  });

  test('through the block, as the macros of the headers do', async () => {
    const s = await new Stack().up();
    await s.t.run(() => {
      const { offset } = NDIS_OPEN_BLOCK;
      const [one, two] = [s.packet(60), s.packet(60)];
      expect(callThrough(s.t.ndis, s.open + offset.SendHandler, s.open, one)).toBe(NDIS_STATUS_PENDING);
      callThrough(s.t.ndis, s.open + offset.SendPacketsHandler, s.open, s.array(two), 1);
      expect(s.sent.length).toBe(2);
      expect(callThrough(s.t.ndis, s.open + offset.SendHandler, 0x1234, one)).toBe(NDIS_STATUS_FAILURE);
      expect(callThrough(s.t.ndis, s.open + offset.ResetHandler, s.open)).toBe(NDIS_STATUS_NOT_RESETTABLE);
      expect(callThrough(s.t.ndis, s.open + offset.ResetHandler, 0x1234)).toBe(NDIS_STATUS_FAILURE);
    });
    expect(s.t.findings()).toEqual(['BAD_HANDLE legacy', 'BAD_HANDLE legacy']);
  });

  test('of a packet that is sent already are refused, and it cannot be freed', async () => {
    const s = await new Stack().up();
    s.completes = false;
    await s.t.run(() => {
      const packet = s.packet(60);
      s.statusOf((status) => s.ndis.NdisSend(status, s.open, packet));
      expect(s.statusOf((status) => s.ndis.NdisSend(status, s.open, packet))).toBe(
        NDIS_STATUS_INVALID_PACKET,
      );
      s.ndis.NdisFreePacket(packet);
      expect(s.statusOf((count) => s.ndis.NdisQueryPendingIOCount(s.open, count))).toBe(1);
      s.ndis.NdisCancelSendPackets(s.open, 1);
      s.m.driver.ndis.NdisMSendNetBufferListsComplete(s.handle, s.sent[0], 0);
      expect(s.statusOf((count) => s.ndis.NdisQueryPendingIOCount(s.open, count))).toBe(0);
      expect(s.ndis.NdisQueryPendingIOCount(0x1234, s.p.status.address)).toBe(NDIS_STATUS_FAILURE);
    });
    expect(s.m.log).toContain('cancelSend');
    expect(s.t.findings()).toEqual(['PACKET_IN_USE legacy', 'PACKET_FREE legacy', 'BAD_HANDLE legacy']);
  });

  test('hold a pause back until they are complete; in a pause they are refused without a finding', async () => {
    const s = await new Stack().up();
    s.completes = false;
    await s.t.run(() => {
      s.statusOf((status) => s.ndis.NdisSend(status, s.open, s.packet(60)));
    });
    queueOperation(s.t.ndis, s.adapter, { kind: 'pause', reason: 0, event: 0 });
    await s.t.run(() => {});
    expect(s.adapter.bindings[0].state).toBe('Pausing');
    await s.t.run(() => s.m.driver.ndis.NdisMSendNetBufferListsComplete(s.handle, s.sent[0], 0));
    await s.t.runAll();
    expect(s.adapter.bindings[0].state).toBe('Paused');
    const completed: number[] = [];
    s.p.onSendComplete = (_packet, status) => completed.push(status);
    await s.t.run(() => {
      expect(s.statusOf((status) => s.ndis.NdisSend(status, s.open, s.packet(60)))).toBe(NDIS_STATUS_PAUSED);
      s.ndis.NdisSendPackets(s.open, s.array(s.packet(60)), 1);
    });
    expect(completed).toEqual([NDIS_STATUS_PAUSED]);
    expect(s.t.findings()).toEqual([]);
  });
});

describe('receives', () => {
  test('are packets that go back when they were returned as often as the handler said', async () => {
    const s = await new Stack().up();
    const kept: Address[] = [];
    s.p.onReceivePacket = (packet) => {
      expect(s.ndis.NDIS_GET_PACKET_HEADER_SIZE(packet)).toBe(14);
      expect(s.data(packet).length).toBe(60);
      kept.push(packet);
      return kept.length === 2 ? 0 : 2;
    };
    await s.t.run(() => {
      const lists = s.indicate(3);
      expect(s.p.log.slice(-4)).toEqual([
        'receivePacket',
        'receivePacket',
        'receivePacket',
        'receiveComplete',
      ]);
      expect(s.returned).toEqual([lists[1]]);
      s.ndis.NdisReturnPackets(s.array(kept[0], kept[2]), 2);
      expect(s.returned.length).toBe(1);
      s.ndis.NdisReturnPackets(s.array(kept[2], kept[0]), 2);
      expect(s.returned).toEqual([lists[1], lists[2], lists[0]]);
      s.ndis.NdisReturnPackets(s.array(kept[0]), 1);
    });
    expect(packetShellsOf(s.t.ndis).outstanding).toBe(0);
    expect(s.t.findings()).toEqual(['RETURNED_TWICE legacy']);
  });

  test('may be returned inside of the handler', async () => {
    const s = await new Stack().up();
    s.p.onReceivePacket = (packet) => {
      s.ndis.NdisReturnPackets(s.array(packet), 1);
      return 1;
    };
    await s.t.run(() => {
      expect(s.indicate(2)).toEqual(s.returned);
    });
    expect(s.t.findings()).toEqual([]);
  });

  test('with NDIS_STATUS_RESOURCES cannot be kept', async () => {
    const s = await new Stack().up();
    s.p.onReceivePacket = (packet) => {
      expect(s.ndis.NDIS_GET_PACKET_STATUS(packet)).toBe(NDIS_STATUS_RESOURCES);
      return 1;
    };
    await s.t.run(() => void s.indicate(1, NDIS_RECEIVE_FLAGS_RESOURCES));
    expect(s.returned).toEqual([]);
    expect(packetShellsOf(s.t.ndis).outstanding).toBe(0);
    expect(s.t.findings()).toEqual(['PACKET_KEPT_WITHOUT_RIGHT legacy']);
  });

  test.each([1, 2, 3, 4])(
    'are transferred where the driver has no ProtocolReceivePacket, seed %i',
    async (seed) => {
      const s = await new Stack(seed).up({ ReceivePacketHandler: null });
      const statuses: number[] = [];
      await s.t.run(() => {
        const target = s.packet(100);
        s.p.onReceive = (context, header, size, ahead, aheadSize, rest) => {
          expect([size, ahead - header, aheadSize, rest]).toEqual([14, 14, 46, 46]);
          expect(s.ndis.NdisGetReceivedPacket(s.open, context)).toBe(context);
          const bytes = s.p.driver.cell();
          statuses.push(
            s.statusOf((status) => s.ndis.NdisTransferData(status, s.open, context, 0, 10, target, bytes)),
          );
          expect(s.t.memory.u32[bytes.address >> 2]).toBe(10);
          const { offset } = NDIS_OPEN_BLOCK;
          statuses.push(
            Number(
              callThrough(
                s.t.ndis,
                s.open + offset.TransferDataHandler,
                s.open,
                context,
                0,
                10,
                target,
                bytes.address,
              ),
            ),
          );
          return NDIS_STATUS_SUCCESS;
        };
        s.indicate(1);
        // The frame has its number behind the header.
        expect(s.data(target).slice(0, 2)).toEqual([0, 0]);
        const late = s.statusOf((status) =>
          s.ndis.NdisTransferData(status, s.open, 0x1234, 0, 10, target, s.p.status),
        );
        expect(late).toBe(NDIS_STATUS_FAILURE);
        expect(
          callThrough(
            s.t.ndis,
            s.open + NDIS_OPEN_BLOCK.offset.TransferDataHandler,
            s.open,
            0x1234,
            0,
            10,
            target,
            s.p.status.address,
          ),
        ).toBe(NDIS_STATUS_FAILURE);
        expect(s.ndis.NdisGetReceivedPacket(s.open, 0x1234)).toBe(0);
      });
      const pending = statuses.filter((status) => status === NDIS_STATUS_PENDING).length;
      expect(s.p.log.filter((line) => line === 'transferComplete 0 10').length).toBe(pending);
      expect(s.p.log.at(-1)).toBe('receiveComplete');
      expect(s.t.findings()).toEqual(['BAD_HANDLE legacy', 'BAD_HANDLE legacy']);
    },
  );
});

describe('requests', () => {
  function request(s: Stack, type: number, oid: number, buffer: Address, length: number): Address {
    const at = s.p.driver.ntoskrnl.ExAllocatePoolWithTag(512, NDIS_REQUEST.size, 1);
    s.t.memory.u8.fill(0, at, at + NDIS_REQUEST.size);
    const view = NDIS_REQUEST.at(s.t.memory, at);
    view.RequestType = type;
    view.DATA.QUERY_INFORMATION.Oid = oid;
    view.DATA.QUERY_INFORMATION.InformationBuffer = buffer;
    view.DATA.QUERY_INFORMATION.InformationBufferLength = length;
    return at;
  }

  test('of what NDIS 6 renamed are answered as NDIS 5 says', async () => {
    const s = await new Stack().up();
    await s.t.run(async () => {
      const buffer = s.p.driver.cell().address;
      const ask = async (oid: number): Promise<number> => {
        await s.ndis.NdisRequest(s.p.status, s.open, request(s, NdisRequestQueryInformation, oid, buffer, 4));
        expect(s.t.memory.u32[s.p.status.address >> 2]).toBe(NDIS_STATUS_SUCCESS);
        return s.t.memory.u32[buffer >> 2];
      };
      // In units of 100 bits per second; NdisMediaStateConnected is 0.
      expect(await ask(OID_GEN_LINK_SPEED)).toBe(10_000_000);
      expect(await ask(OID_GEN_MEDIA_CONNECT_STATUS)).toBe(0);
      const short = request(s, NdisRequestQueryInformation, OID_GEN_LINK_SPEED, buffer, 2);
      await s.ndis.NdisRequest(s.p.status, s.open, short);
      expect(s.t.memory.u32[s.p.status.address >> 2]).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
      expect(NDIS_REQUEST.at(s.t.memory, short).DATA.QUERY_INFORMATION.BytesNeeded).toBe(4);
      await s.ndis.NdisRequest(s.p.status, s.open, request(s, 7, OID_GEN_LINK_SPEED, buffer, 4));
      expect(s.t.memory.u32[s.p.status.address >> 2]).toBe(NDIS_STATUS_NOT_SUPPORTED);
    });
  });

  test.each([1, 2, 3, 4])('for the miniport come back at once or later, seed %i', async (seed) => {
    const s = await new Stack(seed).up();
    let final = -1;
    s.p.onRequestComplete = (_request, status) => {
      final = status;
    };
    await s.t.run(async () => {
      const buffer = s.p.driver.cell().address;
      s.t.memory.u32[buffer >> 2] = 1;
      const made = request(s, NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, buffer, 4);
      await s.ndis.NdisRequest(s.p.status, s.open, made);
      const status = s.t.memory.u32[s.p.status.address >> 2];
      if (status !== NDIS_STATUS_PENDING) final = status;
      const handler = s.open + NDIS_OPEN_BLOCK.offset.RequestHandler;
      const speed = s.p.driver.cell().address;
      const through = request(s, NdisRequestQueryInformation, OID_GEN_LINK_SPEED, speed, 4);
      expect(await callThrough(s.t.ndis, handler, s.open, through)).toBe(NDIS_STATUS_SUCCESS);
      expect(await callThrough(s.t.ndis, handler, 0x1234, through)).toBe(NDIS_STATUS_FAILURE);
    });
    await s.t.runAll();
    expect(final).toBe(NDIS_STATUS_SUCCESS);
    expect(s.adapter.bindings[0].packetFilter).toBe(1);
    expect(s.m.log).toContain('oid');
  });

  test('to reset are refused where the miniport cannot, and by patterns always', async () => {
    const s = await new Stack().up();
    await s.t.run(() => {
      expect(s.statusOf((status) => s.ndis.NdisReset(status, s.open))).toBe(NDIS_STATUS_NOT_RESETTABLE);
      const filter = s.statusOf((status) => s.ndis.NdisSetProtocolFilter(status, s.open, 0, 0, 0, 0, 0, 0));
      expect(filter).toBe(NDIS_STATUS_NOT_SUPPORTED);
    });
  });

  test('to reset go through the block too', async () => {
    const reset = { CheckForHangHandlerEx: () => false, ResetHandlerEx: () => NDIS_STATUS_SUCCESS };
    const s = await new Stack().up({}, reset);
    const handler = s.open + NDIS_OPEN_BLOCK.offset.ResetHandler;
    await s.t.run(() => expect(callThrough(s.t.ndis, handler, s.open)).toBe(NDIS_STATUS_PENDING));
    await s.t.run(() => {});
    expect(s.p.log.at(-1)).toBe('resetComplete 0');
  });

  test('to reset are complete when the adapter is reset, between the indications', async () => {
    const reset = { CheckForHangHandlerEx: () => false, ResetHandlerEx: () => NDIS_STATUS_SUCCESS };
    const s = await new Stack().up({}, reset);
    const before = s.p.log.length;
    await s.t.run(() => {
      expect(s.statusOf((status) => s.ndis.NdisReset(status, s.open))).toBe(NDIS_STATUS_PENDING);
    });
    await s.t.run(() => {});
    expect(s.p.log.slice(before)).toEqual([
      `status ${NDIS_STATUS_RESET_START.toString(16)} 0`,
      'statusComplete',
      'status 40010005 0',
      'statusComplete',
      'resetComplete 0',
    ]);
  });
});

describe('status indications', () => {
  test('of the link are those of NDIS 5; what came with NDIS 6 is not passed on', async () => {
    const s = await new Stack().up();
    const before = s.p.log.length;
    const link = (mediaConnectState: number, speed: bigint): void => {
      s.adapter.link = { ...s.adapter.link, mediaConnectState, xmitLinkSpeed: speed, rcvLinkSpeed: speed };
      indicateStatus(s.t.ndis, s.adapter, 0x4001_0017, writeLinkState(s.adapter.link));
    };
    await s.t.run(() => {
      link(1, 1_000_000_000n);
      link(2, 0n);
      link(1, 1_000_000_000n);
      link(1, 100_000_000n);
      indicateStatus(s.t.ndis, s.adapter, 0x4001_0023, new Uint8Array(12));
    });
    expect(s.p.log.slice(before)).toEqual([
      'status 4001000c 0',
      'statusComplete',
      'status 4001000b 0',
      'statusComplete',
      'status 40010013 8',
      'statusComplete',
    ]);
  });
});

test('a driver that unloads with a binding is taken down', async () => {
  const s = await new Stack().up();
  await s.t.run(async () => {
    await s.ndis.NdisDeregisterProtocol(s.p.status, s.p.handle.value);
    await s.ndis.NdisDeregisterProtocol(s.p.status, s.p.handle.value);
  });
  expect(s.t.findings()).toEqual(['BAD_HANDLE legacy']);
});
