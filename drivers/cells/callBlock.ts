/**
 * CO_CALL_PARAMETERS with all that they point to in one block of memory: who is called, the bandwidth, and what the
 * miniport has to know of a VC. Implements ns-ndis-co_call_parameters and the structures it names.
 */

import {
  type Address,
  CO_CALL_MANAGER_PARAMETERS,
  CO_CALL_PARAMETERS,
  CO_MEDIA_PARAMETERS,
  CO_SPECIFIC_PARAMETERS,
  type DriverImports,
} from '../../src/machine/index.ts';
import type { CellAddress } from './cell.ts';

const MANAGER_AT = 32;
const MANAGER_BYTES = 64;
const MEDIA_AT = MANAGER_AT + CO_CALL_MANAGER_PARAMETERS.size + MANAGER_BYTES + 4;
const MEDIA_BYTES = 256;
const SIZE = MEDIA_AT + CO_MEDIA_PARAMETERS.size + MEDIA_BYTES;
/** `Call` as a pool tag. */
const TAG = 0x6c6c6143;
const RATE = CO_CALL_MANAGER_PARAMETERS.offset.Transmit + 8;
const MANAGER_SPECIFIC = CO_CALL_MANAGER_PARAMETERS.offset.CallMgrSpecific;
const MEDIA_SPECIFIC = CO_MEDIA_PARAMETERS.offset.MediaSpecific;
const LENGTH = CO_SPECIFIC_PARAMETERS.offset.Length;
const BYTES = CO_SPECIFIC_PARAMETERS.offset.Parameters;

/** Allocates parameters for a call to `called`, or 0. */
export function createCallBlock(
  imports: DriverImports,
  owner: Address,
  called: string,
  bandwidth: number,
): Address {
  const { memory, ndis } = imports;
  const block = ndis.NdisAllocateMemoryWithTagPriority(owner, SIZE, TAG, 0);
  if (block === 0) return 0;
  memory.u8.fill(0, block, block + SIZE);
  memory.writePointer(block + CO_CALL_PARAMETERS.offset.CallMgrParameters, block + MANAGER_AT);
  memory.writePointer(block + CO_CALL_PARAMETERS.offset.MediaParameters, block + MEDIA_AT);
  const text = called.slice(0, MANAGER_BYTES);
  const specific = block + MANAGER_AT + MANAGER_SPECIFIC;
  memory.u32[(specific + LENGTH) >> 2] = text.length;
  for (let i = 0; i < text.length; i++) memory.u8[specific + BYTES + i] = text.charCodeAt(i);
  setBandwidth(imports, block, bandwidth);
  return block;
}

export function freeCallBlock(imports: DriverImports, block: Address): void {
  if (block !== 0) imports.ndis.NdisFreeMemory(block, 0, 0);
}

function managerAt(imports: DriverImports, block: Address): Address {
  return imports.memory.readPointer(block + CO_CALL_PARAMETERS.offset.CallMgrParameters);
}

/** PeakBandwidth of the transmit direction, in bytes a second. */
export function bandwidthOf(imports: DriverImports, block: Address): number {
  return imports.memory.u32[(managerAt(imports, block) + RATE) >> 2];
}

export function setBandwidth(imports: DriverImports, block: Address, bandwidth: number): void {
  imports.memory.u32[(managerAt(imports, block) + RATE) >> 2] = bandwidth;
}

/** Who is called: `station/SAP`. */
export function calledOf(imports: DriverImports, block: Address): string {
  const { u8, u32 } = imports.memory;
  const specific = managerAt(imports, block) + MANAGER_SPECIFIC;
  const length = Math.min(u32[(specific + LENGTH) >> 2], MANAGER_BYTES);
  return String.fromCharCode(...u8.subarray(specific + BYTES, specific + BYTES + length));
}

/** What the miniport has to know: on which channel to receive, and where each leg of the call leads. */
export interface VcMedia {
  readonly receiveChannel: number;
  readonly legs: readonly CellAddress[];
}

export function setMedia(imports: DriverImports, block: Address, { receiveChannel, legs }: VcMedia): void {
  const { memory } = imports;
  const specific = memory.readPointer(block + CO_CALL_PARAMETERS.offset.MediaParameters) + MEDIA_SPECIFIC;
  const numbers = [
    receiveChannel,
    ...legs.slice(0, MEDIA_BYTES / 8 - 1).flatMap(({ path, channel }) => [path, channel]),
  ];
  memory.u32[(specific + LENGTH) >> 2] = numbers.length * 4;
  numbers.forEach((number, i) => {
    memory.u32[(specific + BYTES + 4 * i) >> 2] = number;
  });
}

export function mediaOf(imports: DriverImports, block: Address): VcMedia {
  const { memory } = imports;
  const specific = memory.readPointer(block + CO_CALL_PARAMETERS.offset.MediaParameters) + MEDIA_SPECIFIC;
  const count = Math.min(memory.u32[(specific + LENGTH) >> 2], MEDIA_BYTES) >> 2;
  const numbers = [...memory.u32.subarray((specific + BYTES) >> 2, ((specific + BYTES) >> 2) + count)];
  const legs: CellAddress[] = [];
  for (let i = 1; i + 1 < numbers.length; i += 2) legs.push({ path: numbers[i], channel: numbers[i + 1] });
  return { receiveChannel: numbers[0] ?? 0, legs };
}
