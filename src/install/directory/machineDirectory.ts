/**
 * A machine directory: an installed system on the disk. Every change writes a new `state-N` beside the old one and then
 * replaces the pointer `machine.json` in one step, so that a kill at any moment leaves the old state or the new one.
 */

import { dirname, join } from 'node:path';
import { LARGEST_INF } from '../inf/encoding.ts';
import { InstalledSystem } from '../system/installedSystem.ts';
import { sha256 } from '../system/sha256.ts';
import { DirectoryError } from './directoryError.ts';
import { type FileLayer, hostFiles, isCode } from './fileLayer.ts';
import { type IsAlive, type Owner, ownProcess, processRuns, WriterClaim } from './writerLock.ts';

const POINTER = 'machine.json';
const MANIFEST = 'manifest.json';
const FORMAT = 1;
const STATE = /^state-(\d{1,9})$/;
/** Times that reading begins anew because a writer removed the state under it. */
const READ_ATTEMPTS = 5;
/** Bytes of a pointer or manifest. */
const LARGEST_MANIFEST = 4 * LARGEST_INF;

/** What `machine.json` says. */
interface Pointer {
  readonly state: number;
  /** SHA-256 of the manifest. */
  readonly manifest: string;
}

/** The digest of each file of a state, by its path in the state. */
type Manifest = ReadonlyMap<string, string>;

/** How a directory is opened. */
export interface DirectoryOptions {
  readonly files?: FileLayer;
  readonly owner?: Owner;
  readonly isAlive?: IsAlive;
}

export class MachineDirectory {
  readonly path: string;
  readonly #files: FileLayer;
  readonly #owner: Owner;
  readonly #isAlive: IsAlive;

  constructor(path: string, options: DirectoryOptions = {}) {
    this.path = path;
    this.#files = options.files ?? hostFiles;
    this.#owner = options.owner ?? ownProcess();
    this.#isAlive = options.isAlive ?? processRuns;
  }

  /** Whether there is a machine in the directory. */
  get exists(): boolean {
    return this.#files.exists(join(this.path, POINTER));
  }

  /** The folder that holds the disk of the current state, where people look at files. @throws DirectoryError */
  get disk(): string {
    return join(this.#statePath(this.#pointer().state), 'C');
  }

  /**
   * Reads the installed system.
   * @throws DirectoryError DIRECTORY_MISSING, DIRECTORY_DAMAGED; InstallError SYSTEM_DAMAGED
   */
  read(): InstalledSystem {
    return this.#readState().system;
  }

  /**
   * Changes the installed system: reads it, lets `change` work on it and writes what it left. Where `change` throws,
   * nothing is written. A directory that does not exist, or is empty, is made with an empty system.
   * @throws DirectoryError; and what `change` throws.
   */
  update<R>(change: (system: InstalledSystem) => R, seed = 1): R {
    this.#attempt('make it', () => this.#makeDirectory());
    this.#refuseForeign();
    const before = this.exists ? this.#pointer() : null;
    const claim = this.#attempt('lock it', () =>
      WriterClaim.make(this.#files, this.path, before?.state ?? 0, this.#owner, this.#isAlive),
    );
    try {
      const system = before === null ? this.#first(seed) : this.#readUnder(before);
      const result = change(system);
      this.#attempt('write it', () => this.#write(claim.number, system, before));
      this.#tidyQuietly(claim.number);
      return result;
    } finally {
      this.#attempt('unlock it', () => claim.release());
    }
  }

  /** The system of a directory that had none when it was looked at. */
  #first(seed: number): InstalledSystem {
    if (!this.exists) return new InstalledSystem(seed);
    throw this.#changed();
  }

  /** Reads the state that a claim builds on, after looking once more that it is still the current one. */
  #readUnder(before: Pointer): InstalledSystem {
    const { pointer, system } = this.#readState();
    if (pointer.state === before.state) return system;
    throw this.#changed();
  }

  #changed(): DirectoryError {
    return new DirectoryError(
      'DIRECTORY_CHANGED',
      `${this.path} was changed by somebody else just now; do it again.`,
    );
  }

  #readState(): { readonly pointer: Pointer; readonly system: InstalledSystem } {
    for (let attempt = 1; ; attempt++) {
      const pointer = this.#pointer();
      try {
        return { pointer, system: InstalledSystem.load(this.#contents(pointer)) };
      } catch (error) {
        // A writer that was done meanwhile removed the state.
        if (attempt < READ_ATTEMPTS && this.exists && this.#pointer().state !== pointer.state) continue;
        throw error;
      }
    }
  }

  #statePath(state: number): string {
    return join(this.path, `state-${state}`);
  }

  #pointer(): Pointer {
    const path = join(this.path, POINTER);
    let bytes: Uint8Array;
    try {
      bytes = this.#files.read(path);
    } catch (cause) {
      if (isCode(cause, 'ENOENT') || isCode(cause, 'ENOTDIR')) {
        throw new DirectoryError(
          'DIRECTORY_MISSING',
          `there is no machine in ${this.path}: ${POINTER} is missing. Make one with "ndisbox install FILE.inf --directory ${this.path}".`,
          { cause },
        );
      }
      throw this.#failed('read it', cause);
    }
    const value = parseJson(bytes);
    const { format, state, manifest } = value ?? {};
    if (format !== FORMAT || typeof state !== 'number' || !Number.isInteger(state) || state < 1) {
      throw this.#damaged(`${POINTER} does not name a state of format ${FORMAT}`);
    }
    if (typeof manifest !== 'string') throw this.#damaged(`${POINTER} has no digest`);
    return { state, manifest };
  }

  /** Every file of a state, compared with its digest. */
  #contents(pointer: Pointer): Map<string, Uint8Array> {
    const state = this.#statePath(pointer.state);
    const manifest = this.#manifest(pointer);
    const contents = new Map<string, Uint8Array>();
    for (const [name, digest] of manifest) {
      let bytes: Uint8Array;
      try {
        bytes = this.#files.read(join(state, name));
      } catch (cause) {
        if (!isCode(cause, 'ENOENT')) throw this.#failed('read it', cause);
        throw this.#damaged(`state-${pointer.state}/${name} is missing`, cause);
      }
      if (sha256(bytes) !== digest) throw this.#damaged(`state-${pointer.state}/${name} was changed`);
      contents.set(name, bytes);
    }
    return contents;
  }

  #manifest({ state, manifest: digest }: Pointer): Manifest {
    const name = `state-${state}/${MANIFEST}`;
    let bytes: Uint8Array;
    try {
      bytes = this.#files.read(join(this.#statePath(state), MANIFEST));
    } catch (cause) {
      if (!isCode(cause, 'ENOENT')) throw this.#failed('read it', cause);
      throw this.#damaged(`${name} is missing`, cause);
    }
    if (bytes.length > LARGEST_MANIFEST || sha256(bytes) !== digest)
      throw this.#damaged(`${name} was changed`);
    const value = parseJson(bytes);
    const entries = Object.entries(value ?? {});
    const strings = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    if (value === null || strings.length !== entries.length || strings.some(([path]) => !isInside(path)))
      throw this.#damaged(`${name} does not list files with their digests`);
    return new Map(strings);
  }

  #write(state: number, system: InstalledSystem, before: Pointer | null): void {
    const files = this.#files;
    const target = this.#statePath(state);
    // What a writer that was killed left under this number.
    files.remove(target);
    files.makeDirectory(target);
    const old = before === null ? new Map<string, string>() : this.#manifest(before);
    const digests: Record<string, string> = {};
    const directories = new Set<string>([target]);
    for (const [name, bytes] of system.save()) {
      const path = join(target, name);
      const directory = dirname(path);
      if (!directories.has(directory)) files.makeDirectory(directory);
      for (let at = directory; !directories.has(at); at = dirname(at)) directories.add(at);
      const digest = sha256(bytes);
      digests[name] = digest;
      if (before !== null && old.get(name) === digest)
        files.link(join(this.#statePath(before.state), name), path);
      else files.writeNew(path, bytes);
    }
    const manifest = jsonBytes(digests);
    files.writeNew(join(target, MANIFEST), manifest);
    for (const directory of directories) files.syncDirectory(directory);
    files.syncDirectory(this.path);
    this.#point({ state, manifest: sha256(manifest) });
  }

  /** Makes a state the current one, in one step. */
  #point({ state, manifest }: Pointer): void {
    const files = this.#files;
    const next = join(this.path, `${POINTER}.new`);
    files.remove(next);
    files.writeNew(next, jsonBytes({ format: FORMAT, state, manifest }));
    files.rename(next, join(this.path, POINTER));
    files.syncDirectory(this.path);
  }

  /** The change is made; what cannot be removed now is removed by the next one. */
  #tidyQuietly(current: number): void {
    try {
      this.#tidy(current);
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
    }
  }

  /** Makes the directory and what is missing above it, and waits until their names are on the disk. */
  #makeDirectory(): void {
    const made: string[] = [];
    for (let at = this.path; !this.#files.exists(at) && at !== dirname(at); at = dirname(at)) made.push(at);
    if (made.length === 0) return;
    this.#files.makeDirectory(this.path);
    for (const path of made) this.#files.syncDirectory(dirname(path));
  }

  /** Removes all other states. Whoever reads one of them begins anew. */
  #tidy(current: number): void {
    for (const name of this.#files.list(this.path)) {
      const match = STATE.exec(name);
      if (match !== null && Number(match[1]) !== current) this.#files.remove(join(this.path, name));
      if (/^claim-\d+-\d+\.new$/.test(name)) this.#files.remove(join(this.path, name));
    }
  }

  /** A folder with other things in it is not made a machine directory. */
  #refuseForeign(): void {
    if (this.exists) return;
    const foreign = this.#files
      .list(this.path)
      .find(
        (name) =>
          !STATE.test(name) && !/^(?:writer-\d+\.lock|claim-\d+-\d+\.new|machine\.json\.new)$/.test(name),
      );
    if (foreign === undefined) return;
    throw new DirectoryError(
      'DIRECTORY_FOREIGN',
      `${this.path} holds other things, for example ${foreign}; give an empty folder, or one that does not exist.`,
    );
  }

  #attempt<R>(what: string, action: () => R): R {
    try {
      return action();
    } catch (cause) {
      if (cause instanceof Error && 'syscall' in cause) throw this.#failed(what, cause);
      throw cause;
    }
  }

  #failed(what: string, cause: unknown): DirectoryError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new DirectoryError(
      'DIRECTORY_FAILED',
      `${this.path}: could not ${what}: ${reason}. The machine is in its old or its new state; "ndisbox list" shows which.`,
      { cause },
    );
  }

  #damaged(text: string, cause?: unknown): DirectoryError {
    return new DirectoryError(
      'DIRECTORY_DAMAGED',
      `${this.path} is damaged: ${text}. Restore it from a copy, or remove it and install again.`,
      cause === undefined ? {} : { cause },
    );
  }
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
}

function parseJson(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    // JSON gives members of any value, which is what the type says.
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
}

/** Whether a path of a manifest stays in its state. */
function isInside(path: string): boolean {
  return path
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\\'));
}
