/**
 * System worker threads: a bounded number for each type of queue run what is queued to them at PASSIVE_LEVEL.
 * Implements "System Worker Threads" (windows-driver-docs-pr/kernel).
 */

import { NdisboxError } from '../errors.ts';
import { PASSIVE_LEVEL } from '../generated/constants/basic.ts';
import { WORKER_THREAD_RETURNED_AT_BAD_IRQL } from '../generated/constants/bugCheck.ts';
import {
  CriticalWorkQueue,
  CustomPriorityWorkQueue,
  DelayedWorkQueue,
  HyperCriticalWorkQueue,
} from '../generated/constants/common.ts';
import { irqlName } from '../irql.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { createFrame, type Frame, type Procedure, procedure } from '../procedure.ts';

/** Items that may wait in one queue. */
export const WORK_QUEUE_LIMIT = 65_536;

interface WorkQueue {
  readonly name: string;
  readonly priority: number;
  /** Threads that may run items of this queue at the same time. */
  readonly workers: number;
  running: number;
  readonly items: Frame[];
}

function queue(name: string, priority: number, workers: number): WorkQueue {
  return { name, priority, workers, running: 0, items: [] };
}

const workQueuesOf = perKernel('workQueues', () => ({
  critical: queue('critical', 13, 5),
  delayed: queue('delayed', 12, 7),
  hyperCritical: queue('hypercritical', 15, 1),
  custom: new Map<number, WorkQueue>(),
}));

function queueOf(kernel: Kernel, type: number): WorkQueue | null {
  const queues = workQueuesOf(kernel);
  switch (type) {
    case CriticalWorkQueue:
      return queues.critical;
    case DelayedWorkQueue:
      return queues.delayed;
    case HyperCriticalWorkQueue:
      return queues.hyperCritical;
    default: {
      const priority = type - CustomPriorityWorkQueue;
      if (priority < 0 || priority > 31) return null;
      let custom = queues.custom.get(priority);
      if (custom === undefined) {
        custom = queue(`priority ${priority}`, Math.max(1, priority), 4);
        queues.custom.set(priority, custom);
      }
      return custom;
    }
  }
}

const worker = procedure<Kernel, { readonly type: number }>('SystemWorker', {
  start: (kernel, locals, step) => {
    const work = queueOf(kernel, locals.type);
    const item = work?.items.shift();
    if (work === null || item === undefined) {
      if (work !== null) work.running--;
      return step.done(0);
    }
    return { kind: 'run', next: 'ran', frame: item };
  },
  ran: (kernel, locals, step) => {
    const { processor, thread } = kernel.scheduler;
    if (processor.irql !== PASSIVE_LEVEL || processor.spinLocksHeld > 0) {
      kernel.bugCheck(
        WORKER_THREAD_RETURNED_AT_BAD_IRQL,
        [0, processor.irql, locals.type, thread?.address ?? 0],
        `a work item returned at ${irqlName(processor.irql)} with ${processor.spinLocksHeld} spin lock(s) held; restore what it changed`,
      );
    }
    return step.go('start');
  },
});

/**
 * Queues work of the library to a system worker: `target` runs at PASSIVE_LEVEL and may wait. Any IRQL.
 * @param type WORK_QUEUE_TYPE. @throws NdisboxError WORK_QUEUE_FULL at WORK_QUEUE_LIMIT.
 */
export function queueSystemWork<C, L extends object>(
  kernel: Kernel,
  type: number,
  target: Procedure<C, L>,
  context: C,
  locals: L,
): void {
  const work = queueOf(kernel, type);
  if (work === null) throw new NdisboxError('BAD_WORK_QUEUE', `there is no work queue of type ${type}`);
  if (work.items.length >= WORK_QUEUE_LIMIT) {
    throw new NdisboxError(
      'WORK_QUEUE_FULL',
      `${WORK_QUEUE_LIMIT} items wait in the ${work.name} work queue; let the workers run, or queue less`,
    );
  }
  work.items.push(createFrame(target, context, locals));
  if (work.running >= work.workers) return;
  work.running++;
  kernel.scheduler.createThread(`${work.name} worker`, worker, kernel, { type }, { priority: work.priority });
}
