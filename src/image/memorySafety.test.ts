/** Memory safety of machine code: each kind of violation, in the interpreter and after it. */

import { describe, expect, it } from 'vitest';
import { createTestKernel } from '../../test/support/kernel.ts';
import { bytesOf } from '../../test/support/machineCode.ts';
import * as functions from '../kernel/functions.ts';
import { BugCheckError, declareCallback, pagesOf, poolOf, shadowOf } from '../kernel/index.ts';
import { type Address, PAGE_EXECUTE, PAGE_READ, poolType } from '../memory/index.ts';
import { Engine } from '../x64/index.ts';
import { CallGuard, MachineCode } from './index.ts';

const CODE = {
  // mov al, [rcx]; ret
  readByte: '8a01c3',
  // mov [rcx], dl; ret
  writeByte: '8811c3',
  // mov rax, [rcx]; ret
  readQuad: '488b01c3',
  // movups xmm0, [rcx]; ret
  readVector: '0f1001c3',
  // call rcx; ret
  execute: '4883ec28ffd14883c428c3',
  // sub rsp, 40; call rdx; add rsp, 40; ret
  check: '4883ec28ffd24883c428c3',
  // mov rax, rcx; mov rcx, 21; sub rsp, 40; call rdx; add rsp, 40; ret
  dispatch: '4889c848c7c1150000004883ec28ffd24883c428c3',
  // lea rax, [rcx+rcx]; ret
  double: '488d0409c3',
  // mov rax, rsp; sub rax, 8; ret
  stackAddress: '4889e04883e808c3',
} as const;

const GUARDED = declareCallback<(target: Address, guard: Address) => Address>({
  prototype: 'PVOID GUARDED(PVOID Target, PVOID Guard)',
  role: 'Guarded',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'test',
});

const BODY = declareCallback<(address: Address, value: number) => Address>({
  prototype: 'PVOID BODY(PVOID Address, UCHAR Value)',
  role: 'Body',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'test',
});

function createTest(memorySafety = true) {
  const test = createTestKernel(functions, { seam: { trace: false }, memorySafety });
  const { kernel, driver } = test;
  const safety = shadowOf(kernel);
  const pages = pagesOf(kernel);
  const page = pages.allocate(1);
  const placeOf = (name: keyof typeof CODE): Address => page + Object.keys(CODE).indexOf(name) * 32;
  const place = (name: keyof typeof CODE): void => {
    const bytes = bytesOf(CODE[name]);
    kernel.memory.u8.set(bytes, placeOf(name));
    pages.protect(page, 1, PAGE_READ | PAGE_EXECUTE);
  };
  const guard = new CallGuard(kernel, (address) => address === placeOf('double'));
  const code = new MachineCode({
    kernel,
    guard,
    createEngine: (host) =>
      new Engine(kernel.memory, host, { pages, ...(safety === null ? {} : { safety }) }),
    translate: () => -1,
    kpcr: () => 0,
  });
  kernel.machineCode = code;
  const guarded = (name: 'check' | 'dispatch', target: Address): Promise<Address> =>
    test.run(() => {
      for (const each of [name, 'double'] as const) place(each);
      return driver.callback(placeOf(name), GUARDED)?.invoke(target, guard.functions[name]) ?? 0;
    });
  const call = (name: keyof typeof CODE, address: Address, value = 0): Promise<Address> =>
    test.run(() => {
      place(name);
      const callback = driver.callback(placeOf(name), BODY);
      if (callback === null) throw new Error(name);
      return callback.invoke(address, value);
    });
  /** The bug check that a call ends in. */
  const failure = async (name: keyof typeof CODE, address: Address): Promise<BugCheckError> => {
    try {
      await call(name, address);
    } catch (error) {
      if (error instanceof BugCheckError) return error;
      throw error;
    }
    throw new Error(`${name} did nothing wrong`);
  };
  return { ...test, call, guarded, placeOf, failure, pages, pool: poolOf(kernel) };
}

describe('memory safety', () => {
  it('lets a block be used to its last byte', async () => {
    const { call, pool } = createTest();
    const block = pool.allocateZeroed(poolType.nonPagedNx, 13, 0x74736554, 1);
    await call('writeByte', block + 12, 7);
    expect((await call('readByte', block + 12)) & 0xff).toBe(7);
    await call('readQuad', block);
  });

  it.each([
    ['readByte', 13, 1],
    ['writeByte', 13, 1],
    ['readQuad', 6, 8],
    ['readVector', 0, 16],
    ['readByte', -1, 1],
  ] as const)(
    '%s at %i of a block of 13 bytes is a bug check that names the block',
    async (name, at, size) => {
      const { failure, pool, driver } = createTest();
      const block = pool.allocateZeroed(poolType.nonPagedNx, 13, 0x74736554, driver.id);
      const error = await failure(name, block + at);
      expect(error.bugCheckCode).toBe(0xd6);
      expect(error.parameters[0]).toBe(block + (at < 0 ? at : 13));
      expect(error.message).toContain(`of ${size} byte(s)`);
      expect(error.message).toMatch(/block of 13 bytes at 0xFFFF8000_[0-9A-F]{8}, tag Test, of testdriver/);
      expect(error.message).toContain(at < 0 ? '1 byte(s) before' : '0 byte(s) behind');
    },
  );

  it('a freed block stays forbidden', async () => {
    const { failure, pool, driver } = createTest();
    const block = pool.allocate(poolType.nonPagedNx, 64, 0x74736554, driver.id);
    pool.free(block);
    const error = await failure('readQuad', block + 8);
    expect(error.bugCheckCode).toBe(0xd5);
    expect(error.message).toMatch(/a block that was freed; byte 8 of the block of 64 bytes .* freed/s);
  });

  it('the stack of a call that is over is forbidden', async () => {
    const { call, kernel } = createTest();
    const local = await call('stackAddress', 0);
    expect(shadowOf(kernel)?.reasonAt(local)).toBe('emptyStack');
  });

  it('data is not executed', async () => {
    const { failure, pages } = createTest();
    const error = await failure('execute', pages.allocate(1));
    expect(error.bugCheckCode).toBe(0xfc);
  });

  it('lets an indirect call reach functions that control-flow guard knows, no others', async () => {
    const { guarded, placeOf } = createTest();
    expect(await guarded('dispatch', placeOf('double'))).toBe(42);
    await guarded('check', placeOf('double'));
    await expect(guarded('check', placeOf('double') + 1)).rejects.toMatchObject({
      bugCheckCode: 0x139,
      parameters: [10, 0, 0, 0],
    });
    await expect(createTest().guarded('dispatch', 0x1234)).rejects.toMatchObject({ bugCheckCode: 0x139 });
  });

  it('is off unless it is asked for', async () => {
    const { call, kernel, pool } = createTest(false);
    expect(shadowOf(kernel)).toBeNull();
    const block = pool.allocateZeroed(poolType.nonPagedNx, 13, 0x74736554, 1);
    await call('readByte', block + 13);
  });
});
