/** The IRQL at which NDIS 5 calls most handlers of a miniport driver. Implements "Serialized NDIS Miniport Drivers" (network). */

import { DISPATCH_LEVEL, type Kernel, lowerIrql } from '../../../kernel/index.ts';

/** Calls a handler as NDIS 5 does: at DISPATCH_LEVEL. */
export function atDispatchLevel<R>(kernel: Kernel, call: () => R): R {
  const { processor } = kernel.scheduler;
  const before = processor.irql;
  if (before >= DISPATCH_LEVEL) return call();
  processor.irql = DISPATCH_LEVEL;
  try {
    return call();
  } finally {
    lowerIrql(kernel, before);
  }
}
