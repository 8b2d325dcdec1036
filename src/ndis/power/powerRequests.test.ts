import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createPowerStack, type PowerStack } from '../../../test/support/powerStack.ts';
import {
  NDIS_PM_CAPABILITIES,
  NDIS_PM_PROTOCOL_OFFLOAD,
  NDIS_PM_WAKE_PACKET,
  NDIS_PM_WAKE_REASON,
  NDIS_PM_WOL_PATTERN,
  NDIS_PNP_CAPABILITIES,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PM_OFFLOAD_REJECTED,
  NDIS_STATUS_PM_PROTOCOL_OFFLOAD_LIST_FULL,
  NDIS_STATUS_PM_WAKE_REASON,
  NDIS_STATUS_PM_WOL_PATTERN_LIST_FULL,
  NDIS_STATUS_SUCCESS,
  NdisDeviceStateD0,
  NdisDeviceStateD2,
  NdisDeviceStateD3,
  NdisRequestMethod,
  NdisRequestSetInformation,
  NdisWakeReasonPacket,
  NetEventSetPower,
  OID_PM_ADD_PROTOCOL_OFFLOAD,
  OID_PM_ADD_WOL_PATTERN,
  OID_PM_CURRENT_CAPABILITIES,
  OID_PM_GET_PROTOCOL_OFFLOAD,
  OID_PM_HARDWARE_CAPABILITIES,
  OID_PM_PARAMETERS,
  OID_PM_PROTOCOL_OFFLOAD_LIST,
  OID_PM_REMOVE_PROTOCOL_OFFLOAD,
  OID_PM_REMOVE_WOL_PATTERN,
  OID_PM_WOL_PATTERN_LIST,
  OID_PNP_ADD_WAKE_UP_PATTERN,
  OID_PNP_CAPABILITIES,
  OID_PNP_ENABLE_WAKE_UP,
  OID_PNP_REMOVE_WAKE_UP_PATTERN,
  OID_PNP_SET_POWER,
  OID_PNP_WAKE_UP_PATTERN_LIST,
  powerItemsOf,
  powerOf,
  signalWake,
} from '../index.ts';

const set = NdisRequestSetInformation;
const CAPABILITIES = {
  Flags: 3,
  SupportedWoLPacketPatterns: 3,
  NumTotalWoLPatterns: 4,
  MaxWoLPatternSize: 64,
  SupportedProtocolOffloads: 1,
  MinMagicPacketWakeUp: NdisDeviceStateD3,
  MinPatternWakeUp: NdisDeviceStateD2,
};

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** A structure filled outside of the driver, as bytes. */
function bytesOf(
  s: PowerStack,
  structure: typeof NDIS_PM_WOL_PATTERN | typeof NDIS_PM_PROTOCOL_OFFLOAD,
  fields: object,
  extra: readonly number[] = [],
): Uint8Array {
  const at = bytesAt(s.t.kernel, structure.size);
  structure.fill(s.t.memory, at, fields as never);
  return Uint8Array.from([...s.t.memory.u8.slice(at, at + structure.size), ...extra]);
}

function magic(s: PowerStack, priority = 1): Uint8Array {
  return bytesOf(s, NDIS_PM_WOL_PATTERN, {
    Header: { Type: 0x80, Revision: 2, Size: 196 },
    Priority: priority,
    WoLPacketType: 2,
    FriendlyName: { Length: 2, String: [0x4d] },
  });
}

function bitmap(s: PowerStack, pattern: readonly number[], maskSize = 1): Uint8Array {
  const fields = {
    Header: { Type: 0x80, Revision: 2, Size: 196 },
    Priority: 5,
    WoLPacketType: 1,
    WoLPattern: {
      WoLBitMapPattern: {
        MaskOffset: 196,
        MaskSize: maskSize,
        PatternOffset: 196 + maskSize,
        PatternSize: pattern.length,
      },
    },
  };
  return bytesOf(s, NDIS_PM_WOL_PATTERN, fields, [
    ...Array.from({ length: maskSize }, () => 0xff),
    ...pattern,
  ]);
}

function arp(s: PowerStack, priority = 1): Uint8Array {
  return bytesOf(s, NDIS_PM_PROTOCOL_OFFLOAD, {
    Header: { Type: 0x80, Revision: 1, Size: 240 },
    Priority: priority,
    ProtocolOffloadType: 1,
  });
}

const idOf = (bytes: Uint8Array, at = 0): number => new DataView(bytes.buffer).getUint32(at + 148, true);

describe('capabilities', () => {
  test('are answered by NDIS, as reported and as the configuration leaves them (network/oid-pm-current-capabilities)', async () => {
    const s = await createPowerStack({ capabilities: CAPABILITIES, keywords: { '*WakeOnPattern': '0' } });
    const hardware = await s.ask({ oid: OID_PM_HARDWARE_CAPABILITIES });
    expect(hardware.bytes.length).toBe(NDIS_PM_CAPABILITIES.size);
    expect([hardware.bytes[8], hardware.bytes[44]]).toEqual([3, NdisDeviceStateD2]);
    const current = await s.ask({ oid: OID_PM_CURRENT_CAPABILITIES });
    expect([current.bytes[8], current.bytes[44]]).toEqual([2, 0]);
    const old = await s.ask({ oid: OID_PNP_CAPABILITIES });
    expect([...old.bytes]).toEqual([...words(1, NdisDeviceStateD3, 0, 0)]);
    expect(NDIS_PNP_CAPABILITIES.size).toBe(16);
    expect((await s.ask({ oid: OID_PM_HARDWARE_CAPABILITIES, bytes: new Uint8Array(4) })).status).toBe(
      NDIS_STATUS_BUFFER_TOO_SHORT,
    );
    expect(s.log).toEqual([]);
  });

  test('of a driver that knows nothing of power are not there (network/network-wake-up-events)', async () => {
    const s = await createPowerStack({ capabilities: null });
    for (const oid of [OID_PM_CURRENT_CAPABILITIES, OID_PM_HARDWARE_CAPABILITIES, OID_PNP_CAPABILITIES]) {
      expect((await s.ask({ oid })).status).toBe(NDIS_STATUS_NOT_SUPPORTED);
    }
    expect((await s.ask({ oid: OID_PM_ADD_WOL_PATTERN, type: set, bytes: magic(s) })).status).toBe(
      NDIS_STATUS_NOT_SUPPORTED,
    );
  });

  test('reach protocols with the bind, in the form of their version (ndis/ns-ndis-_ndis_bind_parameters)', async () => {
    const seen: number[][] = [];
    for (const [minor, capabilities] of [
      [30, CAPABILITIES],
      [1, CAPABILITIES],
      [30, null],
    ] as const) {
      await createPowerStack({
        capabilities,
        protocol: {
          MinorNdisVersion: minor,
          BindAdapterHandlerEx: (
            _context: unknown,
            _bind: number,
            given: { PowerManagementCapabilities: number; PowerManagementCapabilitiesEx: number },
          ) => {
            seen.push([given.PowerManagementCapabilities, given.PowerManagementCapabilitiesEx]);
            return NDIS_STATUS_FAILURE;
          },
        },
      });
    }
    expect(seen.map((pair) => pair.map((address) => address !== 0))).toEqual([
      [false, true],
      [true, false],
      [false, false],
    ]);
  });
});

describe('OID_PM_PARAMETERS', () => {
  test('of every protocol are put together, and told to the driver just before it sleeps (network/obtaining-and-updating-power-management-parameters)', async () => {
    const s = await createPowerStack({ capabilities: CAPABILITIES, protocols: 2 });
    const parameters = (patterns: number, offloads: number) =>
      words(0x0014_0280, patterns, offloads, 0x10, 0);
    expect((await s.ask({ oid: OID_PM_PARAMETERS, type: set, bytes: parameters(1, 0) })).status).toBe(0);
    const other = { oid: OID_PM_PARAMETERS, type: set, bytes: parameters(0, 1), protocol: 1 };
    expect((await s.ask(other)).status).toBe(0);
    const kept = await s.ask({ oid: OID_PM_PARAMETERS });
    expect([kept.bytes[4], kept.bytes[8]]).toEqual([3, 1]);
    expect(s.log).toEqual([]);
    await s.set(NdisDeviceStateD2);
    expect(s.log.slice(-2)).toEqual(['miniport:OID_PM_PARAMETERS 3 1 10', 'miniport:OID_PNP_SET_POWER D2']);
    expect(powerOf(s.t.ndis, s.adapter).wakeArmed).toBe(true);
  });

  test('that ask for what the adapter cannot do, or are too short, are refused (network/oid-pm-parameters)', async () => {
    const s = await createPowerStack({ capabilities: CAPABILITIES });
    const ask = (bytes: Uint8Array) => s.ask({ oid: OID_PM_PARAMETERS, type: set, bytes });
    expect((await ask(words(0x0014_0280, 8, 0, 0, 0))).status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect((await ask(words(0x0014_0080, 0, 0, 0, 0))).status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect((await ask(words(0x0014_0280, 0, 0))).status).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    expect(await ask(words(0x0014_0280, 0, 0, 0))).toMatchObject({ needed: 20 });
  });

  test('are forgotten with the binding that asked', async () => {
    const s = await createPowerStack({ capabilities: CAPABILITIES, protocols: 2 });
    await s.ask({ oid: OID_PM_PARAMETERS, type: set, bytes: words(0x0014_0280, 1, 0, 0, 0) });
    const [p] = s.protocols;
    await s.t.run(() => p.driver.ndis.NdisUnbindAdapter(p.bindings[0].handle.value));
    await s.t.runAll();
    const kept = await s.ask({ oid: OID_PM_PARAMETERS, protocol: 1 });
    expect(kept.bytes[4]).toBe(2);
  });
});

describe('wake-up patterns', () => {
  test('get an identifier that is theirs alone, are listed and removed (network/oid-pm-add-wol-pattern)', async () => {
    const s = await createPowerStack({ capabilities: CAPABILITIES });
    const add = (bytes: Uint8Array) => s.ask({ oid: OID_PM_ADD_WOL_PATTERN, type: set, bytes });
    expect((await s.ask({ oid: OID_PM_WOL_PATTERN_LIST })).bytes.length).toBe(0);
    expect((await add(magic(s))).status).toBe(NDIS_STATUS_SUCCESS);
    expect((await add(bitmap(s, [1, 2, 3, 4]))).status).toBe(NDIS_STATUS_SUCCESS);
    const { bytes } = await s.ask({ oid: OID_PM_WOL_PATTERN_LIST });
    const next = new DataView(bytes.buffer).getUint32(152, true);
    expect([next, new DataView(bytes.buffer).getUint32(next + 152, true)]).toEqual([200, 0]);
    const ids = [idOf(bytes), idOf(bytes, next)];
    expect(new Set(ids).size).toBe(2);
    const remove = (id: Uint8Array) => s.ask({ oid: OID_PM_REMOVE_WOL_PATTERN, type: set, bytes: id });
    expect((await remove(words(0x7777))).status).toBe(NDIS_STATUS_FILE_NOT_FOUND);
    expect(await remove(new Uint8Array(2))).toMatchObject({ status: NDIS_STATUS_INVALID_LENGTH, needed: 4 });
    for (const id of ids) expect((await remove(words(id))).status).toBe(NDIS_STATUS_SUCCESS);
    expect((await s.ask({ oid: OID_PM_WOL_PATTERN_LIST })).bytes.length).toBe(0);
    expect(s.t.findings()).toEqual([]);
  });

  test('that are wrong or not supported are refused', async () => {
    const s = await createPowerStack({ capabilities: CAPABILITIES });
    const add = async (bytes: Uint8Array) =>
      (await s.ask({ oid: OID_PM_ADD_WOL_PATTERN, type: set, bytes })).status;
    expect(await add(new Uint8Array(100))).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    expect(
      await add(
        bitmap(
          s,
          Array.from({ length: 65 }, () => 1),
          9,
        ),
      ),
    ).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(await add(bitmap(s, []))).toBe(NDIS_STATUS_INVALID_PARAMETER);
    const syn = magic(s);
    syn[12] = 3;
    expect(await add(syn)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    syn[12] = 9;
    expect(await add(syn)).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(s.log).toEqual([]);
  });

  test('a list that is full gives up its lowest priority for a higher one, and who added that hears of it (network/adding-and-deleting-wake-on-lan-patterns)', async () => {
    let held = 0;
    const s = await createPowerStack({
      capabilities: CAPABILITIES,
      protocols: 2,
      oid: (oid) => {
        if (oid === OID_PM_REMOVE_WOL_PATTERN) held--;
        if (oid !== OID_PM_ADD_WOL_PATTERN) return undefined;
        if (held === 1) return NDIS_STATUS_PM_WOL_PATTERN_LIST_FULL;
        held++;
        return undefined;
      },
    });
    const add = async (priority: number, protocol: number) =>
      (await s.ask({ oid: OID_PM_ADD_WOL_PATTERN, type: set, bytes: magic(s, priority), protocol })).status;
    expect(await add(9, 1)).toBe(NDIS_STATUS_SUCCESS);
    const [first] = powerItemsOf(s.t.ndis, s.adapter).items;
    s.log.length = 0;
    expect(await add(10, 0)).toBe(NDIS_STATUS_PM_WOL_PATTERN_LIST_FULL);
    expect(await add(2, 0)).toBe(NDIS_STATUS_SUCCESS);
    expect(s.log.filter((line) => line.includes('REJECTED'))).toEqual([
      `protocol1:NDIS_STATUS_PM_WOL_PATTERN_REJECTED ${first.id.toString(16)}`,
    ]);
    expect(powerItemsOf(s.t.ndis, s.adapter).items.map(({ priority }) => priority)).toEqual([2]);
  });

  test('cannot be added once the adapter is on its way to a sleeping state (network/oid-pm-add-wol-pattern)', async () => {
    const statuses: number[] = [];
    const s = await createPowerStack({
      capabilities: CAPABILITIES,
      event: (code) => {
        if (code !== NetEventSetPower) return undefined;
        const [p] = s.protocols;
        const bytes = magic(s);
        const buffer = bytesAt(s.t.kernel, bytes.length);
        s.t.memory.u8.set(bytes, buffer);
        const status = p.driver.ndis.NdisOidRequest(p.bindings[0].handle.value, {
          Header: { Type: 0x96, Revision: 1, Size: 0xec },
          RequestType: set,
          DATA: {
            SET_INFORMATION: {
              Oid: OID_PM_ADD_WOL_PATTERN,
              InformationBuffer: buffer,
              InformationBufferLength: bytes.length,
            },
          },
        } as object);
        if (typeof status === 'number') statuses.push(status);
        return undefined;
      },
    });
    await s.set(NdisDeviceStateD3);
    expect(statuses).toEqual([NDIS_STATUS_FAILURE]);
  });

  test('that a binding leaves behind are a finding, and are taken out of the driver', async () => {
    const s = await createPowerStack({ capabilities: CAPABILITIES, protocols: 2 });
    await s.ask({ oid: OID_PM_ADD_WOL_PATTERN, type: set, bytes: magic(s) });
    const [p] = s.protocols;
    await s.t.run(() => p.driver.ndis.NdisUnbindAdapter(p.bindings[0].handle.value));
    await s.t.runAll();
    expect(s.t.findings()).toEqual(['POWER_ITEMS_LEFT protocol']);
    expect(s.log).toContain('miniport:OID_PM_REMOVE_WOL_PATTERN');
    expect(powerItemsOf(s.t.ndis, s.adapter).items).toEqual([]);
  });
});

describe('protocol offloads', () => {
  test('are added, listed, asked of the driver, and removed (network/oid-pm-add-protocol-offload)', async () => {
    const s = await createPowerStack({ capabilities: CAPABILITIES });
    const add = (bytes: Uint8Array) => s.ask({ oid: OID_PM_ADD_PROTOCOL_OFFLOAD, type: set, bytes });
    expect((await add(arp(s))).status).toBe(NDIS_STATUS_SUCCESS);
    const wrong = arp(s);
    wrong[12] = 2;
    expect((await add(wrong)).status).toBe(NDIS_STATUS_NOT_SUPPORTED);
    wrong[12] = 0;
    expect((await add(wrong)).status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    const { bytes } = await s.ask({ oid: OID_PM_PROTOCOL_OFFLOAD_LIST });
    const id = idOf(bytes);
    const get = (bytesOfId: Uint8Array) =>
      s.ask({ oid: OID_PM_GET_PROTOCOL_OFFLOAD, type: NdisRequestMethod, bytes: bytesOfId });
    expect((await get(words(id))).status).toBe(NDIS_STATUS_SUCCESS);
    expect((await get(words(0x4444))).status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(s.log.filter((line) => line.includes('GET'))).toHaveLength(1);
    const remove = { oid: OID_PM_REMOVE_PROTOCOL_OFFLOAD, type: set };
    expect((await s.ask({ ...remove, bytes: words(9) })).status).toBe(NDIS_STATUS_FILE_NOT_FOUND);
    expect((await s.ask({ ...remove, bytes: words(id) })).status).toBe(NDIS_STATUS_SUCCESS);
  });

  test('that the driver refuses because its list is full go the way of patterns, and those it gives up are forgotten (network/ndis-status-pm-offload-rejected)', async () => {
    const s = await createPowerStack({
      capabilities: CAPABILITIES,
      oid: (oid) =>
        oid === OID_PM_ADD_PROTOCOL_OFFLOAD ? NDIS_STATUS_PM_PROTOCOL_OFFLOAD_LIST_FULL : undefined,
    });
    const refused = await s.ask({ oid: OID_PM_ADD_PROTOCOL_OFFLOAD, type: set, bytes: arp(s) });
    expect(refused.status).toBe(NDIS_STATUS_PM_PROTOCOL_OFFLOAD_LIST_FULL);
    const other = await createPowerStack({ capabilities: CAPABILITIES });
    await other.ask({ oid: OID_PM_ADD_PROTOCOL_OFFLOAD, type: set, bytes: arp(other) });
    const [{ id }] = powerItemsOf(other.t.ndis, other.adapter).items;
    const buffer = bytesAt(other.t.kernel, 8);
    other.t.memory.u32[buffer >> 2] = id;
    await other.t.run(() =>
      other.m.driver.ndis.NdisMIndicateStatusEx(other.m.adapters[0], {
        Header: { Type: 0x98, Revision: 1, Size: 0x70 },
        SourceHandle: other.m.adapters[0],
        StatusCode: NDIS_STATUS_PM_OFFLOAD_REJECTED,
        StatusBuffer: buffer,
        StatusBufferSize: 4,
      } as object),
    );
    expect(powerItemsOf(other.t.ndis, other.adapter).items).toEqual([]);
    expect(other.log).toContain(`protocol:NDIS_STATUS_PM_OFFLOAD_REJECTED ${id.toString(16)}`);
  });
});

describe('NDIS 6.0 and 6.1', () => {
  test('enable wake-up events by OID_PNP_ENABLE_WAKE_UP, which the driver hears before it sleeps (network/oid-pnp-enable-wake-up)', async () => {
    const s = await createPowerStack({ minorVersion: 1, capabilities: null, oldCapabilities: [4, 3] });
    const enable = { oid: OID_PNP_ENABLE_WAKE_UP, type: set };
    expect((await s.ask({ ...enable, bytes: words(2) })).status).toBe(NDIS_STATUS_SUCCESS);
    expect((await s.ask({ ...enable, bytes: new Uint8Array(1) })).status).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect([...(await s.ask({ oid: OID_PNP_ENABLE_WAKE_UP })).bytes]).toEqual([3, 0, 0, 0]);
    await s.set(NdisDeviceStateD2);
    expect(s.log.slice(-2)).toEqual(['miniport:OID_PNP_ENABLE_WAKE_UP 3', 'miniport:OID_PNP_SET_POWER D2']);
  });

  test('keep their patterns in a list that NDIS gives (network/oid-pnp-wake-up-pattern-list)', async () => {
    const s = await createPowerStack({ minorVersion: 1, capabilities: null, oldCapabilities: [4, 4] });
    const pattern = Uint8Array.from([...words(1, 0, 1, 25, 4, 0), 0x0f, 1, 2, 3, 4]);
    const add = { oid: OID_PNP_ADD_WAKE_UP_PATTERN, type: set };
    expect((await s.ask({ ...add, bytes: new Uint8Array(8) })).status).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect((await s.ask({ ...add, bytes: pattern })).status).toBe(NDIS_STATUS_SUCCESS);
    const list = await s.ask({ oid: OID_PNP_WAKE_UP_PATTERN_LIST });
    expect([...list.bytes.subarray(0, pattern.length)]).toEqual([...pattern]);
    const remove = { oid: OID_PNP_REMOVE_WAKE_UP_PATTERN, type: set, bytes: pattern };
    expect((await s.ask(remove)).status).toBe(NDIS_STATUS_SUCCESS);
    expect((await s.ask({ oid: OID_PNP_WAKE_UP_PATTERN_LIST })).bytes.length).toBe(0);
  });
});

test('protocols cannot set the power of an adapter (network/oid-pnp-set-power)', async () => {
  const s = await createPowerStack({ capabilities: CAPABILITIES });
  const asked = await s.ask({ oid: OID_PNP_SET_POWER, type: set, bytes: words(NdisDeviceStateD3) });
  expect(asked.status).toBe(NDIS_STATUS_NOT_SUPPORTED);
});

describe('waking up', () => {
  test('hardware brings its adapter to D0 where something was enabled, and the reason names the pattern (network/issuing-ndis-wake-reason-indications)', async () => {
    const s = await createPowerStack({
      capabilities: CAPABILITIES,
      oid: (oid, request) => {
        const { InformationBuffer } = request.DATA.SET_INFORMATION;
        if (oid !== OID_PNP_SET_POWER || s.t.memory.u32[InformationBuffer >> 2] !== NdisDeviceStateD0)
          return undefined;
        const buffer = bytesAt(s.t.kernel, 256);
        NDIS_PM_WAKE_REASON.fill(s.t.memory, buffer, {
          Header: { Type: 0x80, Revision: 1, Size: 20 },
          WakeReason: NdisWakeReasonPacket,
          InfoBufferOffset: 24,
          InfoBufferSize: NDIS_PM_WAKE_PACKET.size,
        });
        NDIS_PM_WAKE_PACKET.fill(s.t.memory, buffer + 24, {
          Header: { Type: 0x80, Revision: 1, Size: NDIS_PM_WAKE_PACKET.size },
          PatternId: powerItemsOf(s.t.ndis, s.adapter).items[0].id,
        });
        s.m.driver.ndis.NdisMIndicateStatusEx(s.m.adapters[0], {
          Header: { Type: 0x98, Revision: 1, Size: 0x70 },
          SourceHandle: s.m.adapters[0],
          StatusCode: NDIS_STATUS_PM_WAKE_REASON,
          StatusBuffer: buffer,
          StatusBufferSize: 24 + NDIS_PM_WAKE_PACKET.size,
        } as object);
        s.log.push(`named ${s.t.memory.u16[(buffer + 24 + 12) >> 1]} ${s.t.memory.u8[buffer + 24 + 14]}`);
        return undefined;
      },
    });
    await s.ask({ oid: OID_PM_ADD_WOL_PATTERN, type: set, bytes: magic(s) });
    expect(signalWake(s.t.ndis, s.adapter)).toBe(false);
    await s.set(NdisDeviceStateD3);
    s.log.length = 0;
    expect(signalWake(s.t.ndis, s.adapter)).toBe(true);
    expect(signalWake(s.t.ndis, s.adapter)).toBe(false);
    await s.t.runAll();
    expect(s.adapter.state).toBe('Running');
    expect(s.log).toContain('named 2 77');
    expect(s.log).toContain('protocol:NDIS_STATUS_PM_WAKE_REASON 140180');
    expect(s.t.findings()).toEqual([]);
  });

  test('nothing wakes an adapter for which nothing was enabled', async () => {
    const s = await createPowerStack();
    await s.set(NdisDeviceStateD3);
    expect(signalWake(s.t.ndis, s.adapter)).toBe(false);
  });
});
