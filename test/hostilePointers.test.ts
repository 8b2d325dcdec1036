/**
 * Functions of the machine called by machine code with arguments that no driver should give: whatever they are, the
 * call returns, or ends in a bug check or an error with a stable code, and the host has thrown nothing of its own.
 */

import { expect, test } from 'vitest';
import * as kernelFunctions from '../src/kernel/functions.ts';
import { isFunctionDeclaration, NdisboxError } from '../src/kernel/index.ts';
import { Machine } from '../src/machine/index.ts';
import * as ndisFunctions from '../src/ndis/functions.ts';
import { Assembler } from './support/assembler.ts';
import { buildImage, DATA } from './support/peBuilder.ts';

const MEMORY = 16 * 1024 * 1024;
const KERNEL = 0xffff_8000_0000_0000n;
/** A value, or the address of a page of data. */
type Argument = bigint | 'data';

/** Arguments, repeated for as many as a function takes, and what a page of data is full of. */
const PATTERNS: readonly (readonly [what: string, args: readonly Argument[], filled: bigint | 'data'])[] = [
  ['NULL', [0n], 0n],
  ['small integers', [8n], 0n],
  ['addresses that are not canonical', [0x4141_4141_4141_4141n], 0n],
  ['all ones', [-1n], 0n],
  ['the registers of the engine', [KERNEL + 0x1000n], 0n],
  ['the end of memory', [KERNEL + BigInt(MEMORY - 4)], 0n],
  ['objects', [KERNEL + 0x7000_0010n], 0n],
  ['functions of the host', [KERNEL + 0x7800_0010n], 0n],
  ['zeroed data', ['data'], 0n],
  ['data that points to itself', ['data'], 'data'],
  ['data full of wild pointers', ['data'], KERNEL + 0x7000_0010n],
  ['data full of user pointers', ['data'], 0x1a0_0002_0000n],
  ['data and a length', ['data', 'data', 0xffff_ffffn], 0x10n],
];

/** Calls `name` with a pattern and returns STATUS_UNSUCCESSFUL. */
function image(dll: string, name: string, args: readonly Argument[], filled: bigint | 'data'): Uint8Array {
  return buildImage({
    sections: [
      {
        name: '.text',
        contents: (places) => {
          const code = new Assembler(places, '.text');
          const load = (value: Argument) =>
            value === 'data' ? code.bytes(0x4c, 0x89, 0xd0) : code.move('rax', value);
          // sub rsp, A8h
          code.bytes(0x48, 0x81, 0xec, 0xa8, 0, 0, 0).address('r10', places.section('.data'));
          load(filled);
          for (let at = 0; at < 0x200; at += 8) code.bytes(0x49, 0x89, 0x82, at & 0xff, at >> 8, 0, 0);
          for (let index = 4; index < 12; index++) {
            load(args[index % args.length]).bytes(0x48, 0x89, 0x84, 0x24, index * 8, 0, 0, 0);
          }
          // mov rcx, rax; mov rdx, rax; mov r8, rax; mov r9, rax
          const registers = [
            [0x48, 0x89, 0xc1],
            [0x48, 0x89, 0xc2],
            [0x49, 0x89, 0xc0],
            [0x49, 0x89, 0xc1],
          ];
          for (const [index, bytes] of registers.entries()) load(args[index % args.length]).bytes(...bytes);
          code.callImport(name);
          return code.bytes(0x48, 0x81, 0xc4, 0xa8, 0, 0, 0, 0xb8, 1, 0, 0, 0xc0, 0xc3).done();
        },
      },
      { name: '.data', contents: [0], size: 0x1000, flags: DATA },
    ],
    imports: { [dll]: [name] },
  });
}

/** Every function that machine code can import. */
const EXPORTS: readonly (readonly [dll: string, name: string])[] = [
  ...Object.entries(kernelFunctions).map(([name, value]) => ['ntoskrnl.exe', name, value] as const),
  ...Object.entries(ndisFunctions).map(([name, value]) => ['ndis.sys', name, value] as const),
]
  .filter(([, , value]) => isFunctionDeclaration(value) && !value.inline)
  .map(([dll, name]) => [dll, name]);

/** Each pattern is tried with every 35th export, beginning at another one. */
const STRIDE = 35;

test.each(PATTERNS.map(([what], index) => [what, index] as const))(
  '%s',
  async (_what, first) => {
    for (let at = first * 3; at < EXPORTS.length; at += STRIDE) {
      const [dll, name] = EXPORTS[at];
      const [, args, filled] = PATTERNS[first];
      const machine = new Machine({ memorySize: MEMORY, spinLimit: 300_000 });
      const outcome: unknown = await machine
        .load('bad', image(dll, name, args, filled))
        .catch((error: unknown) => error);
      if (typeof outcome === 'number') continue;
      expect(outcome, name).toBeInstanceOf(NdisboxError);
      const { message, cause } = outcome as NdisboxError;
      if (cause instanceof TypeError) expect(message, name).toMatch(/is no function$/);
      expect(cause, `${name}: ${message}`).not.toBeInstanceOf(ReferenceError);
      expect(cause, `${name}: ${message}`).not.toBeInstanceOf(RangeError);
    }
  },
  60_000,
);
