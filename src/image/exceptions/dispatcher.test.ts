/**
 * Structured exceptions of compiled C (native/exceptions/exceptions.c), run by the engine and a small run loop. Rules:
 * "x64 exception handling", "Structured Exception Handling" (Microsoft C++) and "Handling Exceptions" (kernel).
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Argument, AstrayError, Runner, USER } from '../../../test/support/exceptionRunner.ts';
import {
  ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY,
  DISPATCH_LEVEL,
  DRIVER_IRQL_NOT_LESS_OR_EQUAL,
  KMODE_EXCEPTION_NOT_HANDLED,
  PAGE_FAULT_IN_NONPAGED_AREA,
  STATUS_ACCESS_VIOLATION,
  STATUS_BREAKPOINT,
  STATUS_ILLEGAL_INSTRUCTION,
  STATUS_INTEGER_DIVIDE_BY_ZERO,
  STATUS_NONCONTINUABLE_EXCEPTION,
  SYSTEM_THREAD_EXCEPTION_NOT_HANDLED,
  UNEXPECTED_KERNEL_MODE_TRAP,
} from '../../kernel/index.ts';
import { type Address, KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import { RSP, STATE_GENERAL } from '../../x64/index.ts';
import { frameName, readRegisters, walkStack } from '../unwind/index.ts';
import type { Activation } from './index.ts';

const wild: Argument = [0x7000_0000, KERNEL_WINDOW_HIGH];

describe('exceptions of the processor', () => {
  it('are caught with their code', () => {
    const runner = new Runner();
    expect(runner.invoke('catchRead', USER)).toBe(STATUS_ACCESS_VIOLATION);
    expect(runner.invoke('catchRead', [0, 0])).toBe(STATUS_ACCESS_VIOLATION);
    expect(runner.invoke('catchDivide', [1, 0], [0, 0])).toBe(STATUS_INTEGER_DIVIDE_BY_ZERO);
    expect(runner.invoke('catchDivide', [6, 0], [2, 0])).toBe(3);
    expect(runner.invoke('catchIllegal')).toBe(STATUS_ILLEGAL_INSTRUCTION);
    expect(runner.invoke('catchBreakpoint')).toBe(STATUS_BREAKPOINT);
    expect(runner.strand.activations).toEqual([]);
  });

  it('tell a filter what was accessed, how, and where', () => {
    const runner = new Runner();
    expect(runner.invoke('inspectRead', USER)).toBe(1);
    expect(runner.events).toEqual([STATUS_ACCESS_VIOLATION, 2, 0, USER[0], 1]);
  });

  it('go on at the instruction where a filter mends its register', () => {
    const runner = new Runner();
    expect(runner.invoke('continueRead', USER)).toBe(4711);
    expect(runner.events).toEqual([STATUS_ACCESS_VIOLATION]);
    expect(runner.strand.activations).toEqual([]);
  });

  it('keep the registers of the function that handles them', () => {
    expect(new Runner().invoke('preserved', USER)).toBe(
      0x11 + 0x22 + 0x33 + 0x44 + 0x55 + 0x66 + 0x77 + 0x77 + 0x11,
    );
  });

  it('cannot be caught for kernel addresses', () => {
    const outcome = new Runner().invoke('catchRead', wild);
    expect(outcome).toMatchObject({
      kind: 'bugCheck',
      code: PAGE_FAULT_IN_NONPAGED_AREA,
      parameters: [0x7000_0000, 0, expect.any(Number), 2],
    });
  });

  it('cannot be caught at DISPATCH_LEVEL where memory is missing', () => {
    const runner = new Runner();
    runner.irql = DISPATCH_LEVEL;
    expect(runner.invoke('catchRead', USER)).toMatchObject({ code: DRIVER_IRQL_NOT_LESS_OR_EQUAL });
    expect(runner.invoke('catchDivide', [1, 0], [0, 0])).toBe(STATUS_INTEGER_DIVIDE_BY_ZERO);
  });
});

describe('calls', () => {
  it('of NULL and of addresses of programs are caught as attempts to execute', () => {
    const runner = new Runner();
    expect(runner.invoke('catchCall', [0, 0])).toBe(STATUS_ACCESS_VIOLATION);
    expect(runner.invoke('catchCall', USER)).toBe(STATUS_ACCESS_VIOLATION);
    expect(runner.events).toEqual([8, 8]);
  });

  it('of kernel memory that is no code are not', () => {
    expect(new Runner().invoke('catchCall', wild)).toMatchObject({ code: PAGE_FAULT_IN_NONPAGED_AREA });
    const runner = new Runner();
    const data: Argument = [runner.symbol('events'), KERNEL_WINDOW_HIGH];
    expect(runner.invoke('catchCall', data)).toMatchObject({ code: ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY });
  });

  it('without end use up the stack', () => {
    const overflow = { code: UNEXPECTED_KERNEL_MODE_TRAP, parameters: [8, 0, 0, 0] };
    expect(new Runner().invoke('overflow', [0, 0])).toMatchObject(overflow);
    expect(new Runner().invoke('large', [0, 0])).toBe(0);
    expect(new Runner().invoke('large', [5, 0])).toMatchObject(overflow);
  });
});

describe('raised statuses', () => {
  it('are caught with their code', () => {
    expect(new Runner().invoke('catchStatus', [0x4000_0001, 0])).toBe(0x4000_0001);
  });

  it('ask all filters before any __finally block runs', () => {
    const runner = new Runner();
    expect(runner.invoke('order', [0xc000_0007, 0])).toBe(0xc000_0007);
    expect(runner.events).toEqual([1, 10, 11, 2, 3, 4]);
  });

  it('leave the blocks around the handler alone until they end', () => {
    const runner = new Runner();
    expect(runner.invoke('enclosing', [0xc000_0008, 0])).toBe(0xc000_0008);
    expect(runner.events).toEqual([12, 13, 14]);
  });

  it('leave __finally blocks alone where nothing is raised', () => {
    const runner = new Runner();
    expect(runner.invoke('finallyWithout')).toBe(7);
    expect(runner.events).toEqual([1, 2]);
  });

  it('run the blocks of every frame, innermost first', () => {
    const runner = new Runner();
    expect(runner.invoke('deep', [9, 0], USER)).toBe(STATUS_ACCESS_VIOLATION);
    expect(runner.events).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('cannot be continued: that is an exception of its own', () => {
    const runner = new Runner();
    expect(runner.invoke('continueStatus')).toBe(STATUS_NONCONTINUABLE_EXCEPTION);
    expect(runner.events).toEqual([0xc000_0030, STATUS_NONCONTINUABLE_EXCEPTION]);
  });

  it('of RtlRaiseException go on where a filter says so, unless their flag forbids it', () => {
    const runner = new Runner();
    expect(runner.invoke('continueOwn', [0, 0])).toBe(8);
    expect(runner.events).toEqual([0x2000_1234, 50]);
    // The filter continues that as well, and so on until the stack is used up.
    expect(new Runner().invoke('continueOwn', [1, 0])).toMatchObject({ code: UNEXPECTED_KERNEL_MODE_TRAP });
  });
});

describe('exceptions while another one is handled', () => {
  it('may be handled within a filter', () => {
    const runner = new Runner();
    expect(runner.invoke('nestedInFilter')).toBe(0xc000_0002);
    expect(runner.events).toEqual([20, 21, 22]);
  });

  it('may leave a filter, and are then offered to the same frames', () => {
    const runner = new Runner();
    expect(runner.invoke('escapesFilter')).toBe(0xc000_0004);
    expect(runner.events).toEqual([0xc000_0003, 0xc000_0004]);
  });

  it('use up the stack where every one of them leads to the next', () => {
    const outcome = new Runner().invoke('endlessFilter');
    expect(outcome).toMatchObject({ code: UNEXPECTED_KERNEL_MODE_TRAP, parameters: [8, 0, 0, 0] });
  });

  it('replace it where they leave a __finally block, and no block runs twice', () => {
    const runner = new Runner();
    expect(runner.invoke('collided')).toBe(0xc000_0011);
    // Filters of the first, which the outer scope takes; its unwind runs the block that raises the second.
    expect(runner.events).toEqual([33, 35, 30, 32, 31, 34]);
    expect(runner.strand.activations).toEqual([]);
  });

  it('may be handled within a __finally block, and the unwind goes on', () => {
    const runner = new Runner();
    expect(runner.invoke('nestedInFinally')).toBe(0xc000_0020);
    expect(runner.events).toEqual([43, 40, 41, 42, 44]);
  });
});

describe('exceptions that nothing handles', () => {
  it('are SYSTEM_THREAD_EXCEPTION_NOT_HANDLED in a thread, before any block runs', () => {
    const runner = new Runner('thread');
    const outcome = runner.invoke('unhandled', [0xc000_0044, 0]);
    expect(outcome).toMatchObject({ code: SYSTEM_THREAD_EXCEPTION_NOT_HANDLED });
    const [code, address, record = 0, context = 0] =
      typeof outcome === 'object' && 'parameters' in outcome ? outcome.parameters : [];
    expect(code).toBe(0xc000_0044);
    expect(runner.memory.u32[record >> 2]).toBe(code);
    expect(runner.memory.u32[(context + 248) >> 2]).toBe(address);
    expect(runner.events).toEqual([]);
  });

  it('are KMODE_EXCEPTION_NOT_HANDLED elsewhere', () => {
    const outcome = new Runner('kernel').invoke('unhandled', [0xc000_0044, 0]);
    expect(outcome).toMatchObject({ code: KMODE_EXCEPTION_NOT_HANDLED });
  });

  it('go on to TypeScript where it called, after all blocks have run and with the registers that a callee keeps', () => {
    const runner = new Runner('typescript');
    const outcome = runner.invoke('unhandled', [0xc000_0044, 0]);
    expect(outcome).toMatchObject({ kind: 'leave', exception: { status: 0xc000_0044 } });
    expect(runner.events).toEqual([60]);
    const registers = readRegisters(runner.memory);
    for (const register of [3, 5, 6, 7, 12, 13, 14, 15]) expect(registers[register * 2]).toBe(register);
    expect(runner.strand.activations).toEqual([]);
  });
});

describe('functions of the kernel', () => {
  it('capture a back trace', () => {
    const runner = new Runner();
    const trace = runner.strand.stackLow;
    const at = (address: Address): Argument => [address, KERNEL_WINDOW_HIGH];
    expect(runner.invoke('backTrace', at(trace), at(trace + 0x100))).toBe(2 + 101);
    const [inner = 0, , outer = 0] = runner.memory.u32.subarray(trace >> 2, (trace >> 2) + 4);
    const start = runner.symbol('backTrace');
    expect(outer).toBeGreaterThan(start);
    expect(outer).toBeLessThan(start + 0x20);
    expect(runner.memory.u32[(trace + 0x100) >> 2]).toBe((inner + outer) >>> 0);
  });

  it('let machine code unwind itself', () => {
    const runner = new Runner();
    expect(runner.invoke('frames', [5, 0])).toBe(500 + 7);
  });
});

describe('language handlers', () => {
  it('may be in the image and hand over to that of C', () => {
    const runner = new Runner();
    expect(runner.invoke('ownHandler', [0xc000_0050, 0])).toBe(0xc000_0050);
    // Asked once in the search, then the block above runs, then it is the target of the unwind.
    expect(runner.events).toEqual([70, 1, 71, 70, 1 | 2 | 0x20]);
    expect(runner.strand.activations).toEqual([]);
  });
});

describe('unwinding on demand', () => {
  it('runs the blocks in between and goes on in the target frame with its registers and the value given', () => {
    for (const [way, value] of [
      [0, 0],
      [5, 5],
    ] as const) {
      const runner = new Runner();
      expect(runner.invoke('localUnwind', [way, 0])).toBe(0x1111 + value);
      expect(runner.events).toEqual([80, 82]);
      expect(runner.strand.activations).toEqual([]);
    }
  });
});

describe('a stack walk', () => {
  it('goes through a filter and the dispatch to the code that raised', () => {
    const runner = new Runner();
    const outcome = runner.invoke('endlessFilter');
    const registers =
      typeof outcome === 'object' && 'registers' in outcome
        ? outcome.registers
        : readRegisters(runner.memory);
    const host = {
      hostFrame: (address: Address, stack: Address) =>
        runner.dispatcher.hostFrame(runner.strand, address, stack),
    };
    const { unwinder } = runner.dispatcher;
    const names = walkStack(unwinder, host, registers, 200).map((frame) => frameName(unwinder, frame));
    expect(names.at(-1)).toBe('the test');
    expect(names.filter((name) => name === '__C_specific_handler').length).toBeGreaterThan(2);
    expect(names.filter((name) => name === 'exception dispatch').length).toBeGreaterThan(2);
  });
});

const CASES: readonly [name: string, ...args: Argument[]][] = [
  ['order', [0xc000_0007, 0]],
  ['nestedInFilter'],
  ['escapesFilter'],
  ['collided'],
  ['nestedInFinally'],
  ['deep', [5, 0], USER],
  ['continueRead', USER],
  ['frames', [2, 0]],
  ['ownHandler', [0xc000_0050, 0]],
  ['localUnwind', [5, 0]],
];

describe('translated code', () => {
  it('has the same exceptions as interpreted code', () => {
    let translated = 0;
    for (const [name, ...args] of CASES) {
      const runs = [{ translate: false }, { thresholds: { calls: 2, loops: 2 } }].map((engine) => {
        const runner = new Runner('thread', engine);
        const results = Array.from({ length: 12 }, () => runner.invoke(name, ...args));
        translated += runner.engine.translated?.counts.functions ?? 0;
        return { results, events: runner.events };
      });
      expect(runs[1], name).toEqual(runs[0]);
    }
    expect(translated).toBeGreaterThan(CASES.length);
  });
});

describe('what is kept while an exception is handled', () => {
  it('is plain data', () => {
    for (const [name, ...args] of CASES) {
      const plain = new Runner();
      const result = plain.invoke(name, ...args);
      const restored = new Runner();
      const { activations } = restored.strand;
      restored.between = () => {
        // The text of a machine's state has the same keys and values as what it was made of.
        const copy = JSON.parse(JSON.stringify(activations)) as Activation[];
        activations.splice(0, activations.length, ...copy);
      };
      expect(restored.invoke(name, ...args), name).toEqual(result);
      expect(restored.events).toEqual(plain.events);
    }
  });

  it('may be overwritten by machine code: the strand goes on or the machine stops, the host never fails', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CASES),
        fc.array(fc.tuple(fc.nat(0x1400), fc.integer()), { minLength: 1, maxLength: 40 }),
        fc.nat(12),
        ([name, ...args], changes, when) => {
          const runner = new Runner();
          let count = 0;
          runner.between = () => {
            if (count++ !== when) return;
            const { memory } = runner;
            const stack = memory.u32[(STATE_GENERAL + RSP * 8) >> 2];
            for (const [offset, value] of changes) {
              const at = stack + offset * 4;
              // One in four keeps the address plausible.
              const word = (value & 3) === 0 ? stack + (value & 0xff8) : value;
              if (at < runner.strand.stackHigh) memory.i32[at >> 2] = word;
            }
          };
          try {
            runner.invoke(name, ...args);
          } catch (error) {
            // Machine code may run astray without end, or call what is no function.
            if (!(error instanceof AstrayError)) throw error;
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
