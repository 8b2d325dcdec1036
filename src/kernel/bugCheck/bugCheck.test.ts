import { expect, test } from 'vitest';
import { bytesAt, unicodeString, wideText } from '../../../test/support/cells.ts';
import { createTestKernel } from '../../../test/support/kernel.ts';
import { relayVariant } from '../../../test/support/relay.ts';
import * as allFunctions from '../functions.ts';
import { MULTIPLE_IRP_COMPLETE_REQUESTS } from '../generated/constants/bugCheck.ts';
import { dumpOf, formatDump } from './dump.ts';
import * as functions from './functions.ts';
import { formatPrint } from './printf.ts';

test('KeBugCheckEx stops the machine and leaves a dump that can be read (wdm/nf-wdm-kebugcheckex)', async () => {
  const { run, imports, kernel } = createTestKernel(functions);
  expect(dumpOf(kernel)).toBeNull();
  const stopped = run(() => {
    for (let i = 0; i < 40; i++) imports.DbgPrint(`turn ${i}\n`);
    imports.KeBugCheckEx(MULTIPLE_IRP_COMPLETE_REQUESTS, 0x1234, 0, 0, 0);
  });
  await expect(stopped).rejects.toMatchObject({ bugCheckCode: 0x44 });
  const dump = dumpOf(kernel);
  expect(dump).toMatchObject({
    code: 0x44,
    name: 'MULTIPLE_IRP_COMPLETE_REQUESTS',
    driver: 'testdriver',
    irql: 0,
    frames: ['TestBody of testdriver', 'TestBody (over)'],
  });
  expect(dump?.events).toHaveLength(32);
  expect(dump?.events.at(-1)?.kind).toBe('bugCheck');
  const text = dump === null ? '' : formatDump(dump);
  expect(text).toContain('*** STOP: 0x00000044 MULTIPLE_IRP_COMPLETE_REQUESTS');
  expect(text).toContain('parameter 1: 0x00001234  address of the IRP');
  expect(text).toContain('turn 39');
});

test('KeBugCheck has parameters 0 (ntddk/nf-ntddk-kebugcheck)', async () => {
  const { run, imports } = createTestKernel(functions);
  await expect(run(() => imports.KeBugCheck(0xe2))).rejects.toMatchObject({ parameters: [0, 0, 0, 0] });
});

test('DbgPrint and DbgPrintEx note what drivers print (wdm/nf-wdm-dbgprint)', async () => {
  const { run, imports, events } = createTestKernel(functions);
  await run(() => {
    expect(imports.DbgPrint('value %d %x\n', -5, 255)).toBe(0);
    expect(imports.DbgPrintEx(77, 3, 'level')).toBe(0);
  });
  const notes = events.filter((event) => event.kind === 'note');
  expect(notes.map(({ subject, text }) => `${subject}: ${text}`)).toEqual([
    'testdriver: value -5 ff',
    'testdriver 77:3: level',
  ]);
});

test('the formats of drivers (wdm/nf-wdm-dbgprint)', () => {
  const { kernel } = createTestKernel({});
  const { memory } = kernel;
  const narrow = bytesAt(kernel, 8);
  memory.u8.set([0x61, 0x62, 0x63], narrow);
  const counted = bytesAt(kernel, 16);
  memory.u16[counted >> 1] = 2;
  memory.writePointer(counted + 8, narrow);
  const cases: [string, (number | bigint)[], string][] = [
    ['%u %i %5d|%-5d|%05d', [0xffff_ffff, -1, 42, 42, -42], '4294967295 -1    42|42   |-0042'],
    ['%08X %#x %02x', [0xbeef, 16, 5], '0000BEEF 0x10 05'],
    ['%I64u %I64x %lld', [2n ** 63n, 255n, -1n], '9223372036854775808 ff -1'],
    ['%p %p', [0x1234, 0], 'FFFF800000001234 0000000000000000'],
    ['%s|%.2s|%5s|%hs', [narrow, narrow, narrow, narrow], 'abc|ab|  abc|abc'],
    ['%ws %S %ls', [wideText(kernel, 'w'), wideText(kernel, 'x'), wideText(kernel, 'y')], 'w x y'],
    ['%wZ %Z', [unicodeString(kernel, 'unicode'), counted], 'unicode ab'],
    ['%c%c %% %d', [0x41, 0x42], 'AB % ?'],
    ['%s %*d %q', [0, 4, 7, 1], '(null)    7 %q'],
  ];
  for (const [format, args, expected] of cases) expect(formatPrint(kernel, format, args)).toBe(expected);
  expect(formatPrint(kernel, '%999999999d', [1])).toHaveLength(512);
});

test('bug check callbacks run once, the newest first, also where one throws (wdm/nf-wdm-keregisterbugcheckcallback)', async () => {
  const { run, imports, kernel, driver } = createTestKernel(allFunctions);
  const order: string[] = [];
  const [first, second, third, buffer] = [64, 64, 64, 16].map((size) => bytesAt(kernel, size));
  const stopped = run(() => {
    for (const record of [first, second, third]) imports.KeInitializeCallbackRecord(record);
    const note = (name: string) => (at: number, length: number) => {
      order.push(`${name} ${at === buffer} ${length}`);
      if (name === 'second') throw new Error('a defect of the driver');
    };
    const name = bytesAt(kernel, 8);
    expect(imports.KeRegisterBugCheckCallback(first, note('first'), buffer, 16, name)).toBe(1);
    expect(imports.KeRegisterBugCheckCallback(first, note('again'), buffer, 16, name)).toBe(0);
    expect(imports.KeRegisterBugCheckCallback(second, note('second'), buffer, 16, name)).toBe(1);
    expect(imports.KeRegisterBugCheckCallback(third, note('third'), buffer, 16, name)).toBe(1);
    expect(imports.KeDeregisterBugCheckCallback(third)).toBe(1);
    expect(imports.KeDeregisterBugCheckCallback(third)).toBe(0);
    expect(driver.owned.filter(({ kind }) => kind === 'bug check callback')).toHaveLength(2);
    imports.KeBugCheck(0xe2);
  });
  await expect(stopped).rejects.toMatchObject({ bugCheckCode: 0xe2 });
  expect(order).toEqual(['second true 16', 'first true 16']);
});

test('texts are formatted into buffers that bound them (wdm/nf-wdm-vdbgprintex)', async () => {
  const { run, imports, kernel, events } = createTestKernel(allFunctions);
  const { memory } = kernel;
  const [buffer, list, text] = [64, 32, 16].map((size) => bytesAt(kernel, size));
  const written = () => {
    const end = memory.u8.indexOf(0, buffer);
    return String.fromCharCode(...memory.u8.subarray(buffer, end));
  };
  memory.u8.set([0x61, 0x62], text);
  memory.data.setBigInt64(list, -3n, true);
  memory.writePointer(list + 8, text);
  await run(() => {
    expect(imports.sprintf(buffer, '%d %s', 7, text)).toBe(4);
    expect(written()).toBe('7 ab');
    expect(imports._snprintf(buffer, 16, '%x', 255)).toBe(2);
    expect(written()).toBe('ff');
    expect(imports._snprintf(buffer, 1, '%x', 0xab)).toBe(-1);
    expect(memory.u8[buffer]).toBe(0x61);
    expect(imports._vsnprintf(buffer, 16, '%d:%s', list)).toBe(5);
    expect(written()).toBe('-3:ab');
    expect(imports._vsnprintf(buffer, 4, '%d:%s', list)).toBe(-1);
    expect(imports.vDbgPrintEx(77, 3, 'list %d %s\n', list)).toBe(0);
    expect(imports.vDbgPrintExWithPrefix('prefix ', 77, 3, '%d', list)).toBe(0);
    imports.RtlAssert('x > 0', 'driver.c', 12, null);
  });
  const notes = events.filter((event) => event.kind === 'note').map((event) => event.text);
  expect(notes).toEqual(['list -3 ab', 'prefix -3']);
  expect(kernel.findings).toMatchObject([
    { code: 'ASSERTION_FAILED', text: 'testdriver asserted "x > 0" at driver.c:12' },
  ]);
});

// Machine code in a system thread has a bug check of its own: SYSTEM_THREAD_EXCEPTION_NOT_HANDLED.
const inTypeScript = test.skipIf(relayVariant() !== null);

inTypeScript(
  'an exception that no driver handles is KMODE_EXCEPTION_NOT_HANDLED with its status (wdm/nf-wdm-probeforread)',
  async () => {
    const { run, imports } = createTestKernel(allFunctions);
    await expect(run(() => imports.ProbeForRead(0x10_0000, 4, 4))).rejects.toMatchObject({
      bugCheckCode: 0x1e,
      parameters: [0xc000_0005, 0, 0, 0],
    });
  },
);
