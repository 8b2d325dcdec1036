/** Network interfaces: NET_LUID values, providers, look-up, the stack table and queries. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { createTestNdis, type TestDriver, type TestNdis } from '../../../test/support/ndis.ts';
import { poolOf, registryOf, STATUS_DUPLICATE_OBJECTID } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import {
  interfaceStack,
  interfacesOf,
  makeNetLuid,
  NDIS_IF_COUNTED_STRING,
  NDIS_INTERFACE_INFORMATION,
  NDIS_OBJECT_REVISION_1,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_IF_PROVIDER_CHARACTERISTICS_REVISION_1,
  NDIS_SIZEOF_NET_IF_INFORMATION_REVISION_1,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_INTERFACE_NOT_FOUND,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_IF_OPER_STATUS_UP,
  OID_GEN_ADMIN_STATUS,
  OID_GEN_ALIAS,
  OID_GEN_INTERFACE_INFO,
  OID_GEN_LAST_CHANGE,
  OID_GEN_PROMISCUOUS_MODE,
  OID_GEN_RCV_LINK_SPEED,
  OID_GEN_XMIT_LINK_SPEED,
  queryInterface,
} from '../index.ts';

const PROVIDER_HEADER = {
  Type: NDIS_OBJECT_TYPE_DEFAULT,
  Revision: NDIS_OBJECT_REVISION_1,
  Size: NDIS_SIZEOF_IF_PROVIDER_CHARACTERISTICS_REVISION_1,
};
const INFORMATION = {
  Header: {
    Type: NDIS_OBJECT_TYPE_DEFAULT,
    Revision: NDIS_OBJECT_REVISION_1,
    Size: NDIS_SIZEOF_NET_IF_INFORMATION_REVISION_1,
  },
  MediaType: 0,
};

interface ProviderOptions {
  readonly header?: object;
  readonly query?: unknown;
  readonly set?: unknown;
}

const answersNothing = () => NDIS_STATUS_NOT_SUPPORTED;

async function register(t: TestNdis, driver: TestDriver, options: ProviderOptions = {}) {
  const handle = driver.cell();
  const status = await t.run(() =>
    driver.ndis.NdisIfRegisterProvider(
      {
        Header: { ...PROVIDER_HEADER, ...options.header },
        QueryObjectHandler: 'query' in options ? options.query : answersNothing,
        SetObjectHandler: options.set ?? 0,
      } as object,
      null,
      handle,
    ),
  );
  return { status, handle };
}

/** A library with one registered provider. */
async function withProvider(options: ProviderOptions = {}) {
  const t = createTestNdis();
  const driver = t.createDriver('provider');
  const { status, handle } = await register(t, driver, options);
  expect(status).toBe(NDIS_STATUS_SUCCESS);
  const add = async (netLuid: bigint, context: object | null = null, changes: object = {}) => {
    const index = driver.cell();
    const result = await t.run(() =>
      driver.ndis.NdisIfRegisterInterface(
        handle.value,
        netLuid,
        context,
        { ...INFORMATION, ...changes } as object,
        index.address,
      ),
    );
    return { status: result, ifIndex: t.memory.u32[index.address >> 2] };
  };
  return { t, driver, handle, add };
}

describe('NET_LUID values', () => {
  test('NDIS_MAKE_NET_LUID puts the type into bits 48 to 63 and the index into bits 24 to 47 (nf-ntddndis-ndis_make_net_luid)', async () => {
    const t = createTestNdis();
    const { ndis, cell } = t.createDriver('any');
    const at = cell().address;
    await t.run(() => ndis.NDIS_MAKE_NET_LUID(at, 71n, 0x12_3456n));
    expect(t.memory.data.getBigUint64(at, true)).toBe(0x0047_1234_5600_0000n);
  });

  test('an index is unique for its type until it is freed, and is then given out again (nf-ndis-ndisifallocatenetluidindex)', async () => {
    const t = createTestNdis();
    const { ndis, cell } = t.createDriver('any');
    const at = cell().address;
    const allocate = (type: number) =>
      t.run(() => {
        expect(ndis.NdisIfAllocateNetLuidIndex(type, at)).toBe(NDIS_STATUS_SUCCESS);
        return t.memory.u32[at >> 2];
      });
    expect([await allocate(24), await allocate(24), await allocate(131), await allocate(24)]).toEqual([
      1, 2, 1, 3,
    ]);
    const free = (type: number, index: number) => t.run(() => ndis.NdisIfFreeNetLuidIndex(type, index));
    expect(await free(24, 2)).toBe(NDIS_STATUS_SUCCESS);
    expect(await free(24, 2)).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(await free(23, 1)).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect([await allocate(24), await allocate(24)]).toEqual([2, 4]);
  });

  test('a taken index stays taken over a restart, because it is in the registry (network/using-a-net-luid-index)', async () => {
    const before = createTestNdis();
    const first = before.createDriver('any');
    await before.run(() => first.ndis.NdisIfAllocateNetLuidIndex(24, first.cell().address));
    const path = 'HKLM\\System\\CurrentControlSet\\Services\\NDIS\\IfTypes\\24';
    const kept = registryOf(before.kernel).open(path)?.getRaw('IfUsedNetLuidIndices')?.data;
    const after = createTestNdis();
    registryOf(after.kernel)
      .create(path)
      .set('IfUsedNetLuidIndices', kept ?? new Uint8Array(0));
    const second = after.createDriver('any');
    const at = second.cell().address;
    await after.run(() => second.ndis.NdisIfAllocateNetLuidIndex(24, at));
    expect(after.memory.u32[at >> 2]).toBe(2);
  });

  test('when all 24-bit indexes are taken: NDIS_STATUS_RESOURCES (nf-ndis-ndisifallocatenetluidindex)', async () => {
    const t = createTestNdis();
    // As many as the registry can remember: a MiB of bits.
    const all = new Uint8Array(0x10_0000).fill(0xff);
    registryOf(t.kernel)
      .create('HKLM\\System\\CurrentControlSet\\Services\\NDIS\\IfTypes\\24')
      .set('IfUsedNetLuidIndices', all);
    const { ndis, cell } = t.createDriver('any');
    const at = cell().address;
    expect(await t.run(() => ndis.NdisIfAllocateNetLuidIndex(24, at))).toBe(NDIS_STATUS_RESOURCES);
  });

  test('any order of taking and giving back keeps the taken ones apart', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(40), { maxLength: 60 }), async (steps) => {
        const t = createTestNdis();
        const { ndis, cell } = t.createDriver('any');
        const at = cell().address;
        const taken = new Set<number>();
        await t.run(() => {
          for (const step of steps) {
            if (step % 2 === 0) {
              ndis.NdisIfAllocateNetLuidIndex(6, at);
              const index = t.memory.u32[at >> 2];
              expect(taken.has(index)).toBe(false);
              taken.add(index);
            } else {
              const status = ndis.NdisIfFreeNetLuidIndex(6, step);
              expect(status === NDIS_STATUS_SUCCESS).toBe(taken.delete(step));
            }
          }
        });
      }),
      { numRuns: 30 },
    );
  });
});

describe('NdisIfRegisterProvider (nf-ndis-ndisifregisterprovider)', () => {
  test.each([
    ['a revision that does not exist', { header: { Revision: 0 } }, NDIS_STATUS_NOT_SUPPORTED],
    ['a wrong type', { header: { Type: 0x91 } }, NDIS_STATUS_INVALID_PARAMETER],
    ['a size that is too small', { header: { Size: 8 } }, NDIS_STATUS_INVALID_PARAMETER],
    ['no handler for queries', { query: 0 }, NDIS_STATUS_INVALID_PARAMETER],
  ])('%s', async (_what, options, expected) => {
    const t = createTestNdis();
    const { status, handle } = await register(t, t.createDriver('provider'), options);
    expect(status).toBe(expected);
    expect(handle.value).toBe(0);
  });

  test('a provider deregisters its interfaces before itself; those left are a finding and go too (nf-ndis-ndisifderegisterprovider)', async () => {
    const { t, driver, handle, add } = await withProvider();
    const { ifIndex } = await add(makeNetLuid(24, 5));
    await t.run(() => driver.ndis.NdisIfDeregisterProvider(handle.value));
    expect(t.findings()).toEqual(['INTERFACES_REGISTERED provider']);
    expect(interfacesOf(t.ndis).at(ifIndex)).toBeNull();
    await t.run(() => driver.ndis.NdisIfDeregisterProvider(handle.value));
    expect(t.findings()).toEqual(['INTERFACES_REGISTERED provider', 'BAD_HANDLE provider']);
    expect(driver.driver.owned).toEqual([]);
  });
});

describe('NdisIfRegisterInterface (nf-ndis-ndisifregisterinterface)', () => {
  test('gives an index that is not zero and unique, by which and by the NET_LUID the interface is found (nf-ndis-ndisifgetinterfaceindexfromnetluid)', async () => {
    const { t, driver, add } = await withProvider();
    const [first, second] = [await add(makeNetLuid(24, 1)), await add(makeNetLuid(24, 2))];
    expect([first.status, second.status]).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_SUCCESS]);
    expect(new Set([0, first.ifIndex, second.ifIndex]).size).toBe(3);
    const at = driver.cell().address;
    await t.run(() => {
      const { ndis } = driver;
      expect(ndis.NdisIfGetInterfaceIndexFromNetLuid(makeNetLuid(24, 2), at)).toBe(NDIS_STATUS_SUCCESS);
      expect(t.memory.u32[at >> 2]).toBe(second.ifIndex);
      expect(ndis.NdisIfGetNetLuidFromInterfaceIndex(first.ifIndex, at)).toBe(NDIS_STATUS_SUCCESS);
      expect(t.memory.data.getBigUint64(at, true)).toBe(makeNetLuid(24, 1));
      expect(ndis.NdisIfGetInterfaceIndexFromNetLuid(makeNetLuid(24, 3), at)).toBe(
        NDIS_STATUS_INTERFACE_NOT_FOUND,
      );
      expect(ndis.NdisIfGetNetLuidFromInterfaceIndex(999, at)).toBe(NDIS_STATUS_INTERFACE_NOT_FOUND);
    });
  });

  test('the same NET_LUID twice: NDIS_STATUS_DUPLICATE_OBJECTID', async () => {
    const { add } = await withProvider();
    await add(makeNetLuid(24, 1));
    expect((await add(makeNetLuid(24, 1))).status).toBe(STATUS_DUPLICATE_OBJECTID);
  });

  test.each([
    ['a NET_LUID of 0', 0n, {}],
    ['a wrong header', 1n << 48n, { Header: { ...INFORMATION.Header, Size: 4 } }],
    [
      'an address that lies inside of the structure',
      1n << 48n,
      { PhysAddressLength: 6, PhysAddressOffset: 8 },
    ],
  ])('%s: NDIS_STATUS_INVALID_PARAMETER', async (_what, netLuid, changes) => {
    const { add } = await withProvider();
    const { status } = await add(netLuid, null, changes);
    expect(status).toBe(NDIS_STATUS_INVALID_PARAMETER);
  });

  test('after NdisIfDeregisterInterface the interface is gone; one that is not the driver’s is a finding (nf-ndis-ndisifderegisterinterface)', async () => {
    const { t, driver, add } = await withProvider();
    const { ifIndex } = await add(makeNetLuid(24, 1));
    const other = t.createDriver('other');
    await t.run(() => other.ndis.NdisIfDeregisterInterface(ifIndex));
    expect(t.findings()).toEqual(['BAD_INTERFACE other']);
    await t.run(() => driver.ndis.NdisIfDeregisterInterface(ifIndex));
    expect(interfacesOf(t.ndis).at(ifIndex)).toBeNull();
    expect((await add(makeNetLuid(24, 1))).status).toBe(NDIS_STATUS_SUCCESS);
  });

  test('a driver that unloads without deregistering leaves nothing behind, and the leak is named', async () => {
    const { t, driver, add } = await withProvider();
    await add(makeNetLuid(24, 1));
    expect(driver.driver.owned.map(({ kind }) => kind)).toEqual(['interface provider', 'network interface']);
    for (const owned of driver.driver.owned) owned.release();
    expect([...interfacesOf(t.ndis).all]).toEqual([]);
  });
});

describe('the interfaces of adapters', () => {
  async function stack() {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const p = createTestProtocol(t);
    await registerMiniport(t, m);
    await registerProtocol(t, p);
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    return { t, m, p, adapter, binding: adapter.bindings[0] };
  }

  test('NDIS registers one for each adapter, with the type 6 of Ethernet, and removes it with the adapter (network/net-luid-values-for-miniport-adapters-and-filter-modules)', async () => {
    const { t, adapter } = await stack();
    expect(adapter.netLuid).toBe(makeNetLuid(6, adapter.netLuidIndex));
    expect(interfacesOf(t.ndis).withNetLuid(adapter.netLuid)?.ifIndex).toBe(adapter.ifIndex);
    t.halt(adapter);
    await t.runAll();
    expect([...interfacesOf(t.ndis).all]).toEqual([]);
  });

  test('NdisIfQueryBindingIfIndex gives the highest and the lowest interface of a binding (nf-ndis-ndisifquerybindingifindex)', async () => {
    const { t, p, adapter, binding } = await stack();
    const [boundIndex, boundLuid, lowestIndex, lowestLuid] = [0, 0, 0, 0].map(() => p.driver.cell().address);
    const query = (handle: Address) =>
      t.run(() =>
        p.driver.ndis.NdisIfQueryBindingIfIndex(handle, boundIndex, boundLuid, lowestIndex, lowestLuid),
      );
    expect(await query(binding.handle)).toBe(NDIS_STATUS_SUCCESS);
    expect([t.memory.u32[boundIndex >> 2], t.memory.u32[lowestIndex >> 2]]).toEqual([
      adapter.ifIndex,
      adapter.ifIndex,
    ]);
    expect(t.memory.data.getBigUint64(boundLuid, true)).toBe(adapter.netLuid);
    expect(t.memory.data.getBigUint64(lowestLuid, true)).toBe(adapter.netLuid);
    expect(await query(adapter.handle)).toBe(NDIS_STATUS_INTERFACE_NOT_FOUND);
    expect(t.findings()).toEqual(['BAD_HANDLE protocol']);
  });

  test('drivers add and delete lines of the stack table, which go with their interfaces (nf-ndis-ndisifaddifstackentry, nf-ndis-ndisifdeleteifstackentry)', async () => {
    const { t, p, adapter } = await stack();
    const { driver } = p;
    const { handle } = await register(t, driver);
    const at = driver.cell().address;
    await t.run(() => {
      const { ndis } = driver;
      ndis.NdisIfRegisterInterface(handle.value, makeNetLuid(24, 1), null, INFORMATION as object, at);
      const upper = t.memory.u32[at >> 2];
      expect(ndis.NdisIfAddIfStackEntry(upper, adapter.ifIndex)).toBe(NDIS_STATUS_SUCCESS);
      expect(ndis.NdisIfAddIfStackEntry(upper, adapter.ifIndex)).toBe(NDIS_STATUS_SUCCESS);
      expect(interfaceStack(t.ndis)).toEqual([{ higher: upper, lower: adapter.ifIndex }]);
      expect(ndis.NdisIfAddIfStackEntry(upper, 999)).toBe(NDIS_STATUS_INTERFACE_NOT_FOUND);
      expect(ndis.NdisIfAddIfStackEntry(999, upper)).toBe(NDIS_STATUS_INTERFACE_NOT_FOUND);
      ndis.NdisIfDeleteIfStackEntry(adapter.ifIndex, upper);
      expect(interfaceStack(t.ndis)).toHaveLength(1);
      ndis.NdisIfDeleteIfStackEntry(upper, adapter.ifIndex);
      expect(interfaceStack(t.ndis)).toEqual([]);
      ndis.NdisIfAddIfStackEntry(upper, adapter.ifIndex);
      ndis.NdisIfDeregisterInterface(upper);
      expect(interfaceStack(t.ndis)).toEqual([]);
    });
  });

  /** Asks as the host does. */
  async function ask(t: TestNdis, ifIndex: number, oid: number, size = 600, set = false) {
    const buffer = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 1024, 1, 0);
    const locals = { ifIndex, oid, buffer, length: size, set, block: 0 };
    let status = -1;
    const finished = (value: number) => {
      status = value;
    };
    t.kernel.scheduler.createThread('ask', queryInterface, t.ndis, locals, { finished });
    await t.runAll();
    return { status, bytes: t.memory.u8.slice(buffer, buffer + locals.length), length: locals.length };
  }

  test('NDIS answers for an adapter as its proxy provider, and asks the miniport driver for what it counts (network/mapping-of-ndis-network-interfaces-to-ndis-oids)', async () => {
    const { t, adapter } = await stack();
    const { ifIndex } = adapter;
    const word = async (oid: number) =>
      new DataView((await ask(t, ifIndex, oid)).bytes.buffer).getUint32(0, true);
    expect(await word(OID_GEN_ADMIN_STATUS)).toBe(1);
    expect(await word(OID_GEN_XMIT_LINK_SPEED)).toBe(1_000_000_000);
    expect(await word(OID_GEN_RCV_LINK_SPEED)).toBe(1_000_000_000);
    expect(await word(OID_GEN_LAST_CHANGE)).toBe(0);
    expect((await ask(t, ifIndex, OID_GEN_PROMISCUOUS_MODE)).bytes).toEqual(Uint8Array.of(0));
    const alias = await ask(t, ifIndex, OID_GEN_ALIAS);
    expect(alias.length).toBe(NDIS_IF_COUNTED_STRING.size);
    expect(new TextDecoder('utf-16le').decode(alias.bytes.subarray(2, 2 + alias.bytes[0]))).toBe('Ethernet');
    const information = await ask(t, ifIndex, OID_GEN_INTERFACE_INFO);
    expect(information.status).toBe(NDIS_STATUS_SUCCESS);
    const at = NDIS_INTERFACE_INFORMATION.offset;
    const data = new DataView(information.bytes.buffer);
    expect(data.getUint32(at.ifOperStatus, true)).toBe(NET_IF_OPER_STATUS_UP);
    expect(data.getUint32(at.ifMtu, true)).toBe(1500);
  });

  test('a buffer that is too small is refused and told the size; unknown interfaces and sets are refused', async () => {
    const { t, adapter } = await stack();
    const short = await ask(t, adapter.ifIndex, OID_GEN_XMIT_LINK_SPEED, 4);
    expect([short.status, short.length]).toEqual([NDIS_STATUS_BUFFER_TOO_SHORT, 8]);
    expect((await ask(t, 999, OID_GEN_ALIAS)).status).toBe(NDIS_STATUS_INTERFACE_NOT_FOUND);
    expect((await ask(t, adapter.ifIndex, OID_GEN_ALIAS, 8, true)).status).toBe(NDIS_STATUS_NOT_SUPPORTED);
  });

  test('ProviderQueryObject and ProviderSetObject get the context of the interface and answer for it (nc-ndis-if_query_object, nc-ndis-if_set_object)', async () => {
    const seen: unknown[] = [];
    const context = { name: 'internal' };
    const { t, add } = await withProvider({
      query: (ctx: unknown, oid: number, length: Address, buffer: Address) => {
        seen.push(ctx, oid, t.memory.u32[length >> 2]);
        if (oid !== OID_GEN_ALIAS) return NDIS_STATUS_INVALID_PARAMETER;
        t.memory.u8[buffer] = 7;
        t.memory.u32[length >> 2] = 1;
        return NDIS_STATUS_SUCCESS;
      },
      set: (ctx: unknown, oid: number, length: number) => {
        seen.push(ctx, oid, length);
        return length === 3 ? NDIS_STATUS_INVALID_PARAMETER : NDIS_STATUS_SUCCESS;
      },
    });
    const { ifIndex } = await add(makeNetLuid(24, 1), context);
    expect(await ask(t, ifIndex, OID_GEN_ALIAS, 100)).toEqual({
      status: NDIS_STATUS_SUCCESS,
      bytes: Uint8Array.of(7),
      length: 1,
    });
    expect((await ask(t, ifIndex, OID_GEN_ALIAS, 3, true)).status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(seen).toEqual([context, OID_GEN_ALIAS, 100, context, OID_GEN_ALIAS, 3]);
    expect((await ask(t, ifIndex, OID_GEN_ADMIN_STATUS, 4)).status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect((await ask(t, ifIndex, OID_GEN_ALIAS, 8, true)).status).toBe(NDIS_STATUS_SUCCESS);
  });
});
