/** What the machine directory asks of a file system; tests put one that fails and forgets in its place. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';

/** File operations. Paths are those of the host; errors are those of Node, with a `code`. */
export interface FileLayer {
  exists(path: string): boolean;
  /** @throws ENOENT */
  read(path: string): Uint8Array;
  /** Names in a directory; none where it does not exist. */
  list(path: string): string[];
  /** Makes a directory and what is missing above it. */
  makeDirectory(path: string): void;
  /** Writes a new file and waits until its bytes are on the disk. @throws EEXIST */
  writeNew(path: string, bytes: Uint8Array): void;
  /** Gives a file a second name. @throws EEXIST */
  link(from: string, to: string): void;
  /** Replaces `to` by `from` in one step. */
  rename(from: string, to: string): void;
  /** Removes a file or a directory with all that is in it; nothing where it does not exist. */
  remove(path: string): void;
  /** Waits until the names in a directory are on the disk. */
  syncDirectory(path: string): void;
}

/** The files of the host. */
export const hostFiles: FileLayer = {
  exists: existsSync,
  read: (path) => new Uint8Array(readFileSync(path)),
  list: (path) => (existsSync(path) ? readdirSync(path) : []),
  makeDirectory: (path) => {
    mkdirSync(path, { recursive: true });
  },
  writeNew: (path, bytes) => {
    const file = openSync(path, 'wx');
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  },
  link: linkSync,
  rename: renameSync,
  remove: (path) => rmSync(path, { recursive: true, force: true }),
  syncDirectory: (path) => {
    const directory = openSync(path, 'r');
    try {
      fsyncSync(directory);
    } catch (error) {
      // Some file systems have nothing to wait for here and say so.
      if (!isCode(error, 'EINVAL') && !isCode(error, 'EPERM')) throw error;
    } finally {
      closeSync(directory);
    }
  },
};

/** Whether an error of Node has this code. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
