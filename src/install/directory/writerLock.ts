/**
 * The lock against two writers of one machine directory. Each writer claims the number of the state that it will write:
 * the file `writer-N.lock` appears whole or not at all and names its process. A claim whose process is gone is passed
 * over by claiming the next number.
 */

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DirectoryError } from './directoryError.ts';
import { type FileLayer, isCode } from './fileLayer.ts';

/** Who holds a claim. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process started, as its system counts; it tells a new process with an old number. */
  readonly started: string;
}

/** Answers whether the process of a claim runs. */
export type IsAlive = (owner: Owner) => boolean;

const CLAIM = /^writer-(\d{1,9})\.lock$/;

/** This process. */
export function ownProcess(): Owner {
  return { host: hostname(), pid: process.pid, started: startOf(process.pid) };
}

/** Field 22 of /proc/PID/stat; '' where there is none. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Whether the process of a claim runs, or may do so: of another computer nothing is known. */
export const processRuns: IsAlive = ({ host, pid, started }) => {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, but belongs to somebody else.
    if (!isCode(error, 'EPERM')) return false;
  }
  const now = startOf(pid);
  return started === '' || now === '' || now === started;
};

/** The claims in a directory, lowest first. */
function claims(files: FileLayer, directory: string): number[] {
  const numbers = files.list(directory).flatMap((name) => {
    const match = CLAIM.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
  return numbers.sort((a, b) => a - b);
}

function claimPath(directory: string, number: number): string {
  return join(directory, `writer-${number}.lock`);
}

/** A claim that was made. */
export class WriterClaim {
  readonly number: number;
  readonly #files: FileLayer;
  readonly #directory: string;

  private constructor(files: FileLayer, directory: string, number: number) {
    this.#files = files;
    this.#directory = directory;
    this.number = number;
  }

  /**
   * Claims the next number above `current`. @throws DirectoryError DIRECTORY_LOCKED while another writer is at work.
   */
  static make(
    files: FileLayer,
    directory: string,
    current: number,
    owner: Owner,
    isAlive: IsAlive,
  ): WriterClaim {
    let number = current + 1;
    for (const claimed of claims(files, directory)) {
      refuseLiving(files, directory, claimed, isAlive);
      number = Math.max(number, claimed + 1);
    }
    const temporary = join(directory, `claim-${owner.pid}-${number}.new`);
    files.remove(temporary);
    files.writeNew(temporary, new TextEncoder().encode(`${JSON.stringify(owner)}\n`));
    try {
      files.link(temporary, claimPath(directory, number));
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
      throw locked(directory, number, null);
    } finally {
      files.remove(temporary);
    }
    return new WriterClaim(files, directory, number);
  }

  /** Removes this claim and those of processes that are gone. */
  release(): void {
    for (const number of claims(this.#files, this.#directory)) {
      if (number <= this.number) this.#files.remove(claimPath(this.#directory, number));
    }
  }
}

function refuseLiving(files: FileLayer, directory: string, number: number, isAlive: IsAlive): void {
  let owner: Owner | null = null;
  try {
    owner = ownerOf(files.read(claimPath(directory, number)));
  } catch (error) {
    // It was released meanwhile.
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  if (owner === null || isAlive(owner)) throw locked(directory, number, owner);
}

function ownerOf(bytes: Uint8Array): Owner | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof value !== 'object' || value === null) return null;
    if (!('host' in value) || !('pid' in value) || !('started' in value)) return null;
    const { host, pid, started } = value;
    if (typeof host !== 'string' || typeof pid !== 'number' || typeof started !== 'string') return null;
    return { host, pid, started };
  } catch {
    return null;
  }
}

function locked(directory: string, number: number, owner: Owner | null): DirectoryError {
  const who = owner === null ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  return new DirectoryError(
    'DIRECTORY_LOCKED',
    `${directory} is being changed by ${who}. Wait until it is done; if it is gone for good, remove ${claimPath(directory, number)}.`,
  );
}
