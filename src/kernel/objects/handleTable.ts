/**
 * The handle table of a machine. Handles are multiples of 4; those opened with OBJ_KERNEL_HANDLE have the high bit
 * set, so that no user program can name them. Implements "Object Handles" (windows-driver-docs-pr/kernel).
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { type KernelObject, objectsOf } from './objectManager.ts';

/** A HANDLE as the host holds it: the signed low half; negative for kernel handles. */
export type KernelHandle = Address;

/** Handles that may be open at once; at the bound opening fails with STATUS_INSUFFICIENT_RESOURCES. */
export const HANDLE_LIMIT = 16_384;

/** An open handle. */
export interface HandleEntry {
  readonly handle: KernelHandle;
  readonly object: KernelObject;
  /** The access mask it was opened with, generic rights resolved. */
  readonly access: number;
  /** Who has to close it, null for user programs of the host. */
  readonly driver: Driver | null;
}

export class HandleTable {
  readonly #kernel: Kernel;
  readonly #entries = new Map<number, HandleEntry>();
  /** Free indices, the one freed last is reused last. */
  #free: number[] = [];
  #next = 1;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Number of open handles. */
  get count(): number {
    return this.#entries.size;
  }

  /** All open handles, by index. */
  get entries(): readonly HandleEntry[] {
    return [...this.#entries.values()];
  }

  /**
   * Opens a handle, which takes a reference of its own; null at HANDLE_LIMIT.
   * @param options `driver`: who has to close it; `kernelHandle`: OBJ_KERNEL_HANDLE.
   */
  open(
    object: KernelObject,
    access: number,
    options: { readonly driver?: Driver | null; readonly kernelHandle?: boolean } = {},
  ): KernelHandle | null {
    if (this.#entries.size >= HANDLE_LIMIT) return null;
    const index = this.#takeIndex();
    const handle = options.kernelHandle === true ? 0x8000_0000 | (index * 4) | 0 : index * 4;
    const driver = options.driver ?? null;
    this.#entries.set(index, { handle, object, access, driver });
    objectsOf(this.#kernel).reference(object);
    object.handleCount++;
    driver?.own(`handle ${handle}`, {
      kind: 'handle',
      name: `${handleText(handle)} of ${object.type} ${object.name}`,
      releasedBy: 'ZwClose',
      release: () => this.closeNow(handle),
    });
    return handle;
  }

  /** The open handle, or undefined. The two low bits are the caller's to use. */
  resolve(handle: KernelHandle): HandleEntry | undefined {
    const entry = this.#entries.get((handle & 0x7fff_fffc) >> 2);
    return entry !== undefined && entry.handle === (handle & ~3) ? entry : undefined;
  }

  /** Takes a handle out of the table; its reference is the caller's to give back. */
  remove(handle: KernelHandle): HandleEntry | undefined {
    const entry = this.resolve(handle);
    if (entry === undefined) return undefined;
    const index = (entry.handle & 0x7fff_fffc) >> 2;
    this.#entries.delete(index);
    this.#free.push(index);
    entry.object.handleCount--;
    entry.driver?.disown(`handle ${entry.handle}`);
    return entry;
  }

  /** Closes a handle on somebody's behalf; what has to call drivers runs on a thread of its own. */
  closeNow(handle: KernelHandle): void {
    const entry = this.remove(handle);
    if (entry === undefined) return;
    const objects = objectsOf(this.#kernel);
    const { lastHandleClosed } = objects.behaviour(entry.object);
    if (entry.object.handleCount > 0 || lastHandleClosed === undefined) {
      objects.dereference(entry.object);
      return;
    }
    this.#kernel.scheduler.createThread(
      `close ${entry.object.type}`,
      lastHandleClosed,
      this.#kernel,
      { address: entry.object.address },
      { finished: () => objects.dereference(entry.object) },
    );
  }

  #takeIndex(): number {
    const reused = this.#free.shift();
    return reused ?? this.#next++;
  }
}

/** The handles of a machine. */
export const handlesOf: (kernel: Kernel) => HandleTable = perKernel(
  'handles',
  (kernel) => new HandleTable(kernel),
);

/** Stores a HANDLE, both halves: kernel handles are negative 64-bit numbers. */
export function writeHandle(memory: KernelMemory, at: Address, handle: KernelHandle): void {
  memory.i32[at >> 2] = handle;
  memory.i32[(at + 4) >> 2] = handle < 0 ? -1 : 0;
}

/** A handle as messages show it. */
export function handleText(handle: KernelHandle): string {
  return handle < 0 ? `0xFFFFFFFF${(handle >>> 0).toString(16).toUpperCase()}` : `0x${handle.toString(16)}`;
}
