/**
 * A loaded driver as the kernel knows it: its objects, the seam through which it imports functions, and what it
 * owns, so that everything it leaves behind can be named and released.
 */

import type { Address } from '../memory/index.ts';
import type { DriverCallback } from './callback.ts';
import type { CallbackDeclaration } from './declaration.ts';

export type DriverState = 'loading' | 'loaded' | 'unloading' | 'unloaded' | 'failed';

/** Something a driver acquired and has to give back. */
export interface OwnedResource {
  /** For example `pool block`, `NET_BUFFER_LIST pool`, `protocol driver`. */
  readonly kind: string;
  /** What the driver calls it: a tag, a name, an address. */
  readonly name: string;
  /** The call that gives it back, for the finding. */
  readonly releasedBy: string;
  /** Gives it back on the driver's behalf after the finding was reported. Must not call the driver. */
  readonly release: () => void;
}

/** What turns a driver's addresses into callable callbacks; made by the seam that loaded the driver. */
export type CallbackBinder = <F>(
  driver: Driver,
  address: Address,
  declaration: CallbackDeclaration<F>,
) => DriverCallback<F>;

export class Driver {
  /** From 1, in order of loading. */
  readonly id: number;
  /** Service name, `ndisprot`. */
  readonly name: string;
  readonly bindCallback: CallbackBinder;
  state: DriverState = 'loading';
  /** It is machine code, not TypeScript. */
  compiled = false;
  /** The DRIVER_OBJECT. */
  driverObject: Address = 0;
  /** `\Registry\Machine\System\CurrentControlSet\Services\NAME` */
  readonly registryPath: string;
  readonly #owned = new Map<string, OwnedResource>();

  constructor(id: number, name: string, bindCallback: CallbackBinder) {
    this.id = id;
    this.name = name;
    this.bindCallback = bindCallback;
    this.registryPath = `\\Registry\\Machine\\System\\CurrentControlSet\\Services\\${name}`;
  }

  /** The callback at `address`, or null where the driver registered none. */
  callback<F>(address: Address, declaration: CallbackDeclaration<F>): DriverCallback<F> | null {
    return address === 0 ? null : this.bindCallback(this, address, declaration);
  }

  /** Notes that the driver owns something; `key` is unique, `pool 0x12340`. */
  own(key: string, resource: OwnedResource): void {
    this.#owned.set(key, resource);
  }

  /** Notes that the driver gave it back. */
  disown(key: string): void {
    this.#owned.delete(key);
  }

  /** What the driver owns, oldest first. */
  get owned(): readonly OwnedResource[] {
    return [...this.#owned.values()];
  }

  /** Takes everything the driver owns, newest first, to be released. */
  takeOwned(): OwnedResource[] {
    const all = [...this.#owned.values()].reverse();
    this.#owned.clear();
    return all;
  }
}
