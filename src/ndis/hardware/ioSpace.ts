/**
 * Claims on the registers of an adapter's device: memory and ports.
 * Implements NdisMMapIoSpace, NdisMUnmapIoSpace, NdisMRegisterIoPortRange and NdisMDeregisterIoPortRange (ndis.h).
 */

import { busOf, type Driver, type Handle, type OutPointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { functionOf } from './adapterHardware.ts';

const MAP_PAGE = 'ndis/nf-ndis-ndismmapiospace';
const UNMAP_PAGE = 'ndis/nf-ndis-ndismunmapiospace';
const REGISTER_PAGE = 'ndis/nf-ndis-ndismregisterioportrange';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndismderegisterioportrange';

interface Claim {
  readonly adapter: MiniportAdapter;
  readonly driver: Driver;
  readonly kind: 'memory' | 'port';
  readonly start: number;
  readonly length: number;
}

/** What drivers claimed, in order. */
const claimsOf = perNdis('claims on registers', () => [] as Claim[]);

function key({ kind, start, length, adapter }: Claim): string {
  return `${kind} ${start} ${length} ${adapter.ifIndex}`;
}

function add(ndis: NdisLibrary, claim: Claim, releasedBy: string): void {
  claimsOf(ndis).push(claim);
  claim.driver.own(key(claim), {
    kind: claim.kind === 'memory' ? 'mapping of device memory' : 'range of ports',
    name: `${claim.length} at 0x${claim.start.toString(16)} of ${claim.adapter.label}`,
    releasedBy,
    release: () => drop(ndis, claim),
  });
}

function drop(ndis: NdisLibrary, claim: Claim): void {
  const claims = claimsOf(ndis);
  const index = claims.indexOf(claim);
  if (index >= 0) claims.splice(index, 1);
  claim.driver.disown(key(claim));
  if (claim.kind === 'memory') busOf(ndis.kernel).unmap(claim.start, claim.length);
}

function find(
  ndis: NdisLibrary,
  adapter: MiniportAdapter | null,
  kind: Claim['kind'],
  start: number,
  length: number,
): Claim | undefined {
  return claimsOf(ndis).find(
    (claim) =>
      claim.adapter === adapter && claim.kind === kind && claim.start === start && claim.length === length,
  );
}

/** Whether somebody else claimed a part of a range. */
function isTaken(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  kind: Claim['kind'],
  start: number,
  length: number,
): boolean {
  return claimsOf(ndis).some(
    (claim) =>
      claim.kind === kind &&
      claim.adapter !== adapter &&
      claim.start < start + length &&
      start < claim.start + claim.length,
  );
}

/**
 * Maps memory of a device; its registers are then read and written there.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCE_CONFLICT where the range belongs to another adapter's device;
 * NDIS_STATUS_FAILURE where no device has it. VirtualAddress is NULL then. IRQL PASSIVE_LEVEL.
 * Page ndis/nf-ndis-ndismmapiospace.
 */
export const NdisMMapIoSpace = synchronous(
  'NDIS_STATUS NdisMMapIoSpace(PVOID * VirtualAddress, NDIS_HANDLE MiniportAdapterHandle, NDIS_PHYSICAL_ADDRESS PhysicalAddress, UINT Length)',
  'PASSIVE_LEVEL',
  '5.1',
  MAP_PAGE,
  (ndis, driver) =>
    (
      VirtualAddress: OutPointer,
      MiniportAdapterHandle: Handle,
      PhysicalAddress: bigint,
      Length: number,
    ): number => {
      const { memory, kernel } = ndis;
      memory.writePointer(VirtualAddress, 0);
      const adapter = ndis.expect(
        MiniportAdapterHandle,
        MiniportAdapter,
        driver,
        'NdisMMapIoSpace',
        MAP_PAGE,
      );
      if (adapter === null) return NDIS_STATUS_FAILURE;
      const physical = BigInt.asUintN(64, BigInt(PhysicalAddress));
      const start = physical < BigInt(memory.size) ? Number(physical) : 0;
      const bus = busOf(kernel);
      const owner = bus.ownerOf(start, Length);
      if (owner === null) return NDIS_STATUS_FAILURE;
      if (owner !== functionOf(ndis, adapter)) return NDIS_STATUS_RESOURCE_CONFLICT;
      bus.map(start, Length);
      add(ndis, { adapter, driver, kind: 'memory', start, length: Length }, 'NdisMUnmapIoSpace');
      memory.writePointer(VirtualAddress, start);
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * Undoes NdisMMapIoSpace; address and length must be those of one mapping, else it is a finding.
 * IRQL PASSIVE_LEVEL. Page ndis/nf-ndis-ndismunmapiospace.
 */
export const NdisMUnmapIoSpace = synchronous(
  'VOID NdisMUnmapIoSpace(NDIS_HANDLE MiniportAdapterHandle, PVOID VirtualAddress, UINT Length)',
  'PASSIVE_LEVEL',
  '5.1',
  UNMAP_PAGE,
  (ndis, driver) =>
    (MiniportAdapterHandle: Handle, VirtualAddress: Address, Length: number): void => {
      const call = 'NdisMUnmapIoSpace';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, UNMAP_PAGE);
      const claim = find(ndis, adapter, 'memory', VirtualAddress, Length);
      if (claim !== undefined) return drop(ndis, claim);
      if (adapter === null) return;
      const text = `${call}: ${Length} bytes at 0x${VirtualAddress.toString(16)} are not mapped; unmap what was mapped, with its length`;
      ndis.kernel.report('NOT_MAPPED', driver, text, UNMAP_PAGE);
    },
);

/**
 * Claims ports of a device; PortOffset gets the number to be given to NdisRawReadPortUchar and its kin.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCE_CONFLICT where another adapter claimed some of them or its device
 * has them; NDIS_STATUS_FAILURE where no device has them. IRQL PASSIVE_LEVEL.
 * Page ndis/nf-ndis-ndismregisterioportrange.
 */
export const NdisMRegisterIoPortRange = synchronous(
  'NDIS_STATUS NdisMRegisterIoPortRange(PVOID * PortOffset, NDIS_HANDLE MiniportAdapterHandle, UINT InitialPort, UINT NumberOfPorts)',
  'PASSIVE_LEVEL',
  '5.1',
  REGISTER_PAGE,
  (ndis, driver) =>
    (
      PortOffset: OutPointer,
      MiniportAdapterHandle: Handle,
      InitialPort: number,
      NumberOfPorts: number,
    ): number => {
      const call = 'NdisMRegisterIoPortRange';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, REGISTER_PAGE);
      if (adapter === null) return NDIS_STATUS_FAILURE;
      const owner = busOf(ndis.kernel).portOwnerOf(InitialPort, NumberOfPorts);
      if (owner === null) return NDIS_STATUS_FAILURE;
      const foreign = owner !== functionOf(ndis, adapter);
      if (foreign || isTaken(ndis, adapter, 'port', InitialPort, NumberOfPorts))
        return NDIS_STATUS_RESOURCE_CONFLICT;
      const claim: Claim = { adapter, driver, kind: 'port', start: InitialPort, length: NumberOfPorts };
      add(ndis, claim, 'NdisMDeregisterIoPortRange');
      ndis.memory.writePointer(PortOffset, InitialPort);
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * Gives ports back; the range must be one that was registered, else it is a finding. IRQL PASSIVE_LEVEL.
 * Page ndis/nf-ndis-ndismderegisterioportrange.
 */
export const NdisMDeregisterIoPortRange = synchronous(
  'VOID NdisMDeregisterIoPortRange(NDIS_HANDLE MiniportAdapterHandle, UINT InitialPort, UINT NumberOfPorts, PVOID PortOffset)',
  'PASSIVE_LEVEL',
  '5.1',
  DEREGISTER_PAGE,
  (ndis, driver) =>
    (
      MiniportAdapterHandle: Handle,
      InitialPort: number,
      NumberOfPorts: number,
      PortOffset: Address,
    ): void => {
      const call = 'NdisMDeregisterIoPortRange';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, DEREGISTER_PAGE);
      if (adapter === null) return;
      const claim = find(ndis, adapter, 'port', InitialPort, NumberOfPorts);
      if (claim !== undefined && PortOffset === InitialPort) return drop(ndis, claim);
      const text = `${call}: ${NumberOfPorts} ports at 0x${InitialPort.toString(16)} are no range that was registered; deregister what was registered`;
      ndis.kernel.report('PORTS_NOT_REGISTERED', driver, text, DEREGISTER_PAGE);
    },
);

/** The adapter is over: what its driver left claimed is a finding each, and goes. */
export function releaseClaims(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  for (const claim of claimsOf(ndis).filter((candidate) => candidate.adapter === adapter)) {
    const memory = claim.kind === 'memory';
    const text =
      `${adapter.label} was halted and ${claim.length} ${memory ? 'bytes of its registers are mapped' : 'ports are registered'}; ` +
      `call ${memory ? 'NdisMUnmapIoSpace' : 'NdisMDeregisterIoPortRange'} in MiniportHaltEx`;
    ndis.kernel.report('REGISTERS_CLAIMED', claim.driver, text, memory ? UNMAP_PAGE : DEREGISTER_PAGE);
    drop(ndis, claim);
  }
}
