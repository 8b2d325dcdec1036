/** Captures: literal bytes, round trips, arbitrary chunkings, hostile bytes. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WireError } from '../wireError.ts';
import { CaptureReader } from './captureReader.ts';
import { PcapngWriter } from './pcapngWriter.ts';
import { PcapWriter } from './pcapWriter.ts';
import { hex, MemorySink, readAll } from './testCaptures.ts';

const SECTION = '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c';
const SECTION_LITTLE = '0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000';
const INTERFACE = '00000001 00000014 0001 0000 00000000 00000014';

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((value) => !value.endsWith('\0'));
const packet = fc.record({
  interfaceId: fc.nat({ max: 2 }),
  stamp: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  data: fc.uint8Array({ maxLength: 300 }),
  extra: fc.nat({ max: 9000 }),
  flags: fc.nat({ max: 0xffff_ffff }),
  comment: fc.option(text, { nil: '' }),
});

describe('pcapng', () => {
  test('reads a big-endian section with microseconds, flags and comments from literal bytes', () => {
    const { records, error } = readAll(
      hex(`${SECTION} ${INTERFACE}
        00000006 00000040 00000000 00000000 000f4241 00000003 000005dc aabbcc00
        0001 0002 6869 0000 0002 0004 00000001 0001 0003 616263 00 0000 0000 00000040`),
    );
    expect(error).toBeUndefined();
    expect(records.map((record) => record.kind)).toEqual(['section', 'interface', 'packet']);
    expect(records[0]).toMatchObject({ format: 'pcapng', littleEndian: false, offset: 0 });
    expect(records[1]).toMatchObject({ id: 0, linkType: 1, timestampResolution: 6, offset: 28 });
    expect(records[2]).toEqual({
      kind: 'packet',
      offset: 48,
      interfaceId: 0,
      stamp: 1_000_001_000n,
      data: hex('aabbcc'),
      originalLength: 1500,
      flags: 1,
      comments: ['hi', 'abc'],
    });
  });

  test.each([
    ['0009 0001 00000000', 9, 1_000_000_001n, 5_000_000_000n],
    ['0009 0001 0c000000', 1_000_000_001_000n, 1_000_000_001n, 5_000_000_000n],
    ['0009 0001 8a000000', 1024n + 512n, 1_500_000_000n, 5_000_000_000n],
    ['0009 0001 00000000', 7n, 7_000_000_000n, 5_000_000_000n],
  ])('scales stamps by if_tsresol and adds if_tsoffset: %s', (option, ticks, nanoseconds, offset) => {
    const value = BigInt(ticks);
    const stamp = value.toString(16).padStart(16, '0');
    const { packets } = readAll(
      hex(`${SECTION} 00000001 0000002c 0001 0000 00000000 ${option}
        000e 0008 0000000000000005 0000 0000 0000002c
        00000006 00000020 00000000 ${stamp} 00000000 00000000 00000020`),
    );
    const expected = option.includes('00000000') ? value * 1_000_000_000n : nanoseconds;
    expect(packets[0].stamp).toBe(expected + offset);
  });

  test('a simple packet is as long as the snap length of interface 0 allows and has no stamp', () => {
    const { packets, error } = readAll(
      hex(`${SECTION} 00000001 00000014 0001 0000 00000002 00000014
        00000003 00000014 00000009 01020000 00000014`),
    );
    expect(error).toBeUndefined();
    expect(packets[0]).toMatchObject({ stamp: undefined, originalLength: 9, data: hex('0102') });
  });

  test('further sections may turn the byte order and begin their interfaces again', () => {
    const { records, error } = readAll(hex(`${SECTION} ${INTERFACE} ${INTERFACE} ${SECTION_LITTLE}`));
    expect(error).toBeUndefined();
    expect(records.map((record) => (record.kind === 'interface' ? record.id : record.kind))).toEqual([
      'section',
      0,
      1,
      'section',
    ]);
    expect(records[3]).toMatchObject({ littleEndian: true });
  });

  test('unknown blocks are stepped over, also those longer than the reader holds', () => {
    const length = 4096;
    const unknown = new Uint8Array(length);
    new DataView(unknown.buffer).setUint32(0, 0xbad);
    new DataView(unknown.buffer).setUint32(4, length);
    const input = Uint8Array.from([...hex(SECTION), ...unknown, ...hex(INTERFACE)]);
    const { records, error } = readAll(input, [100], { maximumRecordSize: 512 });
    expect(error).toBeUndefined();
    expect(records.map((record) => [record.kind, record.offset])).toEqual([
      ['section', 0],
      ['interface', 28 + length],
    ]);
  });

  test('what is written is read back: several interfaces, comments, flags, stamps, both byte orders', () => {
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 30 }),
        fc.boolean(),
        fc.bigInt({ min: 0n, max: 1n << 62n }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
        (packets, littleEndian, epochNanoseconds, chunkSizes) => {
          const memory = new MemorySink();
          const writer = new PcapngWriter(memory.sink, {
            littleEndian,
            epochNanoseconds,
            bufferSize: 256,
            application: 'ndisbox',
            comment: 'é',
          });
          for (const name of ['top', 'middle', 'bottom']) {
            writer.addInterface({
              name,
              macAddress: Uint8Array.of(2, 0, 0, 0, 0, 1),
              speedBitsPerSecond: 1e9,
            });
          }
          for (const { interfaceId, stamp, data, extra, flags, comment } of packets) {
            writer.packet(interfaceId, stamp, data, 0, data.length, flags, comment, data.length + extra);
          }
          writer.flush();
          const result = readAll(memory.bytes(), chunkSizes);
          expect(result.error).toBeUndefined();
          expect(result.records[0]).toMatchObject({ application: 'ndisbox', comments: ['é'], littleEndian });
          expect(result.records[2]).toMatchObject({
            name: 'middle',
            speed: 1_000_000_000n,
            timestampResolution: 9,
          });
          expect(result.packets.map(({ offset: _offset, kind: _kind, ...rest }) => rest)).toEqual(
            packets.map(({ interfaceId, stamp, data, extra, flags, comment }) => ({
              interfaceId,
              stamp: epochNanoseconds + BigInt(stamp),
              data,
              originalLength: data.length + extra,
              flags,
              comments: comment === '' ? [] : [comment],
            })),
          );
        },
      ),
    );
  });

  test('microsecond interfaces cut stamps down, names and statistics are read back', () => {
    const memory = new MemorySink();
    const writer = new PcapngWriter(memory.sink, { epochNanoseconds: 1_999_999n });
    writer.addInterface({ resolution: 'microseconds', snapLength: 4 });
    writer.packet(0, 1001, hex('0102030405'), 0, 5);
    writer.names([{ address: hex('c0000202'), names: ['host', 'alias'] }]);
    writer.statistics(0, 1, { received: 7n, dropped: 1n });
    writer.flush();
    const { records } = readAll(memory.bytes());
    expect(records[2]).toMatchObject({
      stamp: 2_001_000n,
      data: hex('01020304'),
      originalLength: 5,
    });
    expect(records[3]).toMatchObject({ names: [{ address: hex('c0000202'), names: ['host', 'alias'] }] });
    expect(records[4]).toMatchObject({ received: 7n, dropped: 1n, stamp: 2_000_000n });
  });

  test('comments longer than an option are cut at a whole character', () => {
    const memory = new MemorySink();
    const writer = new PcapngWriter(memory.sink);
    writer.addInterface();
    writer.packet(0, 0, hex('00'), 0, 1, 0, 'é'.repeat(40000));
    writer.packet(0, 0, hex('00'), 0, 1, 0, 'x'.repeat(70000));
    writer.flush();
    const { packets, error } = readAll(memory.bytes());
    expect(error).toBeUndefined();
    expect(packets[0].comments[0]).toBe('é'.repeat(32767));
    expect(packets[1].comments[0]).toBe('x'.repeat(65535));
  });
});

describe('pcap', () => {
  test.each([
    ['a1b2c3d4', '00000005 000f423f', 5_999_999_000n],
    ['a1b23c4d', '00000005 3b9ac9ff', 5_999_999_999n],
  ])('reads %s from literal bytes', (magic, stamp, nanoseconds) => {
    const { records, error } = readAll(
      hex(`${magic} 0002 0004 00000000 00000000 00040000 00000001 ${stamp} 00000002 00000040 abcd`),
      [1],
    );
    expect(error).toBeUndefined();
    expect(records.map((record) => record.kind)).toEqual(['section', 'interface', 'packet']);
    expect(records[2]).toMatchObject({
      stamp: nanoseconds,
      data: hex('abcd'),
      originalLength: 64,
      offset: 24,
    });
  });

  test('what is written is read back in either byte order and resolution', () => {
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 20 }),
        fc.boolean(),
        fc.boolean(),
        fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }),
        (packets, littleEndian, nano, epochNanoseconds) => {
          const memory = new MemorySink();
          const resolution = nano ? 'nanoseconds' : 'microseconds';
          const writer = new PcapWriter(memory.sink, {
            littleEndian,
            resolution,
            epochNanoseconds,
            bufferSize: 64,
          });
          const stamps = packets.map(({ stamp }) => (stamp % 2 ** 50) % 2e17);
          packets.forEach(({ data, extra }, index) =>
            writer.packet(stamps[index], data, 0, data.length, data.length + extra),
          );
          writer.flush();
          const result = readAll(memory.bytes(), [333]);
          expect(result.error).toBeUndefined();
          expect(
            result.packets.map(({ stamp, data, originalLength }) => ({ stamp, data, originalLength })),
          ).toEqual(
            packets.map(({ data, extra }, index) => {
              const stamp = epochNanoseconds + BigInt(stamps[index]);
              return {
                stamp: nano ? stamp : stamp - (stamp % 1000n),
                data,
                originalLength: data.length + extra,
              };
            }),
          );
        },
      ),
    );
  });
});

describe('bad input', () => {
  const good = (): Uint8Array => {
    const memory = new MemorySink();
    const writer = new PcapngWriter(memory.sink);
    writer.addInterface({ name: 'a' });
    for (let index = 0; index < 5; index++) writer.packet(0, index, hex('00010203040506'), 0, 7, 1, 'note');
    writer.flush();
    return memory.bytes();
  };

  test('a cut capture delivers what was whole and says where it ends', () => {
    const input = good();
    const whole = readAll(input);
    for (let length = 1; length < input.length; length++) {
      const { records, error } = readAll(input.subarray(0, length), [50]);
      const complete = whole.records.filter((record, index) => {
        const next = whole.records[index + 1]?.offset ?? input.length;
        return next <= length && record.offset < length;
      });
      expect(records).toEqual(complete);
      const ends = whole.records.some((record) => record.offset === length);
      if (ends) expect(error).toBeUndefined();
      else
        expect(error).toMatchObject({
          code: 'CAPTURE_TRUNCATED',
          offset: whole.records[complete.length].offset,
        });
    }
  });

  test.each([
    ['', 'CAPTURE_NOT_A_CAPTURE', 0],
    ['00000000 00000000', 'CAPTURE_NOT_A_CAPTURE', 0],
    ['1f8b0800 00000000', 'CAPTURE_UNSUPPORTED', 0],
    ['a1b2cd34 00000000', 'CAPTURE_UNSUPPORTED', 0],
    ['a1b2c3d4 0001 0004 00000000 00000000 00040000 00000001', 'CAPTURE_UNSUPPORTED', 4],
    [
      'a1b2c3d4 0002 0004 00000000 00000000 00040000 00000001 00000000 00000000 7fffffff 7fffffff',
      'CAPTURE_CORRUPT',
      32,
    ],
    ['0a0d0d0a 0000001c deadbeef', 'CAPTURE_CORRUPT', 8],
    ['0a0d0d0a 0000001d 1a2b3c4d', 'CAPTURE_CORRUPT', 4],
    ['0a0d0d0a 0000001c 1a2b3c4d 0002 0000 ffffffffffffffff 0000001c', 'CAPTURE_UNSUPPORTED', 12],
    ['0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 00000018', 'CAPTURE_CORRUPT', 24],
    [
      `${SECTION} 00000006 00000020 00000000 00000000 00000000 00000000 00000000 00000020`,
      'CAPTURE_CORRUPT',
      36,
    ],
    [
      `${SECTION} ${INTERFACE} 00000006 00000020 00000000 00000000 00000000 00000001 00000001 00000020`,
      'CAPTURE_CORRUPT',
      76,
    ],
    [`${SECTION} ${INTERFACE} 00000006 00200000 00000000`, 'CAPTURE_RECORD_TOO_LONG', 48],
    [`${SECTION} 00000001 0000001c 0001 0000 00000000 0009 0002 0600 0000 0000001c`, 'CAPTURE_CORRUPT', 48],
  ])('%s gives %s at byte %i, again and again', (input, code, offset) => {
    const reader = new CaptureReader();
    reader.push(hex(input));
    reader.end();
    const drain = (): void => {
      while (reader.next() !== undefined);
    };
    for (let round = 0; round < 2; round++) {
      expect(drain).toThrow(expect.objectContaining({ code, offset }));
    }
  });

  test('arbitrary bytes, and arbitrary damage to a good capture, give records or a WireError', () => {
    const damage = fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { maxLength: 8 });
    fc.assert(
      fc.property(damage, fc.constantFrom([1], [7, 64], [65536]), (changes, chunkSizes) => {
        const input = good();
        for (const [at, value] of changes) input[at % input.length] = value;
        const { error } = readAll(input, chunkSizes, { maximumRecordSize: 4096 });
        if (error !== undefined) expect(error.code).toMatch(/^CAPTURE_/);
      }),
      { numRuns: 500 },
    );
    const magics = fc.constantFrom('0a0d0d0a', 'a1b2c3d4', '4d3cb2a1', SECTION, `${SECTION}${INTERFACE}`);
    fc.assert(
      fc.property(magics, fc.uint8Array({ maxLength: 200 }), (magic, tail) => {
        const { error } = readAll(Uint8Array.from([...hex(magic), ...tail]), [13]);
        expect(error === undefined || error instanceof WireError).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('an endless input is read in bounded memory, and pushing without reading is refused', () => {
    const reader = new CaptureReader({ maximumRecordSize: 4096 });
    reader.push(hex(`${SECTION} ${INTERFACE}`));
    const block = hex('00000006 00000024 00000000 00000000 00000000 00000004 00000004 01020304 00000024');
    let packets = 0;
    for (let round = 0; round < 5000; round++) {
      reader.push(block);
      for (let record = reader.next(); record !== undefined; record = reader.next()) packets++;
    }
    expect(packets).toBe(5002);
    expect(() => {
      for (let round = 0; round < 5000; round++) reader.push(block);
    }).toThrow(expect.objectContaining({ code: 'CAPTURE_MISUSE' }));
  });
});
