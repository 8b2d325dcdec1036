import { describe, expect, test } from 'vitest';
import { createTestKernel } from '../../../test/support/kernel.ts';
import { readUnicodeString, tagOfText, writeUnicodeString } from '../../memory/index.ts';
import { BugCheckError } from '../errors.ts';
import { DISPATCH_LEVEL, PASSIVE_LEVEL } from '../generated/constants/basic.ts';
import {
  STATUS_ACCESS_VIOLATION,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_PARAMETER_2,
  STATUS_INVALID_PARAMETER_4,
  STATUS_INVALID_PARAMETER_5,
  STATUS_QUOTA_EXCEEDED,
  STATUS_REVISION_MISMATCH,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { RaisedStatusError } from '../raisedStatus.ts';
import * as functions from './functions.ts';
import { poolOf, releaseDriverMemory } from './kernelPool.ts';

const TAG = tagOfText('Test');
const NON_PAGED = 0x40;
const PAGED = 0x100;

function setup(options: Parameters<typeof createTestKernel>[1] = {}) {
  const made = createTestKernel(functions, options);
  const bugCheck = async (code: () => unknown): Promise<BugCheckError> => {
    const error: unknown = await made.run(code as () => void).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BugCheckError);
    return error as BugCheckError;
  };
  const raised = (code: () => unknown): number => {
    try {
      code();
    } catch (error) {
      if (error instanceof RaisedStatusError) return error.status;
      throw error;
    }
    return STATUS_SUCCESS;
  };
  return {
    ...made,
    memory: made.kernel.memory,
    bugCheck,
    raised,
    codes: () => made.kernel.findings.map((f) => f.code),
  };
}

describe('pool functions', () => {
  test('memory comes zeroed, 16-aligned and charged to the driver (wdm/nf-wdm-exallocatepool2)', async () => {
    const { run, imports, kernel, driver, memory } = setup();
    await run(() => {
      const first = imports.ExAllocatePoolWithTag(0x200, 100, TAG);
      memory.u8.fill(7, first, first + 100);
      imports.ExFreePoolWithTag(first, TAG);
      const block = imports.ExAllocatePool2(NON_PAGED, 100, TAG);
      expect(block % 16).toBe(0);
      expect(memory.u8.subarray(block, block + 100).every((byte) => byte === 0)).toBe(true);
      expect(imports.ExAllocatePool2(PAGED, 4096, TAG) % 4096).toBe(0);
      expect(poolOf(kernel).useOfOwner(driver.id)).toMatchObject({ blocks: 2, bytes: 4196 });
    });
    expect(releaseDriverMemory(kernel, driver)).toMatchObject([
      { tag: 'Test', size: 100 },
      { tag: 'Test', size: 4096 },
    ]);
    expect(poolOf(kernel).leaks(driver.id)).toEqual([]);
  });

  test('a tag of 0, two pools or none, reserved flags and short memory give NULL (wdm/nf-wdm-exallocatepool2)', async () => {
    const { run, imports, codes, raised } = setup();
    await run(() => {
      expect(imports.ExAllocatePool2(NON_PAGED, 16, 0)).toBe(0);
      expect(imports.ExAllocatePool2(NON_PAGED | PAGED, 16, TAG)).toBe(0);
      expect(imports.ExAllocatePool2(0n, 16, TAG)).toBe(0);
      expect(imports.ExAllocatePool2(NON_PAGED | 0x10, 16, TAG)).toBe(0);
      expect(imports.ExAllocatePool2(NON_PAGED, 0x4000_0000, TAG)).toBe(0);
      expect(imports.ExAllocatePool3(NON_PAGED, 0x4000_0000, TAG, null, 0)).toBe(0);
      expect(imports.ExAllocatePoolWithTag(0, 0x4000_0000, TAG)).toBe(0);
      expect(imports.ExAllocatePoolWithTagPriority(0, 0x4000_0000, TAG, 0)).toBe(0);
      expect(raised(() => imports.ExAllocatePool2(NON_PAGED | 0x20, 0x4000_0000, TAG))).not.toBe(
        STATUS_SUCCESS,
      );
      expect(imports.ExAllocatePool2((1n << 40n) | 0x40n, 16, TAG)).not.toBe(0);
    });
    expect(codes()).toEqual(Array(4).fill('BAD_POOL_REQUEST'));
  });

  test('quota that is used up raises, or gives NULL when asked to (wdm/nf-wdm-exallocatepoolwithquotatag)', async () => {
    const { run, imports, raised } = setup({ pool: { quota: 100 } });
    await run(() => {
      expect(imports.ExAllocatePoolWithQuotaTag(0, 80, TAG)).not.toBe(0);
      expect(raised(() => imports.ExAllocatePoolWithQuotaTag(0, 80, TAG))).toBe(STATUS_QUOTA_EXCEEDED);
      expect(imports.ExAllocatePoolWithQuotaTag(8, 80, TAG)).toBe(0);
    });
  });

  test('paged pool is neither allocated nor freed at DISPATCH_LEVEL (wdm/nf-wdm-exfreepoolwithtag)', async () => {
    const { run, imports, kernel, codes } = setup();
    await run(() => {
      const block = imports.ExAllocatePool2(PAGED, 16, TAG);
      kernel.irql = DISPATCH_LEVEL;
      imports.ExAllocatePool2(PAGED, 16, TAG);
      imports.ExFreePool(block);
      imports.ExFreePool(imports.ExAllocatePool2(NON_PAGED, 16, TAG));
      kernel.irql = PASSIVE_LEVEL;
    });
    expect(codes()).toEqual(['PAGED_POOL_AT_RAISED_IRQL', 'PAGED_POOL_AT_RAISED_IRQL']);
  });

  test('a block freed twice, with another tag, or never allocated is BAD_POOL_CALLER (wdm/nf-wdm-exfreepoolwithtag)', async () => {
    const free = async (use: (imports: ReturnType<typeof setup>['imports'], block: number) => void) => {
      const { imports, bugCheck } = setup();
      return bugCheck(() => use(imports, imports.ExAllocatePool2(NON_PAGED, 40, TAG)));
    };
    const twice = await free((imports, block) => {
      imports.ExFreePool(block);
      imports.ExFreePool(block);
    });
    expect([twice.bugCheckCode, twice.parameters[0]]).toEqual([0xc2, 7]);
    const tag = await free((imports, block) => imports.ExFreePoolWithTag(block, TAG + 1));
    expect([tag.bugCheckCode, tag.parameters[0], ...tag.parameters.slice(2)]).toEqual([
      0xc2,
      0x0a,
      TAG,
      TAG + 1,
    ]);
    const wild = await free((imports) => imports.ExFreePool(0x1000));
    expect([wild.bugCheckCode, wild.parameters]).toEqual([0xc2, [0x46, 0x1000, 0, 0]]);
    const inside = await free((imports, block) => imports.ExFreePool2(block + 16, TAG, null, 0));
    expect([inside.bugCheckCode, inside.parameters[0]]).toEqual([0xc2, 0x99]);
  });

  test('with red zones an overrun is BAD_POOL_HEADER when the block is freed', async () => {
    const { imports, bugCheck, memory } = setup({ pool: { redZones: true } });
    const error = await bugCheck(() => {
      const block = imports.ExAllocatePool2(NON_PAGED, 40, TAG);
      memory.u8[block + 40] = 9;
      imports.ExFreePool(block);
    });
    expect([error.bugCheckCode, error.parameters[0], error.parameters[2], error.parameters[3]]).toEqual([
      0x19, 0x21, 40, 9,
    ]);
    expect(error.message).toContain('testdriver');
  });
});

describe('lookaside lists', () => {
  test('a freed entry comes back, counted as drivers that inline the list count (wdm/nf-wdm-exfreetonpagedlookasidelist)', async () => {
    const { run, imports, memory, kernel, driver } = setup();
    await run(() => {
      const list = imports.ExAllocatePool2(NON_PAGED, 128, TAG);
      imports.ExInitializeNPagedLookasideList(list, null, null, 0x200, 64, TAG, 0);
      const entry = imports.ExAllocateFromNPagedLookasideList(list);
      imports.ExFreeToNPagedLookasideList(list, entry);
      expect(imports.ExAllocateFromNPagedLookasideList(list)).toBe(entry);
      expect([20, 24, 28].map((at) => memory.u32[(list + at) >> 2])).toEqual([2, 1, 1]);
      imports.ExFreeToNPagedLookasideList(list, entry);
      imports.ExDeleteNPagedLookasideList(list);
      expect(poolOf(kernel).useOfOwner(driver.id).blocks).toBe(1);
      expect(imports.ExAllocateFromNPagedLookasideList(list)).toBe(0);
    });
    expect(kernel.findings.map((finding) => finding.code)).toEqual(['NO_LOOKASIDE_LIST']);
  });

  test("a driver's own routines are called on a miss and on a flush (wdm/nf-wdm-exinitializelookasidelistex)", async () => {
    const { run, imports } = setup();
    await run(() => {
      const list = imports.ExAllocatePool2(NON_PAGED, 96, TAG);
      const calls: string[] = [];
      const allocate = (type: number, size: number, tag: number) => {
        calls.push(`allocate ${type} ${size}`);
        return imports.ExAllocatePoolWithTag(type, size, tag);
      };
      const free = (block: number) => {
        calls.push('free');
        imports.ExFreePool(block);
      };
      expect(imports.ExInitializeLookasideListEx(list, allocate, free, 1, 0, 48, TAG, 0)).toBe(
        STATUS_SUCCESS,
      );
      const entry = imports.ExAllocateFromLookasideListEx(list);
      imports.ExFreeToLookasideListEx(list, entry);
      imports.ExFlushLookasideListEx(list);
      expect(calls).toEqual(['allocate 1 48', 'free']);
      imports.ExDeleteLookasideListEx(list);
      expect(imports.ExInitializeLookasideListEx(list, null, null, 3, 0, 48, TAG, 0)).toBe(
        STATUS_INVALID_PARAMETER_4,
      );
      expect(imports.ExInitializeLookasideListEx(list, null, null, 0, 3, 48, TAG, 0)).toBe(
        STATUS_INVALID_PARAMETER_5,
      );
    });
  });
});

describe('MDLs', () => {
  test('an MDL of non-paged pool is mapped where the buffer is (wdm/nf-wdm-mmbuildmdlfornonpagedpool)', async () => {
    const { run, imports, codes } = setup();
    await run(() => {
      const buffer = imports.ExAllocatePool2(NON_PAGED, 9000, TAG) + 100;
      const mdl = imports.IoAllocateMdl(buffer, 8000, false, false, 0);
      imports.MmBuildMdlForNonPagedPool(mdl);
      expect(imports.MmGetSystemAddressForMdlSafe(mdl, 16)).toBe(buffer);
      expect(imports.MmGetMdlVirtualAddress(mdl)).toBe(buffer);
      expect([imports.MmGetMdlByteCount(mdl), imports.MmGetMdlByteOffset(mdl)]).toEqual([8000, 100]);
      expect(imports.MmSizeOfMdl(buffer, 8000)).toBe(48 + 2 * 8);
      expect(imports.MmMapLockedPagesSpecifyCache(mdl, 0, 1, 0, 0, 16)).toBe(buffer);
      const part = imports.IoAllocateMdl(buffer + 4000, 10, false, false, 0);
      imports.IoBuildPartialMdl(mdl, part, buffer + 4000, 10);
      expect(imports.MmGetSystemAddressForMdlSafe(part, 16)).toBe(buffer + 4000);
      imports.IoBuildPartialMdl(mdl, part, buffer + 7999, 2);
      expect(imports.MmAdvanceMdl(mdl, 5000)).toBe(STATUS_SUCCESS);
      expect(imports.MmGetSystemAddressForMdlSafe(mdl, 16)).toBe(buffer + 5000);
      expect(imports.MmGetMdlByteCount(mdl)).toBe(3000);
      expect(imports.MmAdvanceMdl(mdl, 3001)).toBe(STATUS_INVALID_PARAMETER_2);
      imports.IoFreeMdl(part);
      imports.IoFreeMdl(mdl);
      expect(imports.IoAllocateMdl(buffer, 0x4000_0000, false, false, 0)).toBe(0);
    });
    expect(codes()).toEqual(['MDL_MAPPED_AGAIN', 'BAD_PARTIAL_MDL']);
  });

  test('pages are locked, mapped, and unlocked; what may not be accessed raises (wdm/nf-wdm-mmprobeandlockpages)', async () => {
    const { run, imports, raised, codes } = setup();
    await run(() => {
      const buffer = imports.ExAllocatePool2(PAGED, 64, TAG);
      const mdl = imports.IoAllocateMdl(buffer, 64, false, false, 0);
      expect(imports.MmMapLockedPages(mdl, 0)).toBe(0);
      imports.MmProbeAndLockPages(mdl, 0, 1);
      const mapped = imports.MmMapLockedPagesSpecifyCache(mdl, 0, 1, 0, 0, 16);
      expect(mapped).toBe(buffer);
      imports.MmUnmapLockedPages(mapped, mdl);
      imports.MmUnlockPages(mdl);
      imports.MmUnlockPages(mdl);
      expect(raised(() => imports.MmProbeAndLockPages(mdl, 1, 0))).toBe(STATUS_ACCESS_VIOLATION);
      imports.IoFreeMdl(mdl);
      const wild = imports.IoAllocateMdl(0x10, 64, false, false, 0);
      expect(raised(() => imports.MmProbeAndLockPages(wild, 0, 0))).toBe(STATUS_ACCESS_VIOLATION);
      imports.IoFreeMdl(wild);
    });
    expect(codes()).toEqual(['MDL_NOT_LOCKED', 'MDL_NOT_LOCKED']);
  });

  test('pages for an MDL and contiguous memory keep within limits (wdm/nf-wdm-mmallocatepagesformdlex)', async () => {
    const { run, imports, memory, bugCheck, driver } = setup();
    await run(() => {
      const mdl = imports.MmAllocatePagesForMdlEx(0n, 0x50_0000n, 0n, 8192, 1, 0);
      const address = imports.MmGetSystemAddressForMdlSafe(mdl, 16);
      expect(address + 8192).toBeLessThanOrEqual(0x50_0000 + 1);
      expect(imports.MmGetPhysicalAddress(address)).toBe(
        BigInt(memory.u32[imports.MmGetMdlPfnArray(mdl) >> 2]) * 4096n,
      );
      imports.MmFreePagesFromMdl(mdl);
      imports.ExFreePool(mdl);
      expect(imports.MmAllocatePagesForMdlEx(0n, 0xffffn, 0n, 4096, 1, 4)).toBe(0);
      const block = imports.MmAllocateContiguousMemorySpecifyCache(10_000, 0x60_0000n, -1n, 0x1_0000n, 1);
      expect(block).toBe(0x60_0000);
      expect(imports.MmIsAddressValid(block)).toBe(1);
      imports.MmFreeContiguousMemory(block);
      expect([imports.MmIsAddressValid(block), imports.MmIsAddressValid(8)]).toEqual([0, 0]);
      expect(imports.MmAllocateContiguousMemory(0x4000_0000, -1n)).toBe(0);
      expect(driver.owned).toEqual([]);
    });
    expect((await bugCheck(() => imports.MmFreeContiguousMemory(0x60_0000))).bugCheckCode).toBe(0xc2);
  });
});

describe('lists and copies', () => {
  test('entries come out as they went in, and a corrupt list stops the machine (wdm/nf-wdm-removeentrylist)', async () => {
    const { run, imports, bugCheck } = setup();
    const at = await run(() => imports.ExAllocatePool2(NON_PAGED, 256, TAG));
    const [head, a, b, c] = [0, 16, 32, 48].map((offset) => at + offset);
    await run(() => {
      imports.InitializeListHead(head);
      expect(imports.IsListEmpty(head)).toBe(1);
      imports.InsertTailList(head, a);
      imports.InsertTailList(head, b);
      imports.InsertHeadList(head, c);
      expect(imports.RemoveHeadList(head)).toBe(c);
      expect(imports.RemoveTailList(head)).toBe(b);
      expect(imports.RemoveEntryList(a)).toBe(1);
      imports.PushEntryList(head, a);
      expect([imports.PopEntryList(head), imports.CONTAINING_RECORD(a, 16)]).toEqual([a, head]);
      imports.InitializeListHead(head);
      imports.InsertTailList(head, a);
      imports.InsertTailList(head, b);
      imports.RemoveEntryList(a);
    });
    const error = await bugCheck(() => imports.RemoveEntryList(a));
    expect([error.bugCheckCode, error.parameters[0]]).toEqual([0x139, 3]);
  });

  test('copies of every length and overlap move exactly their bytes (wdm/nf-wdm-rtlmovememory)', async () => {
    const { run, imports, memory } = setup();
    await run(() => {
      const at = imports.ExAllocatePool2(NON_PAGED, 1024, TAG);
      for (const length of [0, 1, 3, 4, 7, 64, 95, 96, 97, 300]) {
        for (const [to, from] of [
          [0, 400],
          [400, 0],
          [4, 0],
          [0, 4],
          [1, 0],
          [3, 200],
        ]) {
          for (let i = 0; i < 1024; i++) memory.u8[at + i] = i * 7;
          const expected = memory.u8.slice(at, at + 1024);
          expected.copyWithin(to, from, from + length);
          imports.RtlMoveMemory(at + to, at + from, length);
          expect(memory.u8.slice(at, at + 1024)).toEqual(expected);
        }
      }
      imports.RtlFillMemory(at, 10, 5);
      imports.RtlZeroMemory(at + 3, 4);
      expect(imports.RtlCompareMemory(at, at + 7, 8)).toBe(3);
      expect([imports.RtlEqualMemory(at, at + 7, 3), imports.memcmp(at + 3, at, 1) < 0]).toEqual([1, true]);
      expect(imports.memcpy(at + 100, at, 8)).toBe(at + 100);
      expect(imports.memset(at, 1, 4)).toBe(at);
    });
  });
});

describe('strings', () => {
  test('strings are made, appended, compared and converted, and what does not fit is told (wdm/nf-wdm-rtlappendunicodetostring)', async () => {
    const { run, imports, memory } = setup();
    await run(() => {
      const at = imports.ExAllocatePool2(NON_PAGED, 512, TAG);
      const [text, other, buffer] = [at, at + 16, at + 64];
      imports.RtlInitUnicodeString(other, 'Device');
      imports.RtlEqualUnicodeString('overwrites literals', 'of earlier calls', 0);
      expect(readUnicodeString(memory, other)).toBe('Device');
      writeUnicodeString(memory, text, '\\', buffer, 20);
      expect(imports.RtlAppendUnicodeStringToString(text, other)).toBe(STATUS_SUCCESS);
      expect(imports.RtlAppendUnicodeToString(text, '\\Ndis')).toBe(STATUS_BUFFER_TOO_SMALL);
      expect(readUnicodeString(memory, text)).toBe('\\Device');
      expect(imports.RtlCompareUnicodeString('abc', 'ABD', 1)).toBe(-1);
      expect(imports.RtlEqualUnicodeString('straße', 'STRAßE', true)).toBe(1);
      expect([
        imports.RtlPrefixUnicodeString('\\DEV', text, 1),
        imports.RtlPrefixUnicodeString('\\DEV', text, 0),
      ]).toEqual([1, 0]);
      expect(imports.RtlUpcaseUnicodeString(other, 'tap0', 1)).toBe(STATUS_SUCCESS);
      expect(readUnicodeString(memory, other)).toBe('TAP0');
      imports.RtlFreeUnicodeString(other);
      expect(readUnicodeString(memory, other)).toBe('');
      expect(imports.RtlIntegerToUnicodeString(0xabc, 16, text)).toBe(STATUS_SUCCESS);
      expect(readUnicodeString(memory, text)).toBe('ABC');
      expect(imports.RtlIntegerToUnicodeString(7, 3, text)).toBe(STATUS_INVALID_PARAMETER);
      expect(imports.RtlIntegerToUnicodeString(0xffffffff, 2, text)).toBe(STATUS_BUFFER_OVERFLOW);
      for (const [source, base, value] of [
        ['0x1F', 0, 31],
        ['  -5x', 10, 0xfffffffb],
        ['0b101', 0, 5],
        ['12', 8, 10],
        ['0x1F', 16, 0],
      ] as const) {
        expect(imports.RtlUnicodeStringToInteger(source, base, at + 40)).toBe(STATUS_SUCCESS);
        expect(memory.u32[(at + 40) >> 2]).toBe(value);
      }
      expect(imports.RtlUnicodeStringToInteger('1', 7, at + 40)).toBe(STATUS_INVALID_PARAMETER);
      expect(imports.RtlAnsiStringToUnicodeString(text, 'a text that is longer', 0)).toBe(
        STATUS_BUFFER_OVERFLOW,
      );
    });
  });

  test('a GUID survives its text form, and another form is refused (wdm/nf-wdm-rtlguidfromstring)', async () => {
    const { run, imports, memory } = setup();
    await run(() => {
      const at = imports.ExAllocatePool2(NON_PAGED, 64, TAG);
      const guid = '{4D36E972-E325-11CE-BFC1-08002BE10318}';
      expect(imports.RtlGUIDFromString(guid, at)).toBe(STATUS_SUCCESS);
      expect([...memory.u8.subarray(at, at + 10)]).toEqual([
        0x72, 0xe9, 0x36, 0x4d, 0x25, 0xe3, 0xce, 0x11, 0xbf, 0xc1,
      ]);
      expect(imports.RtlStringFromGUID(at, at + 16)).toBe(STATUS_SUCCESS);
      expect(readUnicodeString(memory, at + 16)).toBe(guid);
      expect(imports.RtlGUIDFromString('4D36E972', at)).toBe(STATUS_INVALID_PARAMETER);
      expect(imports.RtlHashUnicodeString('aB', 1, 0, at)).toBe(STATUS_SUCCESS);
      expect(memory.u32[at >> 2]).toBe(65 * 65599 + 66);
      expect(imports.RtlHashUnicodeString('aB', 1, 9, at)).toBe(STATUS_INVALID_PARAMETER);
    });
  });
});

describe('bits and versions', () => {
  test('bits are set, counted and found, and a run that is not there is 0xFFFFFFFF (wdm/nf-wdm-rtlfindclearbits)', async () => {
    const { run, imports, memory } = setup();
    await run(() => {
      const map = imports.ExAllocatePool2(NON_PAGED, 64, TAG);
      imports.RtlInitializeBitMap(map, map + 16, 40);
      imports.RtlSetAllBits(map);
      expect([imports.RtlNumberOfSetBits(map), memory.u8[map + 21]]).toEqual([40, 0]);
      imports.RtlClearBits(map, 30, 5);
      expect([imports.RtlFindClearBits(map, 5, 36), imports.RtlFindClearBits(map, 6, 0)]).toEqual([
        30, 0xffffffff,
      ]);
      expect(imports.RtlFindClearBitsAndSet(map, 2, 0)).toBe(30);
      expect([imports.RtlTestBit(map, 31), imports.RtlTestBit(map, 32), imports.RtlTestBit(map, 40)]).toEqual(
        [1, 0, 0],
      );
      expect([imports.RtlAreBitsClear(map, 32, 3), imports.RtlAreBitsSet(map, 38, 3)]).toEqual([1, 0]);
      expect([
        imports.RtlFindLeastSignificantBit(0x8000_0000_0000_0000n),
        imports.RtlFindLeastSignificantBit(0),
      ]).toEqual([63, -1]);
      expect([imports.RtlUlongByteSwap(0x12345678), imports.RtlUshortByteSwap(0x1234)]).toEqual([
        0x78563412, 0x3412,
      ]);
      expect([imports.RtlFindMostSignificantBit(12), imports.RtlNumberOfSetBitsUlongPtr(0xf0f0)]).toEqual([
        3, 8,
      ]);
      memory.u32[map >> 2] = 5;
      const first = imports.RtlRandomEx(map);
      memory.u32[map >> 2] = 5;
      expect(imports.RtlRandomEx(map)).toBe(first);
      expect(imports.RtlRandomEx(map)).not.toBe(first);
    });
  });

  test('a version is compared part by part (wdm/nf-wdm-rtlverifyversioninfo)', async () => {
    const { run, imports, memory } = setup();
    await run(() => {
      const info = imports.ExAllocatePool2(NON_PAGED, 284, TAG);
      memory.u32[info >> 2] = 276;
      expect(imports.RtlGetVersion(info)).toBe(STATUS_SUCCESS);
      expect([memory.u32[(info + 4) >> 2], memory.u32[(info + 8) >> 2]]).toEqual([10, 0]);
      const atLeast = imports.VerSetConditionMask(imports.VerSetConditionMask(0n, 2, 3), 1, 3);
      const verify = (major: number, minor: number) => {
        memory.u32[(info + 4) >> 2] = major;
        memory.u32[(info + 8) >> 2] = minor;
        return imports.RtlVerifyVersionInfo(info, 3, atLeast);
      };
      expect([verify(6, 3), verify(10, 0)]).toEqual([STATUS_SUCCESS, STATUS_SUCCESS]);
      expect([verify(10, 1), verify(11, 0)]).toEqual([STATUS_REVISION_MISMATCH, STATUS_REVISION_MISMATCH]);
      expect(imports.RtlVerifyVersionInfo(info, 4, atLeast)).toBe(STATUS_INVALID_PARAMETER);
    });
  });
});
