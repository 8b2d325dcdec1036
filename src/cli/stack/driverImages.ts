/** Driver images: those that come with ndisbox, modules of the user's, and compiled drivers. */

import { existsSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as drivers from '../../../drivers/index.ts';
import type { DriverImage } from '../../machine/index.ts';
import { CliError } from '../cliError.ts';
import type { StackDriver } from './stackFile.ts';

const BUILT_IN: Readonly<Record<string, DriverImage>> = { ...drivers };

/** Names of the drivers that come with ndisbox. */
export const BUILT_IN_DRIVERS: readonly string[] = Object.keys(BUILT_IN);

/** The image of a driver. @throws CliError DRIVER_FILE_MISSING, DRIVER_FILE_INVALID */
export async function loadImage(driver: StackDriver): Promise<DriverImage | Uint8Array> {
  const { path } = driver;
  if (path === null) return BUILT_IN[driver.builtIn ?? driver.name];
  if (!existsSync(path)) {
    throw new CliError(
      'DRIVER_FILE_MISSING',
      `the file of the driver "${driver.name}" does not exist: ${path}. Paths begin where the stack file is.`,
    );
  }
  if (extname(path).toLowerCase() === '.sys') return readCompiled(driver.name, path);
  const image = await importDefault(driver.name, path);
  if (!isImage(image)) {
    throw new CliError(
      'DRIVER_FILE_INVALID',
      `${path} has ${image === undefined ? 'no default export' : 'a default export that is no function'}; ` +
        'write "export default defineDriver((imports) => ({ DriverEntry ... }))".',
    );
  }
  return image;
}

/** The bytes of a compiled driver; the loader checks them. */
function readCompiled(name: string, path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(
      'DRIVER_FILE_INVALID',
      `the driver "${name}" cannot be read: ${reason}. Check the path.`,
      {
        cause,
      },
    );
  }
}

async function importDefault(name: string, path: string): Promise<unknown> {
  try {
    // A module whose exports are not known here; only the default one is looked at, and checked.
    const module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
    return module.default;
  } catch (cause) {
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    const typeScript = /\.[cm]?ts$/.test(extname(path)) && /Unknown file extension|ERR_UNKNOWN/.test(reason);
    throw new CliError(
      'DRIVER_FILE_INVALID',
      `the driver "${name}" cannot be loaded from ${path}: ${reason}. ` +
        (typeScript
          ? 'This Node does not run TypeScript: use Node 22.18 or later, run "npx tsx node_modules/.bin/ndisbox ...", or compile it to .js.'
          : 'Correct the module, or try it alone with "node FILE".'),
      { cause },
    );
  }
}

/** A default export that can be called is taken for an image; what it returns is checked when it is loaded. */
function isImage(value: unknown): value is DriverImage {
  return typeof value === 'function';
}
