/** Floor `trace`: what happened in a machine. Read in this order. */
export * from './events.ts';
export * from './eventFields.ts';
export * from './recording.ts';
export * from './recorder.ts';
export * from './traceError.ts';
export * from './ndjson.ts';
export * from './filter.ts';
export * from './follow.ts';
