/**
 * A file system in memory that is killed before, or in the middle of, its n-th change. What a kill of the process leaves
 * is everything that was done; what a loss of power leaves is what was synced, and of the rest whatever chance keeps.
 */

import { basename, dirname } from 'node:path';
import type { FileLayer } from '../../src/install/node.ts';

/** Thrown by the operation at which the process is killed, and by every one after it. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

class FileNode {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

class DirectoryNode {
  readonly entries = new Map<string, FileNode | DirectoryNode>();
  /** The entries as the disk has them. */
  synced = new Map<string, FileNode | DirectoryNode>();
}

/** How a crash ends. */
export type Crash = 'kill' | 'power';

export class CrashingFiles implements FileLayer {
  readonly #root: DirectoryNode;
  /** Changes made so far. */
  steps = 0;
  /** The change at which the process dies; Infinity for never. */
  killAt = Number.POSITIVE_INFINITY;

  constructor(root = new DirectoryNode()) {
    this.#root = root;
  }

  /** What is left after a crash, as a new file system. @param chance gives a number from 0 to 1. */
  survivors(crash: Crash, chance: () => number): CrashingFiles {
    const copy = (directory: DirectoryNode): DirectoryNode => {
      const result = new DirectoryNode();
      for (const name of new Set([...directory.synced.keys(), ...directory.entries.keys()])) {
        const live = directory.entries.get(name);
        const node = crash === 'kill' || chance() < 0.5 ? live : directory.synced.get(name);
        if (node !== undefined) result.entries.set(name, node instanceof DirectoryNode ? copy(node) : node);
      }
      result.synced = new Map(result.entries);
      return result;
    };
    return new CrashingFiles(copy(this.#root));
  }

  exists(path: string): boolean {
    return this.#find(path) !== null;
  }

  read(path: string): Uint8Array {
    const node = this.#find(path);
    if (node instanceof FileNode) return node.bytes;
    throw failure('ENOENT', path);
  }

  list(path: string): string[] {
    const node = this.#find(path);
    return node instanceof DirectoryNode ? [...node.entries.keys()] : [];
  }

  makeDirectory(path: string): void {
    this.#step();
    let at = this.#root;
    for (const name of names(path)) {
      const next = at.entries.get(name) ?? new DirectoryNode();
      if (next instanceof FileNode) throw failure('ENOTDIR', path);
      at.entries.set(name, next);
      at = next;
    }
  }

  writeNew(path: string, bytes: Uint8Array): void {
    const parent = this.#parent(path);
    if (parent.entries.has(basename(path))) throw failure('EEXIST', path);
    if (this.steps + 1 === this.killAt)
      parent.entries.set(basename(path), new FileNode(bytes.slice(0, bytes.length >> 1)));
    this.#step();
    parent.entries.set(basename(path), new FileNode(bytes.slice()));
  }

  link(from: string, to: string): void {
    const node = this.#find(from);
    const parent = this.#parent(to);
    if (!(node instanceof FileNode)) throw failure('ENOENT', from);
    if (parent.entries.has(basename(to))) throw failure('EEXIST', to);
    this.#step();
    parent.entries.set(basename(to), node);
  }

  rename(from: string, to: string): void {
    const node = this.#find(from);
    if (node === null) throw failure('ENOENT', from);
    this.#step();
    this.#parent(from).entries.delete(basename(from));
    this.#parent(to).entries.set(basename(to), node);
  }

  remove(path: string): void {
    const node = this.#find(path);
    if (node === null) return;
    // A tree goes away name by name.
    if (node instanceof DirectoryNode) for (const name of this.list(path)) this.remove(`${path}/${name}`);
    this.#step();
    this.#parent(path).entries.delete(basename(path));
  }

  syncDirectory(path: string): void {
    this.#step();
    const node = this.#find(path);
    if (!(node instanceof DirectoryNode)) throw failure('ENOENT', path);
    node.synced = new Map(node.entries);
  }

  #step(): void {
    this.steps++;
    if (this.steps >= this.killAt) throw new Killed(`killed at step ${this.steps}`);
  }

  #find(path: string): FileNode | DirectoryNode | null {
    let at: FileNode | DirectoryNode = this.#root;
    for (const name of names(path)) {
      const next: FileNode | DirectoryNode | undefined =
        at instanceof DirectoryNode ? at.entries.get(name) : undefined;
      if (next === undefined) return null;
      at = next;
    }
    return at;
  }

  #parent(path: string): DirectoryNode {
    const node = this.#find(dirname(path));
    if (node instanceof DirectoryNode) return node;
    throw failure('ENOENT', path);
  }
}

function names(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, syscall: 'test' });
}
