/** Choosing events of a trace: by driver, name, kind, thread and time. */

import type { TraceKind } from './eventFields.ts';
import type { TraceEvent } from './events.ts';

/** What events to keep; a member that is not given keeps all, several given must all hold. */
export interface TraceFilter {
  /** Names of drivers or adapters; an event is kept that any of them takes part in. */
  readonly drivers?: readonly string[];
  /** Names of functions, callbacks, states, verbs or codes; `*` stands for any characters. */
  readonly names?: readonly string[];
  readonly kinds?: readonly TraceKind[];
  readonly threads?: readonly number[];
  /** Machine time in units of 100 ns, inclusive. */
  readonly from?: number;
  /** Machine time in units of 100 ns, inclusive. */
  readonly to?: number;
}

/** The name of what happened: a function, a verb, a state, a code. */
export function nameOf(event: TraceEvent): string {
  switch (event.kind) {
    case 'call':
    case 'return':
    case 'callback':
    case 'callbackReturn':
      return event.name;
    case 'state':
      return event.to;
    case 'note':
      return event.subject;
    case 'finding':
      return event.code;
    case 'hop':
      return event.verb;
    case 'wait':
      return event.reason;
    case 'resume':
    case 'bugCheck':
      return event.kind;
  }
}

/** Whether a driver or adapter takes part in an event. */
export function involves(event: TraceEvent, name: string): boolean {
  switch (event.kind) {
    case 'call':
    case 'return':
    case 'callback':
    case 'callbackReturn':
    case 'finding':
      return event.driver === name;
    case 'hop':
      return event.from === name || event.to === name;
    case 'state':
      return ` ${event.object} `.includes(` ${name} `);
    case 'note':
      return event.subject === name || ` ${event.text} `.includes(` ${name} `);
    case 'wait':
    case 'resume':
    case 'bugCheck':
      return false;
  }
}

/** Makes the test that a filter stands for. */
export function createFilter(filter: TraceFilter): (event: TraceEvent) => boolean {
  const { drivers, names, kinds, threads, from = 0, to = Number.POSITIVE_INFINITY } = filter;
  const patterns = names?.map(pattern);
  return (event) =>
    event.time >= from &&
    event.time <= to &&
    (kinds === undefined || kinds.includes(event.kind)) &&
    (threads === undefined || threads.includes(event.thread)) &&
    (drivers === undefined || drivers.some((name) => involves(event, name))) &&
    (patterns === undefined || patterns.some((test) => test.test(nameOf(event))));
}

function pattern(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'i');
}
