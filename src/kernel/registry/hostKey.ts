/** The host's interface to one registry key: JavaScript values in, JavaScript values out, errors with codes. */

import { STATUS_OBJECT_NAME_NOT_FOUND } from '../generated/constants/ntstatus.ts';
import { NT_SUCCESS } from '../status.ts';
import { keyPath, type RegistryChange, type RegistryKey, sortedSubkeys } from './key.ts';
import type { CreateKeyOptions, Registry } from './registry.ts';
import { registryError } from './registryError.ts';
import { decodeValue, defaultType, encodeValue, type RegistryData } from './valueData.ts';

/** One value as the host sees it. */
export interface HostValue {
  readonly name: string;
  readonly type: number;
  readonly data: RegistryData;
}

export class HostKey {
  /** The key itself, for functions that take one. */
  readonly key: RegistryKey;
  readonly #registry: Registry;

  constructor(registry: Registry, key: RegistryKey) {
    this.#registry = registry;
    this.key = key;
  }

  get name(): string {
    return this.key.name;
  }

  /** `\Registry\Machine\...` */
  get path(): string {
    return keyPath(this.key);
  }

  /** The number of the last change of the key's own values and subkeys. */
  get sequence(): number {
    return this.key.sequence;
  }

  /** The value of that name, `''` for the default value; undefined where there is none. */
  get(name: string): RegistryData | undefined {
    const value = this.#registry.value(this.key, name);
    return value === undefined ? undefined : decodeValue(value.type, value.data);
  }

  /** Type and bytes of a value. */
  getRaw(name: string): { readonly type: number; readonly data: Uint8Array } | undefined {
    const value = this.#registry.value(this.key, name);
    return value === undefined ? undefined : { type: value.type, data: value.data.slice() };
  }

  /**
   * Sets a value. Without a type a text is REG_SZ, a number REG_DWORD, a bigint REG_QWORD, bytes REG_BINARY, a list
   * of texts REG_MULTI_SZ. @throws NdisboxError REGISTRY_VALUE_TYPE, REGISTRY_LIMIT, REGISTRY_FULL, REGISTRY_KEY_DELETED.
   */
  set(name: string, data: RegistryData, type: number = defaultType(data)): this {
    const status = this.#registry.setValue(this.key, name, type, encodeValue(type, data));
    if (!NT_SUCCESS(status)) throw registryError(status, `set value "${name.slice(0, 100)}" of ${this.path}`);
    return this;
  }

  /** Deletes a value; false where there was none. */
  delete(name: string): boolean {
    const status = this.#registry.deleteValue(this.key, name);
    if (status === STATUS_OBJECT_NAME_NOT_FOUND) return false;
    if (!NT_SUCCESS(status))
      throw registryError(status, `delete value "${name.slice(0, 100)}" of ${this.path}`);
    return true;
  }

  /** The values in order of creation. */
  values(): HostValue[] {
    return [...this.key.values.values()].map(({ name, type, data }) => ({
      name,
      type,
      data: decodeValue(type, data),
    }));
  }

  /** The names of the subkeys, sorted without case. */
  keys(): string[] {
    return sortedSubkeys(this.key).map((child) => child.name);
  }

  /** A key below this one, or null. */
  open(path: string): HostKey | null {
    const found = this.#registry.openKey(this.key, path);
    return found.key === null ? null : new HostKey(this.#registry, found.key);
  }

  /** A key below this one, made where missing. */
  create(path: string, options: CreateKeyOptions = {}): HostKey {
    const result = this.#registry.createKey(this.key, path, options);
    if (result.key === null)
      throw registryError(result.status, `create "${path.slice(0, 100)}" below ${this.path}`);
    return new HostKey(this.#registry, result.key);
  }

  /** Deletes this key and everything below it. */
  deleteTree(): void {
    const status = this.#registry.deleteTree(this.key);
    if (!NT_SUCCESS(status)) throw registryError(status, `delete ${this.path}`);
  }

  /** Calls `watcher` after each change of this key or of what lies below it; returns what ends that. */
  watch(watcher: (change: RegistryChange) => void): () => void {
    return this.#registry.watch((change) => {
      for (let at: RegistryKey | null = change.key; at !== null; at = at.parent) {
        if (at !== this.key) continue;
        watcher(change);
        return;
      }
    });
  }
}
