/**
 * The network interfaces of a machine for the host: which there are, what stands on what, and questions to them.
 * Implements "NDIS Network Interface Architecture" (network) as a client of its management information base.
 */

import { type Kernel, NdisboxError, poolOf } from '../kernel/index.ts';
import { poolType } from '../memory/index.ts';
import {
  FilterModule,
  interfaceStack,
  interfacesOf,
  MiniportAdapter,
  NDIS_POOL_TAG,
  type NdisLibrary,
  type NetworkInterface,
  queryInterface,
} from '../ndis/index.ts';

/** One network interface. */
export interface InterfaceSnapshot {
  readonly ifIndex: number;
  /** The NET_LUID as a hexadecimal number. */
  readonly netLuid: string;
  readonly kind: 'adapter' | 'filter module' | 'provider';
  /** The adapter, the module, or the driver that registered it. */
  readonly name: string;
  /** Indexes of the interfaces right below it. */
  readonly lower: readonly number[];
}

/** What an interface answered. */
export interface InterfaceAnswer {
  /** NDIS_STATUS. */
  readonly status: number;
  /** The answer; empty where there is none. */
  readonly bytes: Uint8Array;
}

/** The longest answer that an interface may give, in bytes. */
const ANSWER_LIMIT = 4096;

/** The interfaces of a machine, by index. */
export function snapshotInterfaces(ndis: NdisLibrary): InterfaceSnapshot[] {
  const below = new Map<number, number[]>();
  for (const { higher, lower } of interfaceStack(ndis)) {
    const indexes = below.get(higher);
    if (indexes === undefined) below.set(higher, [lower]);
    else indexes.push(lower);
  }
  return [...interfacesOf(ndis).all]
    .sort((a, b) => a.ifIndex - b.ifIndex)
    .map((known) => ({
      ifIndex: known.ifIndex,
      netLuid: `0x${known.netLuid.toString(16).padStart(16, '0')}`,
      ...nameOf(known),
      lower: below.get(known.ifIndex) ?? [],
    }));
}

function nameOf({ owner }: NetworkInterface): Pick<InterfaceSnapshot, 'kind' | 'name'> {
  if (owner.kind === 'provider') return { kind: 'provider', name: owner.provider.driver.name };
  const { object } = owner;
  if (object instanceof FilterModule) return { kind: 'filter module', name: object.instanceName };
  return { kind: 'adapter', name: object instanceof MiniportAdapter ? object.instanceName : '' };
}

/**
 * Starts a query of an interface; `finished` gets the answer while the machine runs.
 * @throws NdisboxError OUT_OF_MEMORY
 */
export function startInterfaceQuery(
  kernel: Kernel,
  ndis: NdisLibrary,
  ifIndex: number,
  oid: number,
  finished: (answer: InterfaceAnswer) => void,
): void {
  const pool = poolOf(kernel);
  const buffer = pool.allocateZeroed(poolType.nonPagedNx, ANSWER_LIMIT, NDIS_POOL_TAG, 0);
  if (buffer === 0) {
    const message = `${ANSWER_LIMIT} bytes for the answer of interface ${ifIndex} do not fit in kernel memory`;
    throw new NdisboxError('OUT_OF_MEMORY', message);
  }
  const locals = { ifIndex, oid, buffer, length: ANSWER_LIMIT, set: false, block: 0 };
  kernel.scheduler.createThread('query of an interface', queryInterface, ndis, locals, {
    finished: (result) => {
      const status = result >>> 0;
      const length = status === 0 ? Math.min(locals.length, ANSWER_LIMIT) : 0;
      const bytes = kernel.memory.u8.slice(buffer, buffer + length);
      pool.free(buffer, NDIS_POOL_TAG);
      finished({ status, bytes });
    },
  });
}
