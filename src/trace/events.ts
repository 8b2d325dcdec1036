/**
 * The event vocabulary of a machine: one small versioned union. The kernel and the library emit these, the recorder
 * keeps them in binary, and NDJSON (one event a line) is the form they are read in.
 */

/** Version of the vocabulary; raised when a reader of an older one would misread a newer trace. */
export const TRACE_VERSION = 1;

/** What every event carries. */
export interface EventStamp {
  /** Machine time in units of 100 ns since the machine was created. */
  readonly time: number;
  /** Logical processor. */
  readonly processor: number;
  /** Thread id, 0 while no thread runs. */
  readonly thread: number;
  readonly irql: number;
}

/** An argument or result as traces keep it: numbers as they are, everything else decoded to text. */
export type TraceValue = number | string;

export type TraceEvent = EventStamp &
  (
    | {
        readonly kind: 'call';
        readonly driver: string;
        readonly name: string;
        readonly args: readonly TraceValue[];
        /** Where machine code goes on after the call, `mux.sys+0x1234`; absent for TypeScript drivers. */
        readonly from?: string;
      }
    | { readonly kind: 'return'; readonly driver: string; readonly name: string; readonly result: TraceValue }
    | {
        readonly kind: 'callback';
        readonly driver: string;
        readonly name: string;
        readonly args: readonly TraceValue[];
      }
    | {
        readonly kind: 'callbackReturn';
        readonly driver: string;
        readonly name: string;
        readonly result: TraceValue;
      }
    | {
        /** An object of the library or the kernel went from one state of its table to another. */
        readonly kind: 'state';
        readonly object: string;
        readonly from: string;
        readonly to: string;
      }
    | { readonly kind: 'note'; readonly subject: string; readonly text: string }
    | {
        readonly kind: 'finding';
        readonly code: string;
        readonly driver: string;
        readonly text: string;
        readonly page: string;
      }
    | {
        readonly kind: 'hop';
        readonly from: string;
        readonly to: string;
        readonly list: number;
        readonly verb: string;
      }
    | { readonly kind: 'wait'; readonly reason: string; readonly objects: readonly number[] }
    | { readonly kind: 'resume'; readonly status: number }
    | {
        readonly kind: 'bugCheck';
        readonly code: number;
        readonly parameters: readonly number[];
        readonly text: string;
      }
  );

/** An event without its stamp, as those who emit it write it. */
export type EventBody = TraceEvent extends infer E
  ? E extends EventStamp
    ? Omit<E, keyof EventStamp>
    : never
  : never;

/** Where events go. */
export interface TraceSink {
  /** Takes one event; the stamp is the emitter's. Must not call back into the machine. */
  emit(event: TraceEvent): void;
}
