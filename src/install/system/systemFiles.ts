/** The files on `C:` of an installed system. Names compare without case and keep the one that was first. */

import { foldPath } from '../package/paths.ts';
import { InstallError } from './installError.ts';

/** Files, and bytes of all of them. */
const FILE_LIMIT = 20_000;
const BYTE_LIMIT = 0x4000_0000;

/** One file. Its bytes never change in place. */
export interface SystemFile {
  /** `C:\Windows\...` */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export class SystemFiles {
  readonly #files = new Map<string, SystemFile>();
  /** The spelling of each directory, by its folded path. */
  readonly #directories = new Map<string, string>();
  #bytes = 0;

  get(path: string): SystemFile | null {
    return this.#files.get(foldPath(path)) ?? null;
  }

  has(path: string): boolean {
    return this.#files.has(foldPath(path));
  }

  /**
   * Writes a file, or replaces it. @param path checked by `joinPath`.
   * @throws InstallError INSTALL_LIMIT, INSTALL_NAME where a directory of that name is there, or a file above it.
   */
  set(path: string, bytes: Uint8Array): SystemFile {
    const folded = foldPath(path);
    const known = this.#files.get(folded);
    const size = this.#bytes + bytes.length - (known?.bytes.length ?? 0);
    if (size > BYTE_LIMIT || (known === undefined && this.#files.size >= FILE_LIMIT)) {
      throw new InstallError(
        'INSTALL_LIMIT',
        `${path} does not fit: a system holds ${FILE_LIMIT} files of ${BYTE_LIMIT} bytes altogether.`,
      );
    }
    if (this.#directories.has(folded)) {
      throw new InstallError(
        'INSTALL_NAME',
        `${path} is a directory; a file of that name cannot be written.`,
      );
    }
    const file = { path: known?.path ?? this.#spelled(path), bytes };
    this.#files.set(folded, file);
    this.#bytes = size;
    return file;
  }

  delete(path: string): boolean {
    const known = this.#files.get(foldPath(path));
    if (known === undefined) return false;
    this.#bytes -= known.bytes.length;
    this.#files.delete(foldPath(path));
    return true;
  }

  /** All files, sorted by path. */
  list(): SystemFile[] {
    return [...this.#files.values()].sort((a, b) => (foldPath(a.path) < foldPath(b.path) ? -1 : 1));
  }

  /** The files in a directory and below it. */
  below(directory: string): SystemFile[] {
    const prefix = `${foldPath(directory)}\\`;
    return this.list().filter(({ path }) => foldPath(path).startsWith(prefix));
  }

  /** The path with its directories as they were written first. */
  #spelled(path: string): string {
    const names = path.split('\\');
    let spelled = names[0];
    for (const [index, name] of names.slice(1).entries()) {
      const next = `${spelled}\\${name}`;
      if (index === names.length - 2) return next;
      const folded = foldPath(next);
      if (this.#files.has(folded)) {
        throw new InstallError('INSTALL_NAME', `${next} is a file; ${path} cannot lie below it.`);
      }
      const known = this.#directories.get(folded);
      if (known === undefined) this.#directories.set(folded, next);
      spelled = known ?? next;
    }
    return spelled;
  }
}
