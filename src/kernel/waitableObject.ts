/**
 * Objects of the host that drivers know by an opaque address: what the library keeps behind its handles, and those
 * among them that a thread can wait for, such as threads.
 * Implements decision 1 of the design.
 */

import type { DispatcherBehaviour } from './dispatcherObjects.ts';
import type { Thread } from './thread.ts';

/** Base class of what the library keeps behind its handles: never handed to a TypeScript driver as its own object. */
export class LibraryObject {}

/** A library object that can be waited for by its opaque address. */
export abstract class WaitableObject extends LibraryObject {
  abstract readonly behaviour: DispatcherBehaviour;
}

/** What a PKTHREAD points to. It outlives its thread while handles or references keep it. */
export class ThreadObject extends WaitableObject {
  readonly id: number;
  /** The thread; set when the scheduler has made it. */
  thread: Thread | null = null;
  ended = false;
  /** Open handles and references of drivers. */
  references = 0;
  readonly behaviour: DispatcherBehaviour = { signaled: () => this.ended, satisfy: () => false };

  constructor(id: number) {
    super();
    this.id = id;
  }
}
