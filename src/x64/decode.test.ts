import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelMemory, PAGE_SIZE } from '../memory/index.ts';
import { Decoder, FORMS, type Instruction, OPERATIONS } from './index.ts';

const memory = new KernelMemory(0x4_0000);
const AT = 0x2_0000;

function decode(text: string, at = AT): Instruction {
  memory.u8.fill(0x90, AT - 64, AT + 64);
  memory.u8.set(
    text.split(' ').map((byte) => Number.parseInt(byte, 16)),
    at,
  );
  return new Decoder(memory).decode(at);
}

describe('the decoder', () => {
  it('reads ModRM, SIB and displacement', () => {
    const found = decode('48 8b 44 91 f8'); // mov rax, qword ptr [rcx+rdx*4-8]
    expect(found).toMatchObject({ operation: 'mov', length: 5, size: 8, lock: false, repeat: 'none' });
    expect(found.operands[0]).toMatchObject({ kind: 'general', size: 8, register: 0, high: false });
    expect(found.operands[1]).toMatchObject({
      kind: 'memory',
      size: 8,
      base: 1,
      index: 2,
      scale: 4,
      displacement: -8,
      ripRelative: false,
    });
  });

  it('resolves rip-relative addresses and branch targets, whatever follows them', () => {
    const found = decode('81 3d 10 00 00 00 78 56 34 12'); // cmp dword ptr [rip+10h], 12345678h
    expect(found.operands[0]).toMatchObject({
      kind: 'memory',
      ripRelative: true,
      displacement: AT + 10 + 16,
    });
    expect(found.operands[1]).toMatchObject({ kind: 'immediate', low: 0x12345678, high: 0 });
    expect(decode('0f 85 fa ff ff ff')).toMatchObject({
      operation: 'jcc',
      condition: 5,
      operands: [{ kind: 'target', address: AT }],
    });
    // Processors by Intel ignore 66 before near branches.
    expect(decode('66 e8 00 00 00 00')).toMatchObject({ length: 6, operation: 'call' });
  });

  it('tells ah from spl, and xchg r8, rax from nop', () => {
    expect(decode('88 e0').operands[1]).toMatchObject({ register: 0, high: true });
    expect(decode('40 88 e0').operands[1]).toMatchObject({ register: 4, high: false });
    expect(decode('90')).toMatchObject({ operation: 'nop', operands: [] });
    expect(decode('49 90')).toMatchObject({
      operation: 'xchg',
      operands: [{ register: 8 }, { register: 0 }],
    });
    expect(decode('f3 90').operation).toBe('pause');
  });

  it('sign-extends immediates to the operation and leaves control bytes unsigned', () => {
    expect(decode('48 83 c0 ff').operands[1]).toMatchObject({ size: 8, low: -1, high: -1 });
    expect(decode('48 05 00 00 00 80').operands[1]).toMatchObject({ size: 8, low: -0x8000_0000, high: -1 });
    expect(decode('66 0f 70 c1 ff').operands[2]).toMatchObject({ size: 1, low: 255, high: 0 });
    expect(decode('c2 f0 ff').operands[0]).toMatchObject({ low: 0xfff0, high: 0 });
    expect(decode('48 b8 01 00 00 00 02 00 00 80').operands[1]).toMatchObject({ low: 1, high: -0x7fff_fffe });
  });

  it('knows size families, repeat prefixes, segments and 32-bit addresses', () => {
    expect(decode('48 98')).toMatchObject({ operation: 'cbw', size: 8 });
    expect(decode('f3 48 a5')).toMatchObject({ operation: 'movs', size: 8, repeat: 'rep' });
    expect(decode('f2 ae')).toMatchObject({ operation: 'scas', size: 1, repeat: 'repne' });
    expect(decode('f3 c3')).toMatchObject({ operation: 'ret', repeat: 'none' });
    expect(decode('48 0f c7 0e')).toMatchObject({
      operation: 'cmpxchg8b',
      size: 16,
      operands: [{ size: 16 }],
    });
    expect(decode('65 48 8b 04 25 88 01 00 00').operands[1]).toMatchObject({
      segment: 'gs',
      base: -1,
      index: -1,
      displacement: 0x188,
    });
    expect(decode('67 8b 00').operands[1]).toMatchObject({ addressSize: 4, base: 0 });
    expect(decode('48 a1 01 00 00 00 02 00 00 00').operands[1]).toMatchObject({
      displacement: 1,
      displacementHigh: 2,
    });
    expect(decode('44 0f 20 c0')).toMatchObject({
      operation: 'movcr',
      operands: [{ register: 0 }, { kind: 'control', register: 8 }],
    });
  });

  it('takes BMI after a VEX prefix, and nothing else', () => {
    expect(decode('c4 e2 f0 f2 c2')).toMatchObject({
      operation: 'andn',
      operands: [{ register: 0 }, { register: 1 }, { register: 2, size: 8 }],
    });
    expect(decode('c5 f0 58 c2')).toMatchObject({ operation: 'invalid', reason: 'vaddps', exception: 6 });
  });

  it('names what it does not have', () => {
    expect(decode('d9 04 24')).toMatchObject({ operation: 'invalid', exception: 6, reason: 'fld' });
    expect(decode('d9 ff')).toMatchObject({ reason: 'fcos' });
    expect(decode('0f fc c1')).toMatchObject({ reason: 'paddb (MMX)' });
    expect(decode('0f 77')).toMatchObject({ reason: 'emms' });
    expect(decode('06')).toMatchObject({ operation: 'invalid', exception: 6, length: 1 });
  });

  it('allows lock only before operations on memory that have it', () => {
    expect(decode('f0 48 0f c1 08')).toMatchObject({ operation: 'xadd', lock: true });
    expect(decode('f0 48 0f c1 c8')).toMatchObject({
      operation: 'invalid',
      exception: 6,
      reason: 'lock xadd',
    });
    expect(decode('f0 39 08')).toMatchObject({ operation: 'invalid', reason: 'lock cmp' });
  });

  it('refuses more than 15 bytes and bytes that may not be executed', () => {
    expect(decode('66 66 66 66 66 66 66 66 66 66 66 66 66 66 90')).toMatchObject({
      operation: 'nop',
      length: 15,
    });
    expect(decode('66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90')).toMatchObject({
      operation: 'invalid',
      exception: 13,
    });
    const edge = AT + PAGE_SIZE - 2;
    memory.u8.set([0xe8, 0, 0, 0, 0], edge);
    const decoder = new Decoder(memory, (address) => address < AT + PAGE_SIZE);
    expect(decoder.decode(edge)).toMatchObject({ exception: 14, faultAddress: AT + PAGE_SIZE });
    expect(decoder.decode(AT + PAGE_SIZE)).toMatchObject({ exception: 14, faultAddress: AT + PAGE_SIZE });
    memory.u8.set([0xeb, 0], edge);
    expect(decoder.decode(edge)).toMatchObject({ operation: 'jmp' });
    memory.u8[memory.size - 1] = 0x90;
    expect(new Decoder(memory).decode(memory.size - 1).exception).toBe(-1);
    memory.u8[memory.size - 1] = 0xe8;
    expect(new Decoder(memory).decode(memory.size - 1)).toMatchObject({
      exception: 14,
      faultAddress: memory.size,
    });
  });

  it('makes something of all bytes, with one shape of object', () => {
    const decoder = new Decoder(memory);
    const shape = Object.keys(decode('90')).join();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        memory.u8.set(bytes, AT);
        const found = decoder.decode(AT);
        expect(found.length).toBeGreaterThan(0);
        expect(found.length).toBeLessThan(16);
        expect(Object.keys(found).join()).toBe(shape);
        expect(OPERATIONS[found.operationNumber].name).toBe(found.operation);
        expect(found.exception >= 0).toBe(found.operation === 'invalid');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the table', () => {
  it('has each operation once, each form at its number', () => {
    expect(new Set(OPERATIONS.map((each) => each.name)).size).toBe(OPERATIONS.length);
    OPERATIONS.forEach((operation, number) => expect(operation.number).toBe(number));
    FORMS.forEach((form, number) => expect(form.number).toBe(number));
  });
});
