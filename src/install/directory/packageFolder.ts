/** A folder of the host as the source of a package. Names compare without case, as on Windows. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { PackageSource } from '../system/stage.ts';

/** Bytes of the largest file of a package. */
const LARGEST_FILE = 0x1000_0000;

/** The source of an INF file. */
export interface PackageFolder {
  readonly source: PackageSource;
  /** Name of the INF file in it. */
  readonly infName: string;
}

/**
 * The folder of an INF file. @param sources further folders in which files are looked for that are not beside it.
 */
export function packageFolder(infPath: string, sources: readonly string[] = []): PackageFolder {
  const folders = [dirname(resolve(infPath)), ...sources.map((path) => resolve(path))];
  return {
    infName: basename(infPath),
    source: {
      name: folders.join(', '),
      read: (path) => {
        for (const folder of folders) {
          const found = findFile(folder, path.split('/'));
          if (found !== null) return new Uint8Array(readFileSync(found));
        }
        return null;
      },
    },
  };
}

/** The path of a file whose name and folders may be spelled with other capitals. */
function findFile(folder: string, names: readonly string[]): string | null {
  let at = folder;
  for (const name of names) {
    const exact = join(at, name);
    if (existsSync(exact)) {
      at = exact;
      continue;
    }
    if (!existsSync(at) || !statSync(at).isDirectory()) return null;
    const other = readdirSync(at).find((entry) => entry.toUpperCase() === name.toUpperCase());
    if (other === undefined) return null;
    at = join(at, other);
  }
  const state = statSync(at);
  return state.isFile() && state.size <= LARGEST_FILE ? at : null;
}
