import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  protocolCharacteristics,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { poolOf } from '../../kernel/index.ts';
import { poolType } from '../../memory/index.ts';
import {
  NDIS_SHARED_MEMORY_PARAMETERS,
  NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../index.ts';

const MINE = 0x654e_0000;
const Header = { Type: 0xb0, Revision: 1, Size: 0x20 };

/** A miniport, two protocols bound to it, and a provider registered in the given way. */
async function stack(by: 'miniport' | 'protocol' | 'binding') {
  const t = createTestNdis();
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  const user = createTestProtocol(t, 'user');
  const log: unknown[] = [];
  const provider = { name: 'provider' };
  const answer = { status: NDIS_STATUS_SUCCESS as number, nested: -1 };
  const pool = poolOf(t.kernel);
  const block = () => pool.allocateZeroed(poolType.nonPagedNx, 72, 1, 0);
  const [parameters, cell] = [block(), block()];
  const view = NDIS_SHARED_MEMORY_PARAMETERS.fill(t.memory, parameters, {
    Header: { Type: 0x80, Revision: 1, Size: 64 },
    Length: 3000,
  });
  const owner = by === 'miniport' ? m : p;
  const set = (handle: number, changes: object = {}) => {
    const at = block();
    const { driver } = owner.driver;
    NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS.fill(
      t.memory,
      at,
      {
        Header,
        ProviderContext: provider,
        AllocateSharedMemoryHandler: (
          context: unknown,
          given: NDIS_SHARED_MEMORY_PARAMETERS,
          out: number,
        ) => {
          log.push(['allocate', context, given.Length, t.kernel.irql]);
          given.VirtualAddress = MINE;
          t.memory.writePointer(out, 0x77);
          if (answer.nested === 0) {
            const own = block();
            NDIS_SHARED_MEMORY_PARAMETERS.fill(t.memory, own, {
              Header: { Type: 0x80, Revision: 1, Size: 64 },
              Length: 16,
            });
            answer.nested = own;
            answer.status = owner.driver.ndis.NdisAllocateSharedMemory(m.adapters[0], own, block());
          }
          return answer.status;
        },
        FreeSharedMemoryHandler: (context: unknown, memory: unknown) => {
          log.push(['free', context, memory, t.kernel.irql]);
        },
        ...changes,
      } as never,
      {
        callableAddress: (handler) => t.memory.callables.addressOf(handler, driver),
        objectAddress: (object) => t.memory.objects.addressOf(object, driver),
        unicodeString: () => ({ Buffer: 0, Length: 0 }),
      },
    );
    return owner.driver.ndis.NdisSetOptionalHandlers(handle, at);
  };
  const statuses: number[] = [];
  const take = (handle: number) => {
    statuses.push(set(handle, { FreeSharedMemoryHandler: 0 }), set(handle));
    return NDIS_STATUS_SUCCESS;
  };
  await registerMiniport(t, m, by === 'miniport' ? { SetOptionsHandler: take } : {});
  const given = protocolCharacteristics(p);
  await registerProtocol(t, p, {
    ...(by === 'protocol' ? { SetOptionsHandler: take } : {}),
    BindAdapterHandlerEx: (...args: Parameters<typeof given.BindAdapterHandlerEx>) => {
      const status = given.BindAdapterHandlerEx(...args);
      if (by === 'binding' && status === NDIS_STATUS_SUCCESS) take(p.bindings[0].handle.value);
      return status;
    },
    OpenAdapterCompleteHandlerEx: (...args: Parameters<typeof given.OpenAdapterCompleteHandlerEx>) => {
      if (by === 'binding') take(p.bindings[0].handle.value);
      given.OpenAdapterCompleteHandlerEx(...args);
    },
  });
  await registerProtocol(t, user);
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  const allocate = () =>
    user.driver.ndis.NdisAllocateSharedMemory(user.bindings[0].handle.value, parameters, cell);
  const free = (handle: number) =>
    user.driver.ndis.NdisFreeSharedMemory(user.bindings[0].handle.value, handle);
  return { t, m, p, user, log, provider, answer, statuses, view, cell, adapter, allocate, free };
}

describe('a provider of shared memory (ndis/ns-ndis-_ndis_shared_memory_provider_characteristics)', () => {
  test.each(['miniport', 'protocol', 'binding'] as const)(
    'registered by a %s serves all who are bound to the adapter, and gets its memory back (ndis/nc-ndis-allocate_shared_memory_handler, ndis/nc-ndis-free_shared_memory_handler)',
    async (by) => {
      const s = await stack(by);
      expect(s.statuses).toEqual([NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS]);
      await s.t.run(() => {
        expect(s.allocate()).toBe(NDIS_STATUS_SUCCESS);
        const handle = s.t.memory.readPointer(s.cell);
        expect([s.view.SharedMemoryHandle, s.view.VirtualAddress]).toEqual([handle, MINE]);
        s.free(handle);
      });
      expect(s.log).toEqual([
        ['allocate', s.provider, 3000, 0],
        ['free', s.provider, 0x77, 0],
      ]);
      expect(s.t.findings()).toEqual([]);
    },
  );

  test('that fails makes the allocation fail with its status; one that would finish later fails it too', async () => {
    const s = await stack('miniport');
    await s.t.run(() => {
      for (const [given, seen] of [
        [NDIS_STATUS_RESOURCES, NDIS_STATUS_RESOURCES],
        [NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_PARAMETER],
        [NDIS_STATUS_PENDING, NDIS_STATUS_FAILURE],
      ]) {
        s.answer.status = given;
        expect(s.allocate()).toBe(seen);
        expect(s.t.memory.readPointer(s.cell)).toBe(0);
      }
    });
    expect(s.log).toHaveLength(3);
  });

  test('that allocates for itself inside the call gets the memory of NDIS', async () => {
    const s = await stack('miniport');
    s.answer.nested = 0;
    await s.t.run(() => expect(s.allocate()).toBe(NDIS_STATUS_SUCCESS));
    expect(s.log).toHaveLength(1);
    const own = NDIS_SHARED_MEMORY_PARAMETERS.at(s.t.memory, s.answer.nested);
    expect(own.VirtualAddress).not.toBe(MINE);
  });

  test('that is gone is not called any more', async () => {
    const s = await stack('binding');
    await s.t.run(() => expect(s.allocate()).toBe(NDIS_STATUS_SUCCESS));
    const handle = s.t.memory.readPointer(s.cell);
    await s.t.run(() => s.p.driver.ndis.NdisUnbindAdapter(s.p.bindings[0].handle.value));
    await s.t.runAll();
    await s.t.run(() => {
      s.free(handle);
      expect(s.allocate()).toBe(NDIS_STATUS_SUCCESS);
    });
    expect(s.view.VirtualAddress).not.toBe(MINE);
    expect(s.log).toHaveLength(1);
  });
});
