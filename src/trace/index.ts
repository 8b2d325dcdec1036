/** Floor `trace`: what happened in a machine. Read in this order. */
export * from './events.ts';
