/** The precise interpreter. Reading order: what handlers work on, records of instructions, their cache, the loop. */

export {
  type AccessPoint,
  Cpu,
  Fault,
  type MemorySafety,
  OBSERVE_PREEMPT,
  OBSERVE_TRACE,
} from './cpu.ts';
export { CODE_ENTRY, Op } from './op.ts';
export { CodeCache, type CodeWatcher, type HotThresholds } from './codeCache.ts';
export { ENTER_CONTINUE, ENTER_INTERPRET, makeExecute, type Tiers } from './loop.ts';
export { executeSingle, NOT_SINGLE } from './single.ts';
