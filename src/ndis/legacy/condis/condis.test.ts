import { describe, expect, test } from 'vitest';
import {
  addressIn,
  characteristics,
  connectedCall,
  createLegacyCondisStack,
  endCall,
  FAMILY,
  type LegacyCondisStack,
  request,
  type TestHandler,
} from '../../../../test/support/legacyCondis.ts';
import { createTestNdis } from '../../../../test/support/ndis.ts';
import { runDown } from '../../../../test/support/takeDown.ts';
import { poolOf } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import {
  NDIS_CALL_MANAGER_CHARACTERISTICS,
  NDIS_CLIENT_CHARACTERISTICS,
  NDIS_REQUEST,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_MEDIA_DISCONNECT,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NDIS_STATUS_WAN_CO_LINKPARAMS,
  OID_GEN_MAXIMUM_FRAME_SIZE,
} from '../../index.ts';
import { OOB_STATUS } from '../packet/offsets.ts';
import { oobOf } from '../packet/packetAccess.ts';

const pending = (() => NDIS_STATUS_PENDING) as TestHandler;
const BOTH = [
  ['a stand-alone call manager', false],
  ['a miniport call manager', true],
] as const;
const WRITTEN = NDIS_REQUEST.offset['DATA.QUERY_INFORMATION.BytesWritten'];

function block(s: LegacyCondisStack, size: number): Address {
  return poolOf(s.t.kernel).allocateZeroed(poolType.nonPagedNx, size, 1, 0);
}

/** Packets of a driver, one byte each, in an array. */
async function packets(
  s: LegacyCondisStack,
  of: LegacyCondisStack['client'],
  count: number,
): Promise<{ readonly array: Address; readonly all: Address[] }> {
  const { ndis } = of.driver;
  const { memory } = s.t;
  return s.t.run(() => {
    const [status, pool, packet, buffers, buffer] = Array.from({ length: 5 }, () => of.driver.cell());
    ndis.NdisAllocatePacketPool(status, pool, count, 16);
    ndis.NdisAllocateBufferPool(status, buffers, count);
    const array = block(s, 8 * count);
    const all: Address[] = [];
    for (let i = 0; i < count; i++) {
      ndis.NdisAllocatePacket(status, packet, pool.value);
      const data = block(s, 64);
      memory.u8[data] = 0x40 + i;
      ndis.NdisAllocateBuffer(status, buffer, buffers.value, data, 60);
      ndis.NdisChainBufferAtFront(packet.value, buffer.value);
      all.push(packet.value);
      memory.writePointer(array + 8 * i, packet.value);
    }
    return { array, all };
  });
}

describe('address families of drivers for NDIS 5', () => {
  test.each(BOTH)('are offered, opened, used for a call, and closed, %s', async (_name, mcm) => {
    const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }), { mcm });
    expect(s.opened.status).toBe(NDIS_STATUS_SUCCESS);
    const context = s.manager.last['CmOpenAf'][0];
    if (s.managerProtocol === null) expect(context).toEqual({ handle: s.m.adapters[0] });
    else expect(context).toBe(s.managerProtocol.bindings[0]);
    expect(s.client.last['CoAfRegisterNotify'][0]).toBe(s.clientProtocol.bindings[0]);
    const vc = await connectedCall(s);
    expect(s.client.last['ClMakeCallComplete'][1]).toEqual({ of: 'client VC' });
    if (!mcm) expect(s.miniport.last['CoCreateVc'][0]).toEqual({ handle: s.m.adapters[0] });
    expect(await endCall(s, vc)).toEqual([0, 0, 0]);
    expect(await s.t.run(() => s.client.driver.ndis.NdisClCloseAddressFamily(s.family.value))).toBe(0);
    expect(s.manager.log).toContain('CmCloseAf');
    expect(s.t.findings()).toEqual([]);
  });

  test('an open that the call manager pends ends in ProtocolClOpenAfComplete, with either status', async () => {
    for (const status of [NDIS_STATUS_SUCCESS, NDIS_STATUS_FAILURE]) {
      const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }));
      const cell = s.client.driver.cell();
      s.manager.on['CmOpenAf'] = pending;
      const open = (changes: object, length: number, family: object = FAMILY): Promise<number> =>
        s.t.run(() =>
          s.client.driver.ndis.NdisClOpenAddressFamily(
            s.clientProtocol.bindings[0].handle.value,
            family as never,
            { of: 'second' },
            { ...characteristics(s.t, s.client, 'client'), ...changes } as never,
            length,
            cell,
          ),
        );
      const { size } = NDIS_CLIENT_CHARACTERISTICS;
      expect(await open({}, size)).toBe(NDIS_STATUS_PENDING);
      await s.t.run(() =>
        s.manager.driver.ndis.NdisCmOpenAddressFamilyComplete(status, cell.value, { of: 'CM' }),
      );
      await s.t.runAll();
      expect(s.client.last['ClOpenAfComplete'].slice(0, 2)).toEqual([status, { of: 'second' }]);
      expect(await open({}, size - 8)).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      expect(await open({ ClDeleteVcHandler: null }, size)).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      expect(await open({ MajorVersion: 4 }, size)).toBe(NDIS_STATUS_BAD_VERSION);
      expect(await open({}, size, { ...FAMILY, AddressFamily: 9 })).toBe(NDIS_STATUS_FAILURE);
    }
  });

  test('a client for NDIS 5 cannot be asked to close its family, which stays', async () => {
    const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }));
    await s.t.run(() => {
      const { NdisCmNotifyCloseAddressFamily } = s.manager.driver.ndis;
      expect(NdisCmNotifyCloseAddressFamily(s.family.value)).toBe(NDIS_STATUS_NOT_SUPPORTED);
      expect(s.client.driver.ndis.NdisClCloseAddressFamily(s.family.value)).toBe(NDIS_STATUS_SUCCESS);
    });
    expect(s.t.findings()).toEqual([]);
  });

  test('an offer that is wrong is refused', async () => {
    const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }));
    const { size } = NDIS_CALL_MANAGER_CHARACTERISTICS;
    const binding = s.managerProtocol?.bindings[0].handle.value ?? 0;
    const offered = (changes: object): object => ({
      ...characteristics(s.t, s.manager, 'callManager'),
      ...changes,
    });
    await s.t.run(() => {
      const { ndis } = s.manager.driver;
      const register = (changes: object, length = size): number =>
        ndis.NdisCmRegisterAddressFamily(binding, FAMILY, offered(changes) as never, length);
      expect(register({})).toBe(NDIS_STATUS_FAILURE);
      expect(register({ CmOpenAfHandler: null })).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      expect(register({ MajorVersion: 6 })).toBe(NDIS_STATUS_BAD_VERSION);
      expect(register({}, 8)).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      expect(ndis.NdisCmRegisterAddressFamily(0x44, FAMILY, offered({}) as never, size)).toBe(
        NDIS_STATUS_FAILURE,
      );
      const { NdisMCmRegisterAddressFamily } = s.m.driver.ndis;
      const handle = s.m.adapters[0];
      expect(NdisMCmRegisterAddressFamily(0x44, FAMILY, offered({}) as never, size)).toBe(
        NDIS_STATUS_FAILURE,
      );
      expect(NdisMCmRegisterAddressFamily(handle, FAMILY, offered({}) as never, 8)).toBe(
        NDIS_STATUS_BAD_CHARACTERISTICS,
      );
    });
    expect(s.t.findings()).toEqual(['BAD_HANDLE manager', 'BAD_HANDLE miniport']);
  });
});

describe('packets on VCs', () => {
  test.each(BOTH)('flow both ways and come back, %s', async (_name, mcm) => {
    const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }), { mcm });
    const vc = await connectedCall(s);
    const sent = await packets(s, s.client, 3);
    const held: Address[] = [];
    const bytes: number[] = [];
    s.miniport.on['CoSendPackets'] = ((_context: unknown, array: Address, count: number) => {
      for (let i = 0; i < count; i++) held.push(s.t.memory.readPointer(array + 8 * i));
    }) as TestHandler;
    await s.t.run(() => {
      s.client.driver.ndis.NdisCoSendPackets(vc, sent.array, 3);
      expect(s.miniport.last['CoSendPackets'][0]).toEqual({ of: mcm ? 'CmCreateVc' : 'CoCreateVc' });
      expect(held).toHaveLength(3);
      for (const packet of held) s.m.driver.ndis.NdisMCoSendComplete(NDIS_STATUS_SUCCESS, vc, packet);
      s.m.driver.ndis.NdisMCoSendComplete(NDIS_STATUS_SUCCESS, vc, held[0]);
      s.m.driver.ndis.NdisMCoSendComplete(NDIS_STATUS_SUCCESS, 0x44, held[0]);
    });
    expect(s.client.log.filter((line) => line === 'CoSendComplete')).toHaveLength(3);
    expect(s.client.last['CoSendComplete'].map((value, i) => (i === 2 ? addressIn(value) : value))).toEqual([
      NDIS_STATUS_SUCCESS,
      { of: 'client VC' },
      sent.all[2],
    ]);
    expect(s.t.findings()).toEqual(['COMPLETED_TWICE miniport', 'BAD_HANDLE miniport']);
    const came = await packets(s, s.miniport, 2);
    const kept: Address[] = [];
    s.client.on['CoReceivePacket'] = ((_binding: unknown, _vc: unknown, packet: unknown) => {
      kept.push(addressIn(packet));
      bytes.push(s.t.memory.u32[(oobOf(s.t.memory, addressIn(packet)) + OOB_STATUS) >> 2]);
      return bytes.at(-1) === NDIS_STATUS_RESOURCES ? 0 : 1;
    }) as TestHandler;
    const returned: Address[] = [];
    s.m.onReturn = (_context, packet) => void returned.push(addressIn(packet));
    await s.t.run(() => {
      s.t.memory.u32[(oobOf(s.t.memory, came.all[1]) + OOB_STATUS) >> 2] = NDIS_STATUS_RESOURCES;
      s.m.driver.ndis.NdisMCoIndicateReceivePacket(vc, came.array, 2);
      expect(returned).toEqual([]);
      expect(s.clientProtocol.log).not.toContain('receiveComplete');
      s.m.driver.ndis.NdisMCoReceiveComplete(s.m.adapters[0]);
      s.m.driver.ndis.NdisMCoReceiveComplete(s.m.adapters[0]);
      s.t.memory.writePointer(came.array, kept[0]);
      s.client.driver.ndis.NdisReturnPackets(came.array, 1);
    });
    expect(bytes).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES]);
    expect(returned).toEqual([came.all[0]]);
    expect(s.clientProtocol.log.filter((line) => line === 'receiveComplete')).toHaveLength(1);
    expect(s.client.last['CoReceivePacket'].slice(0, 2)).toEqual([
      s.clientProtocol.bindings[0],
      { of: 'client VC' },
    ]);
    expect(await endCall(s, vc)).toEqual([0, 0, 0]);
  });

  test('what cannot be sent or received comes back', async () => {
    const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }));
    const vc = await connectedCall(s);
    const sent = await packets(s, s.client, 1);
    const came = await packets(s, s.miniport, 1);
    const returned: Address[] = [];
    s.m.onReturn = (_context, packet) => void returned.push(addressIn(packet));
    await s.t.run(() => {
      const { ndis } = s.m.driver;
      s.manager.driver.ndis.NdisCoSendPackets(vc, sent.array, 1);
      s.client.driver.ndis.NdisCoSendPackets(0x44, sent.array, 1);
      ndis.NdisMCoIndicateReceivePacket(0x44, came.array, 1);
      ndis.NdisMCoReceiveComplete(0x44);
    });
    expect(s.t.findings()).toEqual([
      'NOT_OPEN manager',
      'BAD_HANDLE client',
      'BAD_HANDLE miniport',
      'BAD_HANDLE miniport',
    ]);
    await s.t.run(() => {
      s.client.driver.ndis.NdisClCloseCall(vc, 0, 0, 0);
      s.manager.driver.ndis.NdisCmDeactivateVc(vc);
      s.client.driver.ndis.NdisCoSendPackets(vc, sent.array, 1);
      s.m.driver.ndis.NdisMCoIndicateReceivePacket(vc, came.array, 1);
    });
    expect(s.client.last['CoSendComplete'][0]).toBe(NDIS_STATUS_FAILURE);
    expect(returned).toEqual(came.all);
    expect(s.t.findings().slice(4)).toEqual([
      'SEND_ON_INACTIVE_VC client',
      'RECEIVE_ON_INACTIVE_VC miniport',
    ]);
  });
});

describe('requests', () => {
  test('go to the other end of a family and to the miniport, and come back', async () => {
    const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }));
    const vc = await connectedCall(s);
    const binding = s.clientProtocol.bindings[0].handle.value;
    const { ndis } = s.client.driver;
    const frame = request(s, OID_GEN_MAXIMUM_FRAME_SIZE);
    const late = request(s, OID_GEN_MAXIMUM_FRAME_SIZE);
    let asked: Address = 0;
    await s.t.run(() => {
      expect(ndis.NdisCoRequest(binding, 0, vc, 0, frame as never)).toBe(NDIS_STATUS_SUCCESS);
      expect(s.t.memory.u32[(frame + WRITTEN) >> 2]).toBe(4);
      expect(s.t.memory.u32[(frame + NDIS_REQUEST.size) >> 2]).toBe(1500);
      expect(s.miniport.last['CoRequest'].slice(0, 2)).toEqual([
        { handle: s.m.adapters[0] },
        { of: 'CoCreateVc' },
      ]);
      s.manager.on['CmRequest'] = ((_af: unknown, _vc: unknown, _party: unknown, made: unknown) => {
        asked = addressIn(made);
        s.t.memory.u32[(asked + WRITTEN) >> 2] = 7;
        return NDIS_STATUS_PENDING;
      }) as TestHandler;
      expect(ndis.NdisCoRequest(binding, s.family.value, vc, 0, late as never)).toBe(NDIS_STATUS_PENDING);
      expect(ndis.NdisCoRequest(binding, s.family.value, vc, 0, late as never)).toBe(NDIS_STATUS_FAILURE);
      expect(s.manager.last['CmRequest'].slice(0, 2)).toEqual([{ of: 'CmOpenAf' }, { of: 'CmCreateVc' }]);
      const complete = (): void =>
        s.manager.driver.ndis.NdisCoRequestComplete(NDIS_STATUS_SUCCESS, 0, 0, 0, asked as never);
      complete();
      complete();
    });
    const [status, af, vcContext, , made] = s.client.last['ClRequestComplete'];
    expect([status, af, vcContext, addressIn(made)]).toEqual([
      NDIS_STATUS_SUCCESS,
      { of: 'client AF' },
      { of: 'client VC' },
      late,
    ]);
    expect(s.t.memory.u32[(late + WRITTEN) >> 2]).toBe(7);
    expect(s.t.findings()).toEqual(['OID_REQUEST_REUSED client', 'OID_REQUEST_NOT_PENDING manager']);
    expect(await s.t.run(() => ndis.NdisCoRequest(binding, 0, 0, 0, request(s, 1, 4, 9) as never))).toBe(
      NDIS_STATUS_NOT_SUPPORTED,
    );
  });

  test('a miniport completes later what it pended, and its call manager asks the client', async () => {
    const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }), { mcm: true });
    const binding = s.clientProtocol.bindings[0].handle.value;
    const made = request(s, OID_GEN_MAXIMUM_FRAME_SIZE);
    const regular = request(s, 0xff01_0203);
    s.miniport.on['CoRequest'] = pending;
    const { ndis } = s.m.driver;
    const complete = (handle = s.m.adapters[0]): void => {
      const asked = addressIn(s.miniport.last['CoRequest'][2]);
      ndis.NdisMCoRequestComplete(NDIS_STATUS_FAILURE, handle, asked as never);
    };
    await s.t.run(() => {
      expect(s.client.driver.ndis.NdisCoRequest(binding, 0, 0, 0, made as never)).toBe(NDIS_STATUS_PENDING);
      complete(0x44);
      complete();
      complete();
      expect(s.client.last['ClRequestComplete'][0]).toBe(NDIS_STATUS_FAILURE);
      expect(ndis.NdisMCmRequest(s.family.value, 0, 0, made as never)).toBe(NDIS_STATUS_SUCCESS);
      expect(s.client.last['ClRequest'][0]).toEqual({ of: 'client AF' });
      expect(ndis.NdisMCmRequest(0x44, 0, 0, made as never)).toBe(NDIS_STATUS_FAILURE);
    });
    expect(s.t.findings()).toEqual([
      'BAD_HANDLE miniport',
      'OID_REQUEST_NOT_PENDING miniport',
      'BAD_HANDLE miniport',
    ]);
    // NdisRequest, of the adapter, reaches the same handler; its completion is that of a query.
    const status = s.client.driver.cell();
    await s.t.run(() => s.client.driver.ndis.NdisRequest(status, binding, regular as never));
    await s.t.run(() => complete());
    await s.t.runAll();
    expect(s.clientProtocol.log).toContain('requestComplete');
  });
});

test('statuses of an adapter reach every protocol, those of a VC its ends', async () => {
  const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }));
  const vc = await connectedCall(s);
  const { NdisMCoIndicateStatus } = s.m.driver.ndis;
  const handle = s.m.adapters[0];
  const buffer = block(s, 16);
  await s.t.run(() => NdisMCoIndicateStatus(handle, 0, NDIS_STATUS_MEDIA_DISCONNECT, 0, 0));
  expect(s.client.last['CoStatus']).toEqual([
    s.clientProtocol.bindings[0],
    0,
    NDIS_STATUS_MEDIA_DISCONNECT,
    0,
    0,
  ]);
  expect(s.manager.log).toContain('CoStatus');
  await s.t.run(() => {
    NdisMCoIndicateStatus(handle, vc, NDIS_STATUS_WAN_CO_LINKPARAMS, buffer, 12);
    NdisMCoIndicateStatus(0x44, 0, NDIS_STATUS_MEDIA_DISCONNECT, 0, 0);
  });
  expect(s.client.last['CoStatus'].slice(1)).toEqual([
    { of: 'client VC' },
    NDIS_STATUS_WAN_CO_LINKPARAMS,
    buffer,
    12,
  ]);
  expect(s.manager.last['CoStatus'][1]).toEqual({ of: 'CmCreateVc' });
  expect(s.t.findings()).toEqual(['BAD_HANDLE miniport']);
});

describe('going away with everything in use', () => {
  test.each(BOTH)(
    'an adapter that is halted takes calls, packets and requests along, %s',
    async (_name, mcm) => {
      const s = await createLegacyCondisStack(createTestNdis({ seed: 3 }), { mcm });
      const vc = await connectedCall(s);
      const sent = await packets(s, s.client, 2);
      const held: Address[] = [];
      s.miniport.on['CoSendPackets'] = ((_context: unknown, array: Address, count: number) => {
        for (let i = 0; i < count; i++) held.push(s.t.memory.readPointer(array + 8 * i));
      }) as TestHandler;
      const [adapter] = s.m.object().adapters;
      await s.t.run(() => s.client.driver.ndis.NdisCoSendPackets(vc, sent.array, 2));
      s.t.halt(adapter);
      await s.t.runAll();
      expect(adapter.halted).toBe(false);
      await s.t.run(() => {
        for (const packet of held) s.m.driver.ndis.NdisMCoSendComplete(NDIS_STATUS_SUCCESS, vc, packet);
      });
      await runDown(s.t);
      expect(adapter.halted).toBe(true);
      expect(s.client.log.filter((line) => line === 'CoSendComplete')).toHaveLength(2);
      expect(s.m.log).toContain('halt');
    },
  );
});
