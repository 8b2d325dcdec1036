/**
 * Registry keys and values as plain data: no closures, so that a snapshot can hold them.
 * Implements "Registry Key Object Routines" (windows-driver-docs-pr/kernel) and the registry element size limits.
 */

/** Longest name of a key, in characters. */
export const LONGEST_KEY_NAME = 255;
/** Longest name of a value, in characters. */
export const LONGEST_VALUE_NAME = 16_383;
/** Deepest nesting of keys below `\Registry`. */
export const DEEPEST_KEY = 512;
/** Most bytes of one value: the limit of the standard hive format. */
export const LARGEST_VALUE = 0x10_0000;
/** Most bytes that all keys and values of a registry may take; beyond it STATUS_REGISTRY_QUOTA_LIMIT. */
export const REGISTRY_QUOTA = 64 * 0x10_0000;
/** What a key or a value costs of the quota besides its name and data. */
export const ENTRY_COST = 64;

/** One value of a key. */
export interface RegistryValue {
  /** As it was first written; names compare without case. `''` is the default value. */
  readonly name: string;
  /** REG_SZ, ... */
  readonly type: number;
  /** The bytes as the registry keeps them; never changed in place. */
  readonly data: Uint8Array;
}

/** One key. */
export interface RegistryKey {
  readonly name: string;
  readonly parent: RegistryKey | null;
  /** The class text given when it was created. */
  readonly className: string;
  /** REG_OPTION_VOLATILE: children are volatile too. */
  readonly volatile: boolean;
  /** By folded name, in order of creation. */
  readonly values: Map<string, RegistryValue>;
  /** By folded name. */
  readonly subkeys: Map<string, RegistryKey>;
  /** The key that opening this one gives instead, or null: `CurrentControlSet` is such an alias. */
  readonly target: RegistryKey | null;
  /** Machine time of the last change, in units of 100 ns. */
  lastWriteTime: number;
  /** Rises with every change of the key's own values and subkeys; from one counter of the registry. */
  sequence: number;
  deleted: boolean;
}

/** What changed. */
export type RegistryChangeKind = 'keyCreated' | 'keyDeleted' | 'valueSet' | 'valueDeleted';

/** One change, as watchers see it. */
export interface RegistryChange {
  readonly kind: RegistryChangeKind;
  /** The key that changed; for keyCreated and keyDeleted the created or deleted key. */
  readonly key: RegistryKey;
  /** Name of the value, `''` for changes of keys. */
  readonly valueName: string;
  readonly sequence: number;
}

/** A name as it is compared: upper case, character by character, as RtlUpcaseUnicodeChar does. */
export function foldName(name: string): string {
  const upper = name.toUpperCase();
  if (upper.length === name.length) return upper;
  let folded = '';
  for (let index = 0; index < name.length; index++) {
    const one = name[index].toUpperCase();
    // A character whose upper case is several characters stays as it is.
    folded += one.length === 1 ? one : name[index];
  }
  return folded;
}

/** Makes a key. */
export function createRegistryKey(
  name: string,
  parent: RegistryKey | null,
  options: {
    readonly className?: string;
    readonly volatile?: boolean;
    readonly target?: RegistryKey | null;
    readonly time?: number;
    readonly sequence?: number;
  } = {},
): RegistryKey {
  return {
    name,
    parent,
    className: options.className ?? '',
    volatile: options.volatile ?? false,
    values: new Map(),
    subkeys: new Map(),
    target: options.target ?? null,
    lastWriteTime: options.time ?? 0,
    sequence: options.sequence ?? 0,
    deleted: false,
  };
}

/** `\Registry\Machine\System\...`; what the key is called from the root. */
export function keyPath(key: RegistryKey): string {
  let path = '';
  for (let at: RegistryKey | null = key; at !== null; at = at.parent) path = `\\${at.name}${path}`;
  return path;
}

/** Levels below `\Registry`. */
export function keyDepth(key: RegistryKey): number {
  let depth = 0;
  for (let at = key.parent; at !== null; at = at.parent) depth++;
  return depth;
}

/** The subkeys in the order in which they are enumerated: by folded name. */
export function sortedSubkeys(key: RegistryKey): RegistryKey[] {
  return [...key.subkeys.entries()]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, child]) => child);
}
