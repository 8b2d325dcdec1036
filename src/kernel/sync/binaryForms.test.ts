/**
 * What inlined code of compiled drivers reads and writes in kernel structures, byte by byte: the functions of the kernel
 * must leave and understand the same. Offsets from facts/layouts.json and the inline functions of wdm.h and ndis.h.
 */

import { expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createIoMachine, loadIoDriver } from '../../../test/support/ioDriver.ts';
import { createOidStack } from '../../../test/support/oidStack.ts';
import { STATUS_PENDING, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import { openDevice } from '../io/hostDevice.ts';

const KERNEL = 0xffff_8000_0000_0000n;

function setup() {
  const machine = createIoMachine();
  const { kernel, imports } = machine;
  const { u8, u16, u32, u64 } = kernel.memory;
  const wide = (at: number) => u64[at >> 3];
  const pointer = (address: number) => KERNEL + BigInt(address);
  const at = (size: number) => bytesAt(kernel, size);
  return { machine, kernel, imports, u8, u16, u32, u64, wide, pointer, at };
}

test('SLIST_HEADER: depth and sequence in the first 8 bytes, the entry in the next (wdm/nf-wdm-exinterlockedpushentryslist)', async () => {
  const { machine, imports, u16, wide, pointer, at } = setup();
  const [list, first, second] = [at(16), at(16), at(16)];
  await machine.run(() => {
    imports.InitializeSListHead(list);
    expect(imports.ExpInterlockedPushEntrySList(list, first)).toBe(0);
    expect(imports.ExpInterlockedPushEntrySList(list, second)).toBe(first);
    expect([u16[list >> 1], imports.ExQueryDepthSList(list)]).toEqual([2, 2]);
    expect(wide(list + 8) & ~15n).toBe(pointer(second));
    expect(wide(second)).toBe(pointer(first));
    expect(imports.ExpInterlockedPopEntrySList(list)).toBe(second);
    expect(imports.ExpInterlockedPopEntrySList(list)).toBe(first);
    expect(imports.ExpInterlockedPopEntrySList(list)).toBe(0);
    expect(u16[list >> 1]).toBe(0);
  });
});

test('LOOKASIDE: counters, size, tag and callable functions where inlined code looks (wdm/nf-wdm-exinitializenpagedlookasidelist)', async () => {
  const { machine, kernel, imports, u16, u32, at } = setup();
  const list = at(128);
  const { callables } = kernel.memory;
  await machine.run(() => {
    imports.ExInitializeNPagedLookasideList(list, null, null, 0, 100, 0x3154_6554, 0);
    expect([u16[(list + 16) >> 1] > 0, u32[(list + 36) >> 2]]).toEqual([true, 0]);
    expect([u32[(list + 40) >> 2], u32[(list + 44) >> 2]]).toEqual([0x3154_6554, 100]);
    const [allocate, free] = [48, 56].map((offset) => kernel.memory.readPointer(list + offset));
    expect([callables.valueAt(allocate), callables.valueAt(free)].map((value) => typeof value)).toEqual([
      'function',
      'function',
    ]);
    const entry = imports.ExAllocateFromNPagedLookasideList(list);
    expect([u32[(list + 20) >> 2], u32[(list + 24) >> 2]]).toEqual([1, 1]);
    imports.ExFreeToNPagedLookasideList(list, entry);
    expect([u32[(list + 28) >> 2], u16[list >> 1]]).toEqual([1, 1]);
    // Inlined code pops the entry by the export, and the list goes on with that.
    expect(imports.ExpInterlockedPopEntrySList(list)).toBe(entry);
    imports.ExFreeToNPagedLookasideList(list, entry);
    imports.ExDeleteNPagedLookasideList(list);
  });
});

test('locks: a spin lock is a word, a fast mutex counts down from 1, NDIS keeps the IRQL behind the lock (ndis/nf-ndis-ndisacquirespinlock)', async () => {
  const { machine, imports, u32, wide, at } = setup();
  const [lock, mutex] = [at(16), at(64)];
  await machine.run(async () => {
    imports.KeInitializeSpinLock(lock);
    expect(wide(lock)).toBe(0n);
    const irql = imports.KeAcquireSpinLockRaiseToDpc(lock);
    expect(wide(lock)).not.toBe(0n);
    imports.KeReleaseSpinLock(lock, irql);
    expect(wide(lock)).toBe(0n);
    imports.ExInitializeFastMutex(mutex);
    expect([u32[mutex >> 2], wide(mutex + 8)]).toEqual([1, 0n]);
    await imports.ExAcquireFastMutex(mutex);
    expect([u32[mutex >> 2], wide(mutex + 8) >> 32n]).toEqual([0, KERNEL >> 32n]);
    imports.ExReleaseFastMutex(mutex);
    expect([u32[mutex >> 2], wide(mutex + 8)]).toEqual([1, 0n]);
  });
  const { t, m } = await createOidStack();
  await t.run(() => {
    const spin = bytesAt(t.kernel, 16);
    m.driver.ndis.NdisAllocateSpinLock(spin);
    m.driver.ndis.NdisAcquireSpinLock(spin);
    expect([t.memory.u32[spin >> 2] !== 0, t.memory.u8[spin + 8], t.kernel.irql]).toEqual([true, 0, 2]);
    m.driver.ndis.NdisReleaseSpinLock(spin);
    expect(t.memory.u32[spin >> 2]).toBe(0);
  });
});

test('dispatcher headers: type, size in words, state and an empty list (wdm/nf-wdm-keinitializeevent)', async () => {
  const { machine, imports, u8, u32, wide, pointer, at } = setup();
  const [event, timer, dpc] = [at(24), at(64), at(64)];
  await machine.run(() => {
    imports.KeInitializeEvent(event, 1, true);
    expect([u8[event], u8[event + 2], u32[(event + 4) >> 2]]).toEqual([1, 6, 1]);
    expect([wide(event + 8), wide(event + 16)]).toEqual([pointer(event + 8), pointer(event + 8)]);
    imports.KeInitializeTimerEx(timer, 0);
    // A timer has flags where other objects have their size.
    expect([u8[timer], u8[timer + 2], u32[(timer + 4) >> 2]]).toEqual([8, 0, 0]);
    imports.KeInitializeDpc(dpc, () => {}, 5);
    expect([u8[dpc], wide(dpc + 24) >> 32n, wide(dpc + 32)]).toEqual([0x13, KERNEL >> 32n, 5n]);
  });
});

test('texts, lists and MDLs hold whole pointers (wdm/nf-wdm-rtlinitunicodestring)', async () => {
  const { machine, kernel, imports, u16, u32, wide, pointer, at } = setup();
  const [string, text, head, entry] = [at(16), at(16), at(16), at(16)];
  u16.set([0x61, 0x62, 0], text >> 1);
  await machine.run(() => {
    imports.RtlInitUnicodeString(string, text);
    expect([u16[string >> 1], u16[(string + 2) >> 1], wide(string + 8)]).toEqual([4, 6, pointer(text)]);
    kernel.memory.writePointer(head, head);
    kernel.memory.writePointer(head + 8, head);
    const lock = at(16);
    expect(imports.ExInterlockedInsertTailList(head, entry, lock)).toBe(0);
    expect([wide(head), wide(head + 8), wide(entry), wide(entry + 8)]).toEqual([
      pointer(entry),
      pointer(entry),
      pointer(head),
      pointer(head),
    ]);
    const mdl = imports.IoAllocateMdl(text + 4, 8, false, false, 0);
    imports.MmBuildMdlForNonPagedPool(mdl);
    expect(u16[(mdl + 10) >> 1] & 4).toBe(4);
    expect([wide(mdl + 24), u32[(mdl + 40) >> 2]]).toEqual([pointer(text + 4), 8]);
    expect(wide(mdl + 32) + BigInt(u32[(mdl + 44) >> 2])).toBe(pointer(text + 4));
    imports.IoFreeMdl(mdl);
  });
});

test('IRPs: marking, completion and cancel routines written inline count (wdm/nf-wdm-iomarkirppending)', async () => {
  const { machine, kernel, u8 } = setup();
  const { memory } = kernel;
  const waiting: number[] = [];
  const accept = (_device: unknown, irp: { readonly address: number }) => machine.complete(irp.address, 0);
  await loadIoDriver(machine, {
    0: accept,
    2: accept,
    18: accept,
    3: (_device, irp) => {
      // IoMarkIrpPending as the macro is: IoGetCurrentIrpStackLocation(Irp)->Control |= SL_PENDING_RETURNED.
      const stack = memory.readPointer(irp.address + 184);
      u8[stack + 3] |= 1;
      waiting.push(irp.address);
      return STATUS_PENDING;
    },
  });
  const handle = await machine.pump(openDevice(kernel, '\\Device\\Test'));
  const read = handle.read(4);
  await machine.runAll();
  await machine.run(() => {
    machine.complete(waiting[0], STATUS_SUCCESS, 0);
  });
  expect((await machine.pump(read)).status).toBe(STATUS_SUCCESS);
  expect(machine.codes()).toEqual([]);
});
