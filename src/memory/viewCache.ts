/**
 * The views already handed out, by structure and address, so that a view stays the same object while it is held.
 * Implements the canonical views of decision 1 of the design without keeping views alive.
 */

import type { Address } from './addressSpace.ts';
import type { AnyView } from './view.ts';

/** Views already handed out, so that each stays canonical; entries of collected views are swept. */
export class ViewCache {
  readonly #tables = new Map<unknown, ViewTable>();

  /** The table of one structure's views. */
  table(structure: unknown): ViewTable {
    let table = this.#tables.get(structure);
    if (table === undefined) {
      table = new ViewTable();
      this.#tables.set(structure, table);
    }
    return table;
  }
}

/** Smallest number of entries at which a table is swept. */
const FIRST_SWEEP = 256;

/** The views of one structure. */
export class ViewTable {
  readonly #views = new Map<Address, WeakRef<AnyView>>();
  #sweepAt = FIRST_SWEEP;

  get size(): number {
    return this.#views.size;
  }
  get(address: Address): AnyView | undefined {
    return this.#views.get(address)?.deref();
  }
  set(address: Address, view: AnyView): void {
    this.#views.set(address, new WeakRef(view));
    if (this.#views.size >= this.#sweepAt) this.#sweep();
  }
  /** Drops entries whose views are gone; the next sweep comes when the rest has doubled. */
  #sweep(): void {
    for (const [address, view] of this.#views) {
      if (view.deref() === undefined) this.#views.delete(address);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, this.#views.size * 2);
  }
}
