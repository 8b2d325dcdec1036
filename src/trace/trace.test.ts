import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createFilter,
  Follower,
  formatEvent,
  formatHeader,
  readTrace,
  TEXT_LIMIT,
  TraceError,
  type TraceEvent,
  type TraceRecord,
  TraceRecorder,
} from './index.ts';

const stamp = fc.record({
  time: fc.maxSafeNat(),
  processor: fc.nat(63),
  thread: fc.nat(0xffff_ffff),
  irql: fc.nat(31),
});
const text = fc.string({ unit: 'binary', maxLength: 40 });
const address = fc.nat(0xffff_ffff);
const value = fc.oneof(text, fc.integer(), address, fc.double({ noNaN: true, noDefaultInfinity: true }));
const values = fc.array(value, { maxLength: 40 });

/** Events of every kind. The casts say what the records just made are. */
const events: fc.Arbitrary<TraceEvent> = fc
  .tuple(
    stamp,
    fc.oneof(
      fc.record({ kind: fc.constantFrom('call', 'callback'), driver: text, name: text, args: values }),
      fc.record({
        kind: fc.constantFrom('return', 'callbackReturn'),
        driver: text,
        name: text,
        result: value,
      }),
      fc.record({ kind: fc.constant('state'), object: text, from: text, to: text }),
      fc.record({ kind: fc.constant('note'), subject: text, text }),
      fc.record({ kind: fc.constant('finding'), code: text, driver: text, text, page: text }),
      fc.record({ kind: fc.constant('hop'), from: text, to: text, list: address, verb: text }),
      fc.record({ kind: fc.constant('wait'), reason: text, objects: fc.array(address, { maxLength: 64 }) }),
      fc.record({ kind: fc.constant('resume'), status: fc.integer() }),
      fc.record({ kind: fc.constant('bugCheck'), code: address, parameters: fc.array(address), text }),
    ),
  )
  .map(([first, rest]) => ({ ...first, ...rest }) as TraceEvent);

function hop(time: number, list: number, extra: Partial<TraceEvent> = {}): TraceEvent {
  const event = {
    time,
    processor: 0,
    thread: 0,
    irql: 2,
    kind: 'hop',
    from: 'a',
    to: 'b',
    list,
    verb: 'send',
  };
  // What is spread over a hop in these tests are members of a hop.
  return { ...event, ...extra } as TraceEvent;
}

function recorded(text: string, pieces = 7): { records: TraceRecord[]; error: unknown } {
  const cut: string[] = [];
  for (let at = 0; at < text.length; at += pieces) cut.push(text.slice(at, at + pieces));
  const records: TraceRecord[] = [];
  try {
    for (const record of readTrace(cut)) records.push(record);
  } catch (error) {
    return { records, error };
  }
  return { records, error: null };
}

describe('the recorder', () => {
  it('gives back every event as it was, in order, over many stretches', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 60 }), (list) => {
        const recorder = new TraceRecorder({ stretchWords: 300 });
        for (const event of list) recorder.emit(event);
        expect([...recorder.events()]).toEqual(list);
        expect(recorder.recorded).toBe(list.length);
      }),
      { numRuns: 200 },
    );
  });

  it('drops the oldest stretches at its bound and says how many events are gone', () => {
    const recorder = new TraceRecorder({ stretchWords: 64, limitBytes: 1024 });
    for (let index = 0; index < 1000; index++) recorder.emit(hop(index, index + 1));
    const kept = [...recorder.events()];
    expect(recorder.dropped).toBeGreaterThan(0);
    expect(kept.length + recorder.dropped).toBe(1000);
    expect(kept.map((event) => event.time)).toEqual(
      Array.from({ length: kept.length }, (_, index) => recorder.dropped + index),
    );
  });

  it('hands full stretches on and keeps nothing of them', () => {
    const taken: TraceEvent[] = [];
    const recorder = new TraceRecorder({ stretchWords: 64, full: (stretch) => taken.push(...stretch) });
    for (let index = 0; index < 100; index++) recorder.emit(hop(index, 1));
    expect(taken.length).toBeLessThan(100);
    recorder.flush();
    expect(taken.map((event) => event.time)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect([...recorder.events()]).toEqual([]);
  });

  it('cuts a text at its limit, and takes an event longer than a stretch', () => {
    const recorder = new TraceRecorder({ stretchWords: 64 });
    const note = { time: 0, processor: 0, thread: 0, irql: 0, kind: 'note', subject: '' } as const;
    recorder.emit({ ...note, text: 'x'.repeat(TEXT_LIMIT + 10) });
    recorder.emit({
      time: 1,
      processor: 0,
      thread: 0,
      irql: 0,
      kind: 'wait',
      reason: '',
      objects: Array(500).fill(7),
    });
    const [first, second] = recorder.events();
    expect(first).toMatchObject({ text: `${'x'.repeat(TEXT_LIMIT - 1)}…` });
    expect(second).toMatchObject({ objects: Array(500).fill(7) });
  });
});

describe('NDJSON', () => {
  const header = formatHeader({ seed: 7, options: { processors: 2 } });

  it('gives back header and events, however the text is cut', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 10 }), fc.integer({ min: 1, max: 400 }), (list, pieces) => {
        const { records, error } = recorded(header + list.map(formatEvent).join(''), pieces);
        expect(error).toBeNull();
        expect(records[0]).toEqual({ header: { version: 1, seed: 7, options: { processors: 2 } } });
        // JSON knows no negative zero.
        expect(JSON.stringify(records.slice(1))).toBe(JSON.stringify(list.map((event) => ({ event }))));
      }),
      { numRuns: 100 },
    );
  });

  it('writes numbers that JSON has no form for as text', () => {
    const line = formatEvent({ ...hop(1, 2), kind: 'call', driver: 'd', name: 'n', args: [Number.NaN, -1] });
    expect(JSON.parse(line)).toMatchObject({ args: ['NaN', -1] });
  });

  it.each([
    ['', 'TRACE_HEADER_MISSING', 1],
    ['hello\n', 'TRACE_HEADER_MISSING', 1],
    ['{"kind":"hop"}\n', 'TRACE_HEADER_MISSING', 1],
    [header.replace('"version":1', '"version":2'), 'TRACE_VERSION_UNKNOWN', 1],
    [`${header}${formatEvent(hop(1, 2))}{"time":`, 'TRACE_LINE_BROKEN', 3],
    [`${header}${formatEvent(hop(1, 2))}nonsense\n`, 'TRACE_LINE_BROKEN', 3],
    [`${header}[]\n`, 'TRACE_EVENT_INVALID', 2],
    [`${header}${formatEvent(hop(1, 2)).replace('hop', 'hopp')}`, 'TRACE_EVENT_INVALID', 2],
    [`${header}${formatEvent(hop(1, 2)).replace('"list":2', '"list":"2"')}`, 'TRACE_EVENT_INVALID', 2],
    [`${header}${formatEvent(hop(1, 2)).replace('"time":1', '"time":-1')}`, 'TRACE_EVENT_INVALID', 2],
  ])('tells the fault of %j by code and line, after everything before it', (input, code, line) => {
    const { records, error } = recorded(input);
    expect(error).toBeInstanceOf(TraceError);
    expect(error).toMatchObject({ code, line });
    expect(records).toHaveLength(line - 1);
  });

  it('never fails in another way on any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (garbage) => {
        const { error } = recorded(`${header}${garbage}\n`);
        expect(error === null || error instanceof TraceError).toBe(true);
      }),
    );
  });

  it('refuses a line without end', () => {
    function* endless() {
      yield header;
      for (;;) yield 'x'.repeat(1 << 20);
    }
    expect(() => [...readTrace(endless())]).toThrow(
      expect.objectContaining({ code: 'TRACE_LINE_TOO_LONG', line: 2 }),
    );
  });
});

describe('filters', () => {
  const list = [
    hop(10, 1),
    hop(20, 2, { from: 'echo', thread: 3 }),
    hop(30, 3, { verb: 'receive' } as object),
  ];
  const times = (filter: Parameters<typeof createFilter>[0]) =>
    list.filter(createFilter(filter)).map((event) => event.time);

  it('choose by driver, name, kind, thread and time, all together', () => {
    expect(times({})).toEqual([10, 20, 30]);
    expect(times({ drivers: ['echo'] })).toEqual([20]);
    expect(times({ names: ['rec*'] })).toEqual([30]);
    expect(times({ names: ['SEND', 'receive'] })).toEqual([10, 20, 30]);
    expect(times({ kinds: ['call'] })).toEqual([]);
    expect(times({ threads: [3] })).toEqual([20]);
    expect(times({ from: 20, to: 20 })).toEqual([20]);
    expect(times({ from: 20, drivers: ['b'], names: ['send'] })).toEqual([20]);
  });
});

describe('following', () => {
  const at = { time: 0, processor: 0, thread: 1, irql: 0 } as const;
  const call = (driver: string, name: string, ...args: number[]): TraceEvent => ({
    ...at,
    kind: 'call',
    driver,
    name,
    args,
  });
  const result = (driver: string, name: string, value = 0): TraceEvent => ({
    ...at,
    kind: 'return',
    driver,
    name,
    result: value,
  });
  const callback = (driver: string, name: string, ...args: number[]): TraceEvent => ({
    ...at,
    kind: 'callback',
    driver,
    name,
    args,
  });
  const back = (driver: string, name: string): TraceEvent => ({
    ...at,
    kind: 'callbackReturn',
    driver,
    name,
    result: 0,
  });

  it('goes along to clones and cuts an address into lives', () => {
    const life = [
      call('echo', 'NdisSendNetBufferLists', 0x7000, 0x100, 0, 0),
      callback('mux', 'MiniportSendNetBufferLists', 1, 0x100, 0, 0),
      call('mux', 'NdisAllocateCloneNetBufferList', 0x100, 0, 0, 0),
      result('mux', 'NdisAllocateCloneNetBufferList', 0x200),
      hop(0, 0x200),
      back('mux', 'MiniportSendNetBufferLists'),
      result('echo', 'NdisSendNetBufferLists'),
      callback('echo', 'ProtocolSendNetBufferListsComplete', 1, 0x100, 0),
      back('echo', 'ProtocolSendNetBufferListsComplete'),
    ];
    const others = [hop(0, 0x200), hop(0, 0x300), result('echo', 'NdisSendNetBufferLists')];
    const follower = new Follower(0x100);
    expect([...life, ...others].map((event) => follower.take(event))).toEqual([
      ...life.map(() => true),
      false,
      false,
      false,
    ]);
    expect(follower.life).toBe(1);
    expect(life.map((event) => follower.take(event)).every(Boolean)).toBe(true);
    expect(follower.life).toBe(2);
  });

  it('goes along to the request that the library sends on', () => {
    const follower = new Follower(0xfc050);
    const events = [
      call('echo', 'NdisOidRequest', 1, 0xfc050),
      result('echo', 'NdisOidRequest', 0x103),
      { ...at, kind: 'note', subject: 'OID request', text: '0xfc050 goes on as 0x189000' } as const,
      callback('wireport', 'MiniportOidRequest', 2, 0x189000),
      back('wireport', 'MiniportOidRequest'),
      callback('echo', 'ProtocolOidRequestComplete', 3, 0xfc050, 0),
      back('echo', 'ProtocolOidRequestComplete'),
    ];
    expect(events.every((event) => follower.take(event))).toBe(true);
    expect(follower.life).toBe(1);
    expect(follower.take(callback('wireport', 'MiniportOidRequest', 2, 0x189000))).toBe(false);
  });
});
