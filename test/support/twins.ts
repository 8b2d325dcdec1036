/** The sample drivers in TypeScript and, from native/fixtures, compiled from C: tests of the one are tests of the other. */

import { readFileSync } from 'node:fs';
import type { DriverImage } from '../../src/machine/index.ts';

/** The variants of native/build.mjs. */
export const VARIANTS = ['checked', 'optimised', 'checked-guarded', 'optimised-guarded'] as const;
export type Variant = (typeof VARIANTS)[number];

/** A compiled driver. */
export function compiled(name: string, variant: Variant = 'optimised'): Uint8Array {
  return new Uint8Array(
    readFileSync(new URL(`../../native/fixtures/${variant}/${name}.sys`, import.meta.url)),
  );
}

/** A driver and its twin in two of the variants, for `describe.each`. */
export function twins(image: DriverImage, name: string): [kind: string, image: DriverImage | Uint8Array][] {
  return [
    ['TypeScript', image],
    ['checked', compiled(name, 'checked')],
    ['optimised, guarded', compiled(name, 'optimised-guarded')],
  ];
}
