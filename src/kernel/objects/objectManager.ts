/**
 * Objects that drivers reference by address and by handle: their types, reference counts and what happens when the
 * last handle or the last reference goes. Implements "Life Cycle of an Object" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import { REFERENCE_BY_POINTER } from '../generated/constants/bugCheck.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import type { Procedure } from '../procedure.ts';

/** A kernel object: plain data. */
export interface KernelObject {
  /** `Key`, `File`, `Thread`, `Event`, `Device`, `Driver`, ... */
  readonly type: string;
  /** What drivers know it by. */
  readonly address: Address;
  /** Its name in messages; not necessarily one that can be opened. */
  readonly name: string;
  /** What the concern that made it keeps with it. */
  readonly body: unknown;
  pointerCount: number;
  handleCount: number;
}

/** What a procedure of a type works on. */
export interface ObjectLocals {
  readonly address: Address;
}

/** What a type of object does at the end of its life. */
export interface ObjectTypeBehaviour {
  /** Runs when the last handle was closed, before that handle's reference goes. */
  readonly lastHandleClosed?: Procedure<Kernel, ObjectLocals>;
  /** Runs when the last reference is gone and may call drivers; the object is out of the table by then. */
  readonly remove?: Procedure<Kernel, ObjectLocals>;
  /** Told when the last reference is gone. Must not call a driver. */
  readonly removed?: (kernel: Kernel, object: KernelObject) => void;
}

export class ObjectManager {
  readonly #kernel: Kernel;
  readonly #objects = new Map<Address, KernelObject>();
  readonly #types = new Map<string, ObjectTypeBehaviour>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Says how a type ends; types without anything to do need no definition. */
  defineType(name: string, behaviour: ObjectTypeBehaviour): void {
    this.#types.set(name, behaviour);
  }

  behaviour(object: KernelObject): ObjectTypeBehaviour {
    return this.#types.get(object.type) ?? {};
  }

  /** The address that stands for a type where a driver passes POBJECT_TYPE. */
  typeAddress(name: string): Address {
    return this.#kernel.memory.objects.addressOf(`object type ${name}`, 'kernel');
  }

  /** Name of the type that an address stands for, or null. */
  typeName(address: Address): string | null {
    const value = this.#kernel.memory.objects.valueAt(address);
    return typeof value === 'string' && value.startsWith('object type ') ? value.slice(12) : null;
  }

  /** Registers an object with one reference. Without an address it gets an opaque one. */
  create(type: string, name: string, body: unknown, address: Address | null = null): KernelObject {
    const at = address ?? this.#kernel.memory.objects.addressOf({ object: name }, 'kernel objects');
    const object: KernelObject = { type, address: at, name, body, pointerCount: 1, handleCount: 0 };
    this.#objects.set(at, object);
    return object;
  }

  /** The object at an address. */
  at(address: Address): KernelObject | undefined {
    return this.#objects.get(address);
  }

  get count(): number {
    return this.#objects.size;
  }

  reference(object: KernelObject): void {
    object.pointerCount++;
  }

  /**
   * Takes one reference. At the last one the object ends: what has to call a driver runs on a thread of its own, as
   * the caller may be at DISPATCH_LEVEL. Returns the references that are left.
   */
  dereference(object: KernelObject): number {
    if (this.release(object)) this.removeLater(object);
    return object.pointerCount;
  }

  /** Takes one reference; true where it was the last, and the caller has to end the object. */
  release(object: KernelObject): boolean {
    if (object.pointerCount <= 0 || (object.pointerCount === 1 && object.handleCount > 0)) {
      this.#kernel.bugCheck(
        REFERENCE_BY_POINTER,
        [this.typeAddress(object.type), object.address, 0, 0],
        `${object.type} ${object.name} was dereferenced more often than it was referenced; pair ObDereferenceObject with the call that gave the reference`,
      );
    }
    object.pointerCount--;
    if (object.pointerCount > 0) return false;
    this.#objects.delete(object.address);
    return true;
  }

  /** Ends an object without references. */
  removeLater(object: KernelObject): void {
    const { remove } = this.behaviour(object);
    if (remove === undefined) return this.finish(object);
    this.#kernel.scheduler.createThread(
      `remove ${object.type}`,
      remove,
      this.#kernel,
      { address: object.address },
      { finished: () => this.finish(object) },
    );
  }

  /** The last step of an object's end. */
  finish(object: KernelObject): void {
    this.behaviour(object).removed?.(this.#kernel, object);
  }
}

/** The objects of a machine. */
export const objectsOf: (kernel: Kernel) => ObjectManager = perKernel(
  'objects',
  (kernel) => new ObjectManager(kernel),
);
