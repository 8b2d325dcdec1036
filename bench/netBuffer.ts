/**
 * What net buffer lists cost: ns per operation of the library's own calls and of a driver's imports without checks.
 * Run: npm run bench netBuffer
 */

import { Bench } from 'tinybench';
import { Kernel, poolOf, Seam } from '../src/kernel/index.ts';
import { poolType } from '../src/memory/index.ts';
import * as functions from '../src/ndis/functions.ts';
import { ndisStructures } from '../src/ndis/generated/structures/all.ts';
import { BLOCK_ALLOCATED, NdisLibrary, netBuffersOf } from '../src/ndis/index.ts';
import { copyFromNetBuffer } from '../src/ndis/netBuffer/netBufferAccess.ts';

/** Operations in one sample, so that the clock is read seldom. */
const BATCH = 1000;

const kernel = new Kernel({ memorySize: 0x100_0000 });
const ndis = new NdisLibrary(kernel);
const seam = new Seam(
  kernel,
  { checks: false, trace: false, explore: false },
  (name) => ndisStructures[name],
);
const imports = seam.imports(functions, ndis, seam.createDriver('bench'));

// As a driver does it: an object of so many imports is a dictionary, and reading it costs at every call.
const {
  NdisAllocateNetBufferAndNetBufferList,
  NdisAllocateNetBufferList,
  NdisAllocateMdl,
  NdisFreeMdl,
  NdisFreeNetBufferList,
  NET_BUFFER_LIST_FIRST_NB,
  NET_BUFFER_CURRENT_MDL,
  NET_BUFFER_DATA_LENGTH,
} = imports;

const header = { Type: 0x80, Revision: 1, Size: 16 };
const parameters = { Header: header, ProtocolId: 0, PoolTag: 1, ContextSize: 0, DataSize: 0 };
const lists = imports.NdisAllocateNetBufferListPool(0, { ...parameters, fAllocateNetBuffer: true });
const withData = imports.NdisAllocateNetBufferListPool(0, {
  ...parameters,
  fAllocateNetBuffer: true,
  DataSize: 1514,
});
const data = poolOf(kernel).allocate(poolType.nonPagedNx, 2048, 1, 0);
const target = poolOf(kernel).allocate(poolType.nonPagedNx, 2048, 1, 0);
const mdl = NdisAllocateMdl(0, data, 1514);
const short = NdisAllocateNetBufferAndNetBufferList(lists, 0, 0, mdl, 0, 64);
const long = NdisAllocateNetBufferAndNetBufferList(lists, 0, 0, mdl, 0, 1500);
const shortBuffer = NET_BUFFER_LIST_FIRST_NB(short);
const longBuffer = NET_BUFFER_LIST_FIRST_NB(long);

const listPool = netBuffersOf(ndis).listPool(lists);
if (listPool === null) throw new Error('no pool');
const dataPool = netBuffersOf(ndis).listPool(withData);
if (dataPool === null) throw new Error('no pool');

const operations: Readonly<Record<string, () => void>> = {
  'list with net buffer over an MDL: allocate, free': () => {
    NdisFreeNetBufferList(NdisAllocateNetBufferAndNetBufferList(lists, 0, 0, mdl, 0, 64));
  },
  'list with net buffer, MDL and data: allocate, free': () => {
    NdisFreeNetBufferList(NdisAllocateNetBufferList(withData, 0, 0));
  },
  'the same, inside the library': () => {
    const nbl = listPool.allocate(BLOCK_ALLOCATED, 0, 0, mdl, 0, 64);
    listPool.free(nbl);
  },
  'list with data, inside the library': () => {
    dataPool.free(dataPool.allocate(BLOCK_ALLOCATED, 0, 0, 0, 0, 0));
  },
  'MDL: allocate, free': () => NdisFreeMdl(NdisAllocateMdl(0, data, 1514)),
  'read list, net buffer, MDL and length': () => {
    const nb = NET_BUFFER_LIST_FIRST_NB(short);
    if (NET_BUFFER_CURRENT_MDL(nb) + NET_BUFFER_DATA_LENGTH(nb) === 0) throw new Error('empty');
  },
  'copy 64 bytes out of a net buffer': () => {
    copyFromNetBuffer(ndis.memory, shortBuffer, 0, target, 64);
  },
  'copy 1500 bytes out of a net buffer': () => {
    copyFromNetBuffer(ndis.memory, longBuffer, 0, target, 1500);
  },
};

const bench = new Bench({ time: 500, warmupTime: 200 });
for (const [name, operation] of Object.entries(operations)) {
  bench.add(name, () => {
    for (let index = 0; index < BATCH; index++) operation();
  });
}
await bench.run();
for (const task of bench.tasks) {
  const result = task.result;
  if (result === undefined || !('latency' in result)) throw new Error(`${task.name} did not run`);
  const nanoseconds = (result.latency.p50 * 1e6) / BATCH;
  console.log(`${nanoseconds.toFixed(1).padStart(8)} ns  ${task.name}`);
}
