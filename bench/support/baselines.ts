/**
 * What the stack is compared with: the same round trip, protocol over intermediate driver over miniport over a loop,
 * with as many calls through stored handlers and one copy of 64 bytes, in three other representations. None of them
 * checks a handle, counts what is outstanding, or could be paused.
 */

import type { Subject } from './measure.ts';

const FRAME = 64;
const FRAME_WORDS = FRAME / 4;
const SLOTS = 64;

/** A packet as an object. */
class Packet {
  next: Packet | null = null;
  data: Int32Array;
  length = 0;
  status = 0;
  source: Edge | null = null;
  original: Packet | null = null;
  constructor(data: Int32Array) {
    this.data = data;
  }
}

/** Where packets come from and go to. */
interface Store {
  take(data: Int32Array, length: number): Packet;
  give(packet: Packet): void;
}

const NO_DATA = new Int32Array(0);

class PooledPackets implements Store {
  readonly #free: Packet[] = [];
  constructor() {
    for (let i = 0; i < 4 * SLOTS; i++) this.#free.push(new Packet(NO_DATA));
  }
  take(data: Int32Array, length: number): Packet {
    const packet = this.#free.pop() ?? new Packet(NO_DATA);
    packet.data = data;
    packet.length = length;
    packet.status = 0;
    return packet;
  }
  give(packet: Packet): void {
    packet.original = null;
    packet.next = null;
    this.#free.push(packet);
  }
}

class FreshPackets implements Store {
  take(data: Int32Array, length: number): Packet {
    const packet = new Packet(data);
    packet.length = length;
    return packet;
  }
  give(): void {}
}

/** The handlers of one driver towards one neighbour, called as NDIS calls them. */
interface Edge {
  readonly context: object;
  outstanding: number;
  send(context: object, packets: Packet, flags: number): void;
  sendComplete(context: object, packets: Packet, flags: number): void;
  receive(context: object, packets: Packet, count: number, flags: number): void;
  returnPackets(context: object, packets: Packet, flags: number): void;
}

/** The calls of the library: one for each direction, over each edge. */
function sendPackets(edge: Edge, packets: Packet, flags: number): void {
  let count = 0;
  for (let packet: Packet | null = packets; packet !== null; packet = packet.next) {
    packet.source = edge;
    count++;
  }
  edge.outstanding += count;
  edge.send(edge.context, packets, flags);
}
function completePackets(packets: Packet, flags: number): void {
  const edge = packets.source;
  if (edge === null) return;
  let count = 0;
  for (let packet: Packet | null = packets; packet !== null; packet = packet.next) count++;
  edge.outstanding -= count;
  edge.sendComplete(edge.context, packets, flags);
}
function indicatePackets(edge: Edge, packets: Packet, count: number, flags: number): void {
  edge.outstanding += count;
  edge.receive(edge.context, packets, count, flags);
}
function returnToBelow(edge: Edge, packets: Packet, flags: number): void {
  let count = 0;
  for (let packet: Packet | null = packets; packet !== null; packet = packet.next) count++;
  edge.outstanding -= count;
  edge.returnPackets(edge.context, packets, flags);
}

/** Passes every packet on as one of its own over the same data. */
function wrapAll(store: Store, packets: Packet): Packet {
  let head: Packet | null = null;
  let tail: Packet | null = null;
  for (let packet: Packet | null = packets; packet !== null; packet = packet.next) {
    const own = store.take(packet.data, packet.length);
    own.original = packet;
    if (tail === null) head = own;
    else tail.next = own;
    tail = own;
  }
  return head ?? packets;
}
function unwrapAll(store: Store, packets: Packet): Packet {
  let head: Packet | null = null;
  let tail: Packet | null = null;
  for (let own: Packet | null = packets; own !== null; ) {
    const next: Packet | null = own.next;
    const original = own.original;
    if (original !== null) {
      original.status = own.status;
      original.next = null;
      if (tail === null) head = original;
      else tail.next = original;
      tail = original;
    }
    store.give(own);
    own = next;
  }
  return head ?? packets;
}

/** A stack of packets as objects. */
function objectStack(name: string, batch: number, store: Store, pooled: boolean): Subject {
  const frames: Packet[] = [];
  const slots: Packet[] = [];
  for (let i = 0; i < batch; i++) frames.push(new Packet(new Int32Array(FRAME_WORDS).fill(i)));
  for (let i = 0; i < SLOTS; i++) slots.push(new Packet(new Int32Array(FRAME_WORDS)));
  const queue: Packet[] = [];
  let left = 0;
  let received = 0;
  const upper: Edge = {
    context: { name: 'upper' },
    outstanding: 0,
    send: (_context, packets, flags) => sendPackets(lower, wrapAll(store, packets), flags),
    sendComplete: () => {},
    receive: (_context, packets, _count, flags) => {
      for (let packet: Packet | null = packets; packet !== null; packet = packet.next)
        received += packet.data[0] & 1;
      returnToBelow(upper, packets, flags);
    },
    returnPackets: (_context, packets, flags) => returnToBelow(lower, unwrapAll(store, packets), flags),
  };
  const lower: Edge = {
    context: { name: 'lower' },
    outstanding: 0,
    send: (_context, packets, flags) => {
      for (let packet: Packet | null = packets; packet !== null; packet = packet.next) {
        const slot = pooled ? slots.pop() : new Packet(new Int32Array(FRAME_WORDS));
        if (slot === undefined) continue;
        const { data } = slot;
        const from = packet.data;
        for (let i = 0; i < FRAME_WORDS; i++) data[i] = from[i];
        slot.length = packet.length;
        slot.next = null;
        queue.push(slot);
      }
      completePackets(packets, flags);
    },
    sendComplete: (_context, packets, flags) => completePackets(unwrapAll(store, packets), flags),
    receive: (_context, packets, count, flags) =>
      indicatePackets(upper, wrapAll(store, packets), count, flags),
    returnPackets: (_context, packets) => {
      if (!pooled) return;
      for (let packet: Packet | null = packets; packet !== null; ) {
        const next: Packet | null = packet.next;
        slots.push(packet);
        packet = next;
      }
    },
  };
  const deliver = (): void => {
    const count = queue.length;
    for (let i = 0; i + 1 < count; i++) queue[i].next = queue[i + 1];
    const head = queue[0];
    queue.length = 0;
    if (head !== undefined) indicatePackets(lower, head, count, 1);
  };
  return {
    name,
    run: (count) => {
      const rounds = Math.ceil(count / batch);
      for (left = rounds; left > 0; left--) {
        for (let i = 0; i < batch; i++) frames[i].next = i + 1 < batch ? frames[i + 1] : null;
        sendPackets(upper, frames[0], 1);
        deliver();
      }
      if (received < 0) throw new Error('nothing came back');
      return rounds * batch;
    },
  };
}

/** Objects that are kept in pools and used again. */
export function pooledObjects(batch: number): Subject {
  return objectStack(`pooled objects, batches of ${batch}`, batch, new PooledPackets(), true);
}

/** A new object for each packet and a new array for each frame. */
export function freshObjects(batch: number): Subject {
  return objectStack(`fresh objects, batches of ${batch}`, batch, new FreshPackets(), false);
}

/** Words of a bare record. */
const NEXT = 0;
const DATA = 1;
const LENGTH = 2;
const STATUS = 3;
const SOURCE = 4;
const ORIGINAL = 5;
const RECORD = 16;

type Handler = (words: number, flags: number) => void;
interface BareEdge {
  outstanding: number;
  send: Handler;
  sendComplete: Handler;
  receive: Handler;
  returnRecords: Handler;
}

/** Records in the layout of C over one typed array, passed as numbers. */
export function bareRecords(batch: number): Subject {
  const w = new Int32Array(1 << 16);
  let end = RECORD;
  const record = (): number => {
    const at = end;
    end += RECORD;
    return at;
  };
  const data = (): number => {
    const at = end;
    end += FRAME_WORDS;
    return at;
  };
  const free = new Int32Array(4 * SLOTS);
  let freeCount = 0;
  for (let i = 0; i < free.length; i++) free[freeCount++] = record();
  const slots = new Int32Array(SLOTS);
  let slotCount = 0;
  for (let i = 0; i < SLOTS; i++) {
    const slot = record();
    w[slot + DATA] = data();
    slots[slotCount++] = slot;
  }
  const frames = Array.from({ length: batch }, () => {
    const frame = record();
    w[frame + DATA] = data();
    w[frame + LENGTH] = FRAME;
    return frame;
  });
  let queueHead = 0;
  let queueTail = 0;
  let received = 0;
  const count = (records: number): number => {
    let number = 0;
    for (let at = records; at !== 0; at = w[at + NEXT]) number++;
    return number;
  };
  const wrap = (records: number): number => {
    let head = 0;
    let tail = 0;
    for (let at = records; at !== 0; at = w[at + NEXT]) {
      const own = free[--freeCount];
      w[own + NEXT] = 0;
      w[own + DATA] = w[at + DATA];
      w[own + LENGTH] = w[at + LENGTH];
      w[own + STATUS] = 0;
      w[own + ORIGINAL] = at;
      if (head === 0) head = own;
      else w[tail + NEXT] = own;
      tail = own;
    }
    return head;
  };
  const unwrap = (records: number): number => {
    let head = 0;
    let tail = 0;
    for (let own = records; own !== 0; ) {
      const next = w[own + NEXT];
      const original = w[own + ORIGINAL];
      w[original + STATUS] = w[own + STATUS];
      w[original + NEXT] = 0;
      if (head === 0) head = original;
      else w[tail + NEXT] = original;
      tail = original;
      free[freeCount++] = own;
      own = next;
    }
    return head;
  };
  const edges: BareEdge[] = [];
  const sendOver = (edge: number, records: number, flags: number): void => {
    let number = 0;
    for (let at = records; at !== 0; at = w[at + NEXT]) {
      w[at + SOURCE] = edge;
      number++;
    }
    edges[edge].outstanding += number;
    edges[edge].send(records, flags);
  };
  const complete = (records: number, flags: number): void => {
    const edge = edges[w[records + SOURCE]];
    edge.outstanding -= count(records);
    edge.sendComplete(records, flags);
  };
  const indicate = (edge: number, records: number, number: number, flags: number): void => {
    edges[edge].outstanding += number;
    edges[edge].receive(records, flags);
  };
  const giveBack = (edge: number, records: number, flags: number): void => {
    edges[edge].outstanding -= count(records);
    edges[edge].returnRecords(records, flags);
  };
  const sendToLoop = (records: number, flags: number): void => {
    for (let at = records; at !== 0; at = w[at + NEXT]) {
      const slot = slots[--slotCount];
      const to = w[slot + DATA];
      const from = w[at + DATA];
      for (let i = 0; i < FRAME_WORDS; i++) w[to + i] = w[from + i];
      w[slot + LENGTH] = w[at + LENGTH];
      w[slot + NEXT] = 0;
      if (queueHead === 0) queueHead = slot;
      else w[queueTail + NEXT] = slot;
      queueTail = slot;
    }
    complete(records, flags);
  };
  edges.push(
    {
      outstanding: 0,
      send: (records, flags) => sendOver(1, wrap(records), flags),
      sendComplete: () => {},
      receive: (records, flags) => {
        for (let at = records; at !== 0; at = w[at + NEXT]) received += w[w[at + DATA]] & 1;
        giveBack(0, records, flags);
      },
      returnRecords: (records, flags) => giveBack(1, unwrap(records), flags),
    },
    {
      outstanding: 0,
      send: sendToLoop,
      sendComplete: (records, flags) => complete(unwrap(records), flags),
      receive: (records, flags) => indicate(0, wrap(records), count(records), flags),
      returnRecords: (records) => {
        for (let at = records; at !== 0; ) {
          const next = w[at + NEXT];
          slots[slotCount++] = at;
          at = next;
        }
      },
    },
  );
  return {
    name: `bare C-layout records, batches of ${batch}`,
    run: (wanted) => {
      const rounds = Math.ceil(wanted / batch);
      for (let left = rounds; left > 0; left--) {
        for (let i = 0; i < batch; i++) w[frames[i] + NEXT] = i + 1 < batch ? frames[i + 1] : 0;
        sendOver(0, frames[0], 1);
        const records = queueHead;
        queueHead = 0;
        indicate(1, records, batch, 1);
      }
      if (received < 0) throw new Error('nothing came back');
      return rounds * batch;
    },
  };
}
