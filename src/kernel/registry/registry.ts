/**
 * The registry of one machine: the tree, its limits, its statuses and change tracking. Everything that touches keys,
 * host or driver, goes through here. Implements "Using the Registry in a Driver" (windows-driver-docs-pr/kernel).
 */

import {
  STATUS_CANNOT_DELETE,
  STATUS_CHILD_MUST_BE_VOLATILE,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_KEY_DELETED,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_REGISTRY_QUOTA_LIMIT,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { HostKey } from './hostKey.ts';
import {
  createRegistryKey,
  DEEPEST_KEY,
  ENTRY_COST,
  foldName,
  keyDepth,
  LARGEST_VALUE,
  LONGEST_KEY_NAME,
  LONGEST_VALUE_NAME,
  REGISTRY_QUOTA,
  type RegistryChange,
  type RegistryChangeKind,
  type RegistryKey,
  type RegistryValue,
} from './key.ts';
import { registryError } from './registryError.ts';
import { ntPath } from './rootNames.ts';

/** A key, or why there is none. */
export type KeyResult =
  | { readonly status: NTSTATUS; readonly key: RegistryKey; readonly created: boolean }
  | { readonly status: NTSTATUS; readonly key: null };

export interface CreateKeyOptions {
  readonly className?: string;
  readonly volatile?: boolean;
}

/** Keys that every machine has from the beginning. */
const INITIAL_KEYS = [
  'Machine\\Hardware\\DeviceMap',
  'Machine\\SAM',
  'Machine\\Security',
  'Machine\\Software\\Classes',
  'Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion',
  'Machine\\System\\ControlSet001\\Control\\Class',
  'Machine\\System\\ControlSet001\\Enum',
  'Machine\\System\\ControlSet001\\Hardware Profiles\\Current',
  'Machine\\System\\ControlSet001\\Services',
  'User\\.Default',
];

export class Registry {
  /** `\Registry` */
  readonly root: RegistryKey = createRegistryKey('Registry', null);
  readonly #now: () => number;
  readonly #watchers = new Set<(change: RegistryChange) => void>();
  #sequence = 0;
  #used = 0;

  /** @param now machine time in units of 100 ns, for LastWriteTime. */
  constructor(now: () => number) {
    this.#now = now;
    for (const path of INITIAL_KEYS) this.createKey(this.root, path);
    const system = this.#existing('Machine\\System');
    const target = this.#existing('Machine\\System\\ControlSet001');
    // The alias is a key of its own, so that enumerating System shows it as Windows does.
    system.subkeys.set(
      foldName('CurrentControlSet'),
      createRegistryKey('CurrentControlSet', system, { target }),
    );
  }

  /** The number of the last change; a key that changed later has a higher one. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Bytes of the quota in use. */
  get used(): number {
    return this.#used;
  }

  /**
   * Opens a key for the host: `\Registry\Machine\...`, `HKEY_LOCAL_MACHINE\...` or `HKLM\...`; null where there
   * is none. @throws NdisboxError REGISTRY_PATH for a path below no known root.
   */
  open(path: string): HostKey | null {
    const found = this.openPath(this.#hostPath(path));
    return found.key === null ? null : new HostKey(this, found.key);
  }

  /** Opens a key for the host and makes it, and what lies above it, where missing. */
  create(path: string, options: CreateKeyOptions = {}): HostKey {
    const full = this.#hostPath(path);
    const result = this.createKey(this.root, full.replace(/^\\registry\\?/i, ''), options);
    if (result.key === null) throw registryError(result.status, `create ${full}`);
    return new HostKey(this, result.key);
  }

  /** Opens `\Registry\...`, as drivers name keys. */
  openPath(path: string): KeyResult {
    const inside = /^\\registry(?:\\|$)(.*)$/is.exec(path);
    if (inside === null) {
      return {
        status: path.startsWith('\\') ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_OBJECT_PATH_SYNTAX_BAD,
        key: null,
      };
    }
    return this.openKey(this.root, inside[1]);
  }

  /** Opens a key below `from`; an empty path gives `from` itself. */
  openKey(from: RegistryKey, path: string): KeyResult {
    if (from.deleted) return { status: STATUS_KEY_DELETED, key: null };
    const names = pathNames(path);
    if (names === null) return { status: STATUS_OBJECT_NAME_INVALID, key: null };
    let key = from;
    for (const name of names) {
      const next = key.subkeys.get(foldName(name));
      if (next === undefined) return { status: STATUS_OBJECT_NAME_NOT_FOUND, key: null };
      key = next.target ?? next;
    }
    return { status: STATUS_SUCCESS, key, created: false };
  }

  /** Opens a key below `from` and makes every missing key of the path; the caller decides whether it may. */
  createKey(from: RegistryKey, path: string, options: CreateKeyOptions = {}): KeyResult {
    if (from.deleted) return { status: STATUS_KEY_DELETED, key: null };
    const names = pathNames(path);
    if (names === null) return { status: STATUS_OBJECT_NAME_INVALID, key: null };
    let key = from;
    let depth = keyDepth(from);
    let created = false;
    for (const [index, name] of names.entries()) {
      const known = key.subkeys.get(foldName(name));
      if (known !== undefined) {
        const through = known.target ?? known;
        depth = through === known ? depth + 1 : keyDepth(through);
        key = through;
        continue;
      }
      depth++;
      const volatile = options.volatile ?? false;
      const refused = this.#refusedKey(key, name, depth, volatile);
      if (refused !== STATUS_SUCCESS) return { status: refused, key: null };
      const className = index === names.length - 1 ? (options.className ?? '') : '';
      key = this.#addKey(key, name, className, volatile);
      created = true;
    }
    return { status: STATUS_SUCCESS, key, created };
  }

  /** Deletes a key that has no subkeys. */
  deleteKey(key: RegistryKey): NTSTATUS {
    if (key.deleted) return STATUS_KEY_DELETED;
    const { parent } = key;
    if (parent === null || parent.parent === null || key.subkeys.size > 0) return STATUS_CANNOT_DELETE;
    parent.subkeys.delete(foldName(key.name));
    key.deleted = true;
    this.#used -= keyCost(key.name, key.className);
    for (const value of key.values.values()) this.#used -= valueCost(value);
    this.#touch(parent);
    this.#changed('keyDeleted', key, '');
    return STATUS_SUCCESS;
  }

  /** Deletes a key and everything below it. */
  deleteTree(key: RegistryKey): NTSTATUS {
    for (const child of key.subkeys.values()) {
      const status = this.deleteTree(child);
      if (!NT_SUCCESS(status)) return status;
    }
    return this.deleteKey(key);
  }

  /** Creates or replaces a value; the bytes are copied. */
  setValue(key: RegistryKey, name: string, type: number, data: Uint8Array): NTSTATUS {
    if (key.deleted) return STATUS_KEY_DELETED;
    if (name.length > LONGEST_VALUE_NAME) return STATUS_INVALID_PARAMETER;
    if (data.length > LARGEST_VALUE) return STATUS_INSUFFICIENT_RESOURCES;
    const known = key.values.get(foldName(name));
    const value: RegistryValue = { name: known?.name ?? name, type: type >>> 0, data: data.slice() };
    const used = this.#used + valueCost(value) - (known === undefined ? 0 : valueCost(known));
    if (used > REGISTRY_QUOTA) return STATUS_REGISTRY_QUOTA_LIMIT;
    this.#used = used;
    key.values.set(foldName(name), value);
    this.#touch(key);
    this.#changed('valueSet', key, value.name);
    return STATUS_SUCCESS;
  }

  /** The value of that name; `''` is the default value. */
  value(key: RegistryKey, name: string): RegistryValue | undefined {
    return key.values.get(foldName(name));
  }

  /** Deletes a value. */
  deleteValue(key: RegistryKey, name: string): NTSTATUS {
    if (key.deleted) return STATUS_KEY_DELETED;
    const known = key.values.get(foldName(name));
    if (known === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
    key.values.delete(foldName(name));
    this.#used -= valueCost(known);
    this.#touch(key);
    this.#changed('valueDeleted', key, known.name);
    return STATUS_SUCCESS;
  }

  /** Calls `watcher` after every change; returns what ends that. The watcher must not change the registry. */
  watch(watcher: (change: RegistryChange) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #hostPath(path: string): string {
    const full = ntPath(path);
    if (full === null) {
      throw registryError(
        STATUS_OBJECT_PATH_SYNTAX_BAD,
        `find "${path.slice(0, 200)}": begin it with \\Registry\\Machine, \\Registry\\User, or HKEY_LOCAL_MACHINE and its like`,
      );
    }
    return full;
  }

  #existing(path: string): RegistryKey {
    const { key, status } = this.openKey(this.root, path);
    if (key === null) throw registryError(status, `open ${path}`);
    return key;
  }

  #refusedKey(parent: RegistryKey, name: string, depth: number, volatile: boolean): NTSTATUS {
    if (name.length > LONGEST_KEY_NAME || depth > DEEPEST_KEY) return STATUS_INVALID_PARAMETER;
    if (parent.volatile && !volatile) return STATUS_CHILD_MUST_BE_VOLATILE;
    if (this.#used + keyCost(name, '') > REGISTRY_QUOTA) return STATUS_REGISTRY_QUOTA_LIMIT;
    return STATUS_SUCCESS;
  }

  #addKey(parent: RegistryKey, name: string, className: string, volatile: boolean): RegistryKey {
    const key = createRegistryKey(name, parent, { className, volatile, time: this.#now() });
    parent.subkeys.set(foldName(name), key);
    this.#used += keyCost(name, className);
    this.#touch(parent);
    key.sequence = this.#sequence;
    this.#changed('keyCreated', key, '');
    return key;
  }

  #touch(key: RegistryKey): void {
    key.lastWriteTime = this.#now();
    key.sequence = ++this.#sequence;
  }

  #changed(kind: RegistryChangeKind, key: RegistryKey, valueName: string): void {
    if (this.#watchers.size === 0) return;
    const change: RegistryChange = { kind, key, valueName, sequence: this.#sequence };
    for (const watcher of this.#watchers) watcher(change);
  }
}

/** The registry of a machine. */
export const registryOf: (kernel: Kernel) => Registry = perKernel(
  'registry',
  (kernel) => new Registry(() => kernel.clock.now),
);

/** The names of a path, or null where one is empty. A backslash at the end is allowed. */
function pathNames(path: string): string[] | null {
  const trimmed = path.endsWith('\\') ? path.slice(0, -1) : path;
  if (trimmed === '') return path === '' ? [] : null;
  const names = trimmed.split('\\');
  return names.includes('') ? null : names;
}

function keyCost(name: string, className: string): number {
  return ENTRY_COST + (name.length + className.length) * 2;
}

function valueCost(value: RegistryValue): number {
  return ENTRY_COST + value.name.length * 2 + value.data.length;
}
