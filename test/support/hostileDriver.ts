/** Drivers that do what they must not, and what loading them ends with. */

import { expect } from 'vitest';
import { BugCheckError, NdisboxError } from '../../src/kernel/index.ts';
import { Machine } from '../../src/machine/index.ts';
import { Assembler } from './assembler.ts';
import { buildImage, DATA, type ImageParts } from './peBuilder.ts';

export const MEMORY = 32 * 1024 * 1024;

export const newMachine = (): Machine => new Machine({ memorySize: MEMORY, spinLimit: 3_000_000 });

/** A driver whose DriverEntry is this code; it may import anything and has a page of data. */
export function driver(
  write: (code: Assembler, rva: (section: string) => number) => void,
  imports: ImageParts['imports'] = {},
) {
  return buildImage({
    sections: [
      {
        name: '.text',
        contents: (places) => {
          const code = new Assembler(places, '.text');
          write(code, (section) => places.section(section));
          return code.done();
        },
      },
      { name: '.data', contents: [0xc3], size: 0x1000, flags: DATA },
    ],
    imports,
  });
}

/** What loading ends with. */
export async function failureOf(image: Uint8Array, machine = newMachine()): Promise<NdisboxError> {
  try {
    const status = await machine.load('bad', image);
    throw new Error(`the driver was loaded with status 0x${(status >>> 0).toString(16)}`);
  } catch (error) {
    if (error instanceof NdisboxError) return error;
    throw error;
  }
}

export async function bugCheckOf(image: Uint8Array): Promise<BugCheckError> {
  const error = await failureOf(image);
  if (error instanceof BugCheckError) return error;
  throw error;
}

/** A driver that does nothing: xor eax, eax; ret. */
export const GOOD = driver((code) => code.bytes(0x31, 0xc0, 0xc3));

/** The status or the error that loading ends with. */
export async function outcomeOf(image: Uint8Array): Promise<unknown> {
  try {
    return await new Machine({ memorySize: MEMORY, spinLimit: 300_000 }).load('bad', image);
  } catch (error) {
    return error;
  }
}

export function expectNoFailureOfTheHost(outcome: unknown): void {
  if (typeof outcome === 'number') return;
  expect(outcome).toBeInstanceOf(NdisboxError);
  // A text that does not lie in memory is a RangeError of the host, which the kernel makes a page fault of.
  const text = String(outcome).replace('RangeError: a text of', '');
  expect(text).not.toMatch(/TypeError|RangeError|ReferenceError|SyntaxError|INTERNAL/);
  expect(outcome).not.toMatchObject({ code: 'INTERNAL' });
}
