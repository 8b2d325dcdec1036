/**
 * State machines of the library as explicit tables taken from the documentation. A transition that the table does
 * not have is reported, never made.
 * Implements decision 6 of the design.
 */

import type { Driver, Kernel } from '../kernel/index.ts';

/** For each event, the state it leads to from each state in which it may happen. */
export type Transitions<S extends string, E extends string> = Readonly<
  Record<E, Readonly<Partial<Record<S, S>>>>
>;

/** A documented table. */
export interface StateTable<S extends string, E extends string> {
  /** What has these states, `miniport adapter`. */
  readonly subject: string;
  /** Page of the documentation. */
  readonly page: string;
  readonly transitions: Transitions<S, E>;
}

/** Declares a table. */
export function stateTable<S extends string, E extends string>(
  subject: string,
  page: string,
  transitions: Transitions<S, E>,
): StateTable<S, E> {
  return { subject, page, transitions };
}

/** Something that has a state of a table. */
export interface Stateful<S extends string> {
  state: S;
  /** How traces and findings name it. */
  readonly label: string;
}

/** Whether `event` may happen in the present state of `object`. */
export function mayHappen<S extends string, E extends string>(
  table: StateTable<S, E>,
  object: Stateful<S>,
  event: E,
): boolean {
  return table.transitions[event][object.state] !== undefined;
}

/**
 * Makes the transition for `event`. Returns false, and reports ILLEGAL_TRANSITION against `driver`, where the table
 * has none.
 */
export function apply<S extends string, E extends string>(
  kernel: Kernel,
  table: StateTable<S, E>,
  object: Stateful<S>,
  event: E,
  driver: Driver | null,
): boolean {
  const from = object.state;
  const to = table.transitions[event][from];
  if (to === undefined) {
    kernel.report(
      'ILLEGAL_TRANSITION',
      driver,
      `${event} of the ${table.subject} ${object.label} is not possible in its state ${from}`,
      table.page,
    );
    return false;
  }
  object.state = to;
  kernel.emit({ kind: 'state', object: `${table.subject} ${object.label}`, from, to });
  return true;
}
