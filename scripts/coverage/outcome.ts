/** Tells a call that succeeded from one that failed as documented, by the kind of its result. */

import { RETURNS_NOTHING, WRITES_NULL } from './documentedFailures.ts';
import type { DdiEntry } from './facts.ts';

/** One call as the import seam saw it. */
export interface ObservedCall {
  readonly name: string;
  /** The documented C return type. */
  readonly returns: string;
  readonly parameters: readonly { readonly name: string }[];
  readonly args: readonly unknown[];
  readonly result: unknown;
  /** The 32 bits at an address of the machine. */
  readonly read: (address: number) => number;
}

export type Outcome = 'success' | 'failure';

const STATUS_TYPE = /^(NDIS_STATUS|NTSTATUS)$/;
/** Warnings and errors have the highest bit. */
const isError = (status: number): boolean => status >>> 31 === 1;

/** @param statusParameter the parameter through which the status comes back, where the function returns none. */
export function outcomeOf(call: ObservedCall, statusParameter?: string): Outcome {
  const { name, result } = call;
  if (STATUS_TYPE.test(call.returns)) {
    return typeof result === 'number' && isError(result) ? 'failure' : 'success';
  }
  if (RETURNS_NOTHING.has(name)) {
    return result === 0 || result === false || result === null ? 'failure' : 'success';
  }
  const written = (parameter: string): number | undefined => {
    const address = call.args[call.parameters.findIndex((candidate) => candidate.name === parameter)];
    return typeof address === 'number' && address !== 0 ? call.read(address) : undefined;
  };
  const nullAt = WRITES_NULL.get(name);
  if (nullAt !== undefined) return written(nullAt) === 0 ? 'failure' : 'success';
  if (statusParameter !== undefined) return isError(written(statusParameter) ?? 0) ? 'failure' : 'success';
  return 'success';
}

/** Whether the reference documents a failure of the entry, so that a test has to show one. */
export function documentsFailure(
  entry: DdiEntry,
  statusValue: (name: string) => number | undefined,
): boolean {
  if (RETURNS_NOTHING.has(entry.name) || WRITES_NULL.has(entry.name)) return true;
  if (!STATUS_TYPE.test(entry.ret ?? '') && entry.returnsVia === undefined) return false;
  return (entry.returns ?? []).some((status) => {
    const value = statusValue(status);
    return value === undefined ? status.endsWith('_XXX') : isError(value);
  });
}
