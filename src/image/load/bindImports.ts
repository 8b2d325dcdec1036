/**
 * Finds an address for every import of an image before anything of it is mapped, so that an image with unknown imports
 * leaves nothing behind and is refused with all of them at once.
 */

import type { Address } from '../../memory/index.ts';
import { type PeImage, PeImageError, type UnknownImport } from '../pe/index.ts';
import type { ImportResolver } from './importResolver.ts';

/** Unknown imports named in a message; the error itself has all. */
const NAMED_IN_MESSAGE = 200;

/**
 * @param stubMissing gives an address for what is unknown; without it unknown imports are an error.
 * @returns the address for each import, in the order of `image.imports`.
 * @throws PeImageError IMAGE_IMPORTS_UNKNOWN
 */
export function findImports(
  image: PeImage,
  resolve: ImportResolver,
  stubMissing: ((missing: UnknownImport) => Address) | undefined,
): Address[] {
  const unknown: UnknownImport[] = [];
  const addresses = image.imports.map(({ dll, symbol }) => {
    const address = resolve(dll, symbol);
    if (address !== null) return address;
    if (stubMissing !== undefined) return stubMissing({ dll, symbol });
    unknown.push({ dll, symbol });
    return 0;
  });
  if (unknown.length > 0) {
    throw new PeImageError('IMAGE_IMPORTS_UNKNOWN', describeUnknown(image.name, unknown), {
      imports: unknown,
    });
  }
  return addresses;
}

function describeUnknown(name: string, unknown: readonly UnknownImport[]): string {
  const files = new Map<string, string[]>();
  for (const { dll, symbol } of unknown.slice(0, NAMED_IN_MESSAGE)) {
    const text = typeof symbol === 'number' ? `#${symbol}` : symbol;
    const key = dll.toLowerCase();
    const symbols = files.get(key);
    if (symbols === undefined) files.set(key, [text]);
    else symbols.push(text);
  }
  const lists = [...files].map(([dll, symbols]) => `${dll}: ${symbols.join(', ')}`);
  const more = unknown.length > NAMED_IN_MESSAGE ? ` and ${unknown.length - NAMED_IN_MESSAGE} more` : '';
  const functions = unknown.length === 1 ? 'a function' : `${unknown.length} functions`;
  return `${name} imports ${functions} that the machine does not have: ${lists.join('; ')}${more}; build the driver without, or stub them to learn whether they are called`;
}
