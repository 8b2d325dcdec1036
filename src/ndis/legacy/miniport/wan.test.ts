import { expect, test } from 'vitest';
import { createLegacyMiniport, startLegacy } from '../../../../test/support/legacyMiniport.ts';
import { LegacyTestProtocol } from '../../../../test/support/legacyProtocol.ts';
import { createTestNdis } from '../../../../test/support/ndis.ts';
import { poolOf } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import {
  callThrough,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_MINIPORT_BLOCK,
  NDIS_OPEN_BLOCK,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisMediumWan,
} from '../../index.ts';

const LINK = 0x4400_0000;

/** A WAN miniport of NDIS 5 below a protocol of NDIS 5. */
async function stack() {
  const t = createTestNdis({ seed: 4 });
  const m = createLegacyMiniport(t);
  const p = new LegacyTestProtocol(t, 'wan');
  p.medium = NdisMediumWan;
  const log: unknown[] = [];
  const answers = { send: NDIS_STATUS_PENDING as number, receive: NDIS_STATUS_SUCCESS as number };
  const at = (packet: { address: Address } | Address): Address =>
    typeof packet === 'number' ? packet : packet.address;
  await p.register({
    ReceiveHandler: (link: Address, packet: Address, size: number) => {
      log.push(['receive', link, packet, size]);
      return answers.receive;
    },
    SendCompleteHandler: (_context: unknown, packet: Address, status: number) =>
      void log.push(['sendComplete', at(packet), status]),
    ReceiveCompleteHandler: () => void log.push(['receiveComplete']),
  });
  await startLegacy(t, m, {
    InitializeHandler: (
      _error: Address,
      selected: Address,
      media: Address,
      count: number,
      handle: Address,
    ) => {
      t.memory.u32[selected >> 2] = t.memory.u32
        .subarray(media >> 2, (media >> 2) + count)
        .indexOf(NdisMediumWan);
      m.adapters.push(handle);
      m.driver.ndis.NdisMSetAttributesEx(handle, { handle }, 0, NDIS_ATTRIBUTE_DESERIALIZE, 0);
      return NDIS_STATUS_SUCCESS;
    },
    SendHandler: (_context: unknown, link: Address, packet: Address) => {
      log.push(['send', link, at(packet)]);
      return answers.send;
    },
  });
  const packet = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 128, 1, 0);
  const open = p.bindings[0].handle.value;
  const send = () =>
    t.run(() => Number(callThrough(t.ndis, open + NDIS_OPEN_BLOCK.offset.SendHandler, open, LINK, packet)));
  return { t, m, p, log, answers, packet, send, handle: m.adapters[0] };
}

test('a WAN packet goes to MiniportWanSend, and its completion to ProtocolWanSendComplete', async () => {
  const s = await stack();
  expect(await s.send()).toBe(NDIS_STATUS_PENDING);
  await s.t.run(() => s.m.driver.ndis.NdisMWanSendComplete(s.handle, s.packet, NDIS_STATUS_SUCCESS));
  expect(s.log).toEqual([
    ['send', LINK, s.packet],
    ['sendComplete', s.packet, NDIS_STATUS_SUCCESS],
  ]);
  s.answers.send = NDIS_STATUS_FAILURE;
  expect(await s.send()).toBe(NDIS_STATUS_FAILURE);
  expect(s.t.findings()).toEqual([]);
  await s.t.run(() => s.m.driver.ndis.NdisMWanSendComplete(s.handle, s.packet, NDIS_STATUS_SUCCESS));
  expect(s.t.findings()).toEqual(['COMPLETED_UNKNOWN_PACKET legacy']);
});

test('what comes in on a link goes to ProtocolWanReceive', async () => {
  const s = await stack();
  const status = s.m.driver.cell();
  const { ndis } = s.m.driver;
  await s.t.run(() => {
    ndis.NdisMWanIndicateReceive(status, s.handle, LINK, s.packet, 60);
    ndis.NdisMWanIndicateReceiveComplete(s.handle, LINK);
  });
  expect(s.t.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_SUCCESS);
  expect(s.log).toEqual([['receive', LINK, s.packet, 60], ['receiveComplete']]);
  s.answers.receive = NDIS_STATUS_NOT_ACCEPTED;
  await s.t.run(() => ndis.NdisMWanIndicateReceive(status, s.handle, LINK, s.packet, 60));
  expect(s.t.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_NOT_ACCEPTED);
  expect(s.t.findings()).toEqual([]);
});

test('the handlers in the block do the same', async () => {
  const s = await stack();
  const { offset } = NDIS_MINIPORT_BLOCK;
  const status = s.m.driver.cell().address;
  await s.send();
  await s.t.run(() => {
    callThrough(s.t.ndis, s.handle + offset.WanSendCompleteHandler, s.handle, s.packet, NDIS_STATUS_SUCCESS);
    callThrough(s.t.ndis, s.handle + offset.WanRcvHandler, status, s.handle, LINK, s.packet, 8);
    callThrough(s.t.ndis, s.handle + offset.WanRcvCompleteHandler, s.handle, LINK);
  });
  expect(s.log.map((entry) => (entry as unknown[])[0])).toEqual([
    'send',
    'sendComplete',
    'receive',
    'receiveComplete',
  ]);
});
