/** Machine directories: a crash at any moment leaves the old state or the new one; two writers; damage. */

import { describe, expect, test } from 'vitest';
import { type Crash, CrashingFiles, Killed } from '../../../test/support/crashingFiles.ts';
import type { InstalledSystem } from '../system/installedSystem.ts';
import { DirectoryError } from './directoryError.ts';
import { MachineDirectory } from './machineDirectory.ts';
import type { Owner } from './writerLock.ts';

const PATH = '/machines/one';
const owner = (pid: number): Owner => ({ host: 'here', pid, started: '1' });

/** A directory whose writers are all dead to each other. */
function open(
  files: CrashingFiles,
  pid = 1,
  alive: (owner: Owner) => boolean = () => false,
): MachineDirectory {
  return new MachineDirectory(PATH, { files, owner: owner(pid), isAlive: alive });
}

/** A change that touches registry, files and wires. */
function change(number: number): (system: InstalledSystem) => void {
  return (system) => {
    system.control('Services\\a').set('Number', number);
    system.files.set('C:\\Windows\\INF\\oem0.inf', new TextEncoder().encode(`file ${number}`));
    system.files.set(`C:\\Windows\\INF\\oem${number}.inf`, new Uint8Array([number]));
    system.files.set('C:\\Windows\\System32\\same.sys', new Uint8Array([1, 2, 3]));
    system.wires.set('ROOT\\NET\\0000', { type: 'segment', name: `lan${number}` });
  };
}

/** What a directory holds, as one text; '' where there is no machine. */
function contents(directory: MachineDirectory): string {
  if (!directory.exists) return '';
  const decoder = new TextDecoder();
  return [...directory.read().save()].map(([name, bytes]) => `${name}: ${decoder.decode(bytes)}`).join('\n');
}

/** The contents after so many changes. */
function after(changes: number): string {
  const files = prepared(changes);
  return contents(open(files));
}

function prepared(changes: number): CrashingFiles {
  const files = new CrashingFiles();
  for (let number = 1; number <= changes; number++) open(files).update(change(number));
  return files;
}

/** Numbers from 0 to 1 that depend on the seed alone. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

describe('a crash while a directory is changed', () => {
  const states = [after(0), after(1), after(2), after(3)];

  test.each([
    [0, 'kill'],
    [1, 'kill'],
    [2, 'kill'],
    [0, 'power'],
    [1, 'power'],
    [2, 'power'],
  ] as const)('after %d changes, by %s, leaves the old state or the new one', (changes, crash: Crash) => {
    const found = new Set<string>();
    for (let step = 1; ; step++) {
      const files = prepared(changes);
      files.killAt = files.steps + step;
      try {
        open(files, 2).update(change(changes + 1));
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(Killed);
      }
      for (let seed = 1; seed <= (crash === 'kill' ? 1 : 8); seed++) {
        const left = files.survivors(crash, chances(seed * 1000 + step));
        const now = contents(open(left, 3));
        expect([states[changes], states[changes + 1]]).toContain(now);
        found.add(now);
        // Whoever comes next can go on, and nothing of the dead writer stays.
        open(left, 3).update(change(9));
        expect(open(left, 4).read().find('Services\\a')?.get('Number')).toBe(9);
        expect(left.list(PATH).toSorted()).toEqual(['machine.json', expect.stringMatching(/^state-\d+$/)]);
      }
    }
    expect(found).toEqual(new Set([states[changes], states[changes + 1]]));
  });

  test('a change that throws changes nothing', () => {
    const files = prepared(1);
    const mistake = new Error('mistake');
    expect(() =>
      open(files).update((system) => {
        change(2)(system);
        throw mistake;
      }),
    ).toThrow(mistake);
    expect(contents(open(files))).toBe(states[1]);
    expect(files.list(PATH).toSorted()).toEqual(['machine.json', 'state-1']);
  });
});

function code(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof DirectoryError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('two writers', () => {
  test('the second is refused while the first is at work, and reading goes on', () => {
    const files = prepared(1);
    const inner: string[] = [];
    open(files, 1).update((system) => {
      change(2)(system);
      inner.push(code(() => open(files, 2, () => true).update(change(3))));
      inner.push(contents(open(files, 2)) === after(1) ? 'old state' : 'another state');
    });
    expect(inner).toEqual(['DIRECTORY_LOCKED', 'old state']);
    expect(contents(open(files))).toBe(after(2));
  });

  test('a claim whose content cannot be read is taken for a living one', () => {
    const files = prepared(1);
    files.writeNew(`${PATH}/writer-2.lock`, new Uint8Array([1]));
    expect(code(() => open(files).update(change(2)))).toBe('DIRECTORY_LOCKED');
  });

  test('a writer that was overtaken before it claimed is told to begin anew', () => {
    const files = prepared(1);
    // The other one runs between the look at the pointer and the claim.
    const late = new (class extends CrashingFiles {
      override list(path: string): string[] {
        if (path === PATH && open(files, 5).read().find('Services\\a')?.get('Number') === 1)
          open(files, 5).update(change(2));
        return files.list(path);
      }
      override exists = (path: string): boolean => files.exists(path);
      override read = (path: string): Uint8Array => files.read(path);
      override makeDirectory = (path: string): void => files.makeDirectory(path);
      override writeNew = (path: string, bytes: Uint8Array): void => files.writeNew(path, bytes);
      override link = (from: string, to: string): void => files.link(from, to);
      override rename = (from: string, to: string): void => files.rename(from, to);
      override remove = (path: string): void => files.remove(path);
      override syncDirectory = (path: string): void => files.syncDirectory(path);
    })();
    expect(code(() => open(late, 6).update(change(7)))).toBe('DIRECTORY_CHANGED');
    expect(contents(open(files))).toBe(after(2));
  });
});

describe('damage is told', () => {
  const damaged = (name: string, bytes: Uint8Array | null): string => {
    const files = prepared(1);
    files.remove(`${PATH}/${name}`);
    if (bytes !== null) files.writeNew(`${PATH}/${name}`, bytes);
    return code(() => open(files).read());
  };
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);

  test.each([
    ['machine.json', null, 'DIRECTORY_MISSING'],
    ['machine.json', text('{'), 'DIRECTORY_DAMAGED'],
    ['machine.json', text('[]'), 'DIRECTORY_DAMAGED'],
    ['machine.json', text('{"format":2,"state":1,"manifest":""}'), 'DIRECTORY_DAMAGED'],
    ['machine.json', text('{"format":1,"state":7,"manifest":""}'), 'DIRECTORY_DAMAGED'],
    ['state-1/manifest.json', null, 'DIRECTORY_DAMAGED'],
    ['state-1/manifest.json', text('{"../x":""}'), 'DIRECTORY_DAMAGED'],
    ['state-1/registry/SYSTEM.reg', text('Windows Registry Editor Version 5.00\r\n'), 'DIRECTORY_DAMAGED'],
    ['state-1/registry/SOFTWARE.reg', null, 'DIRECTORY_DAMAGED'],
    ['state-1/C/Windows/INF/oem1.inf', null, 'DIRECTORY_DAMAGED'],
    ['state-1/devices.json', text('{}'), 'DIRECTORY_DAMAGED'],
  ])('%s as %s', (name, bytes, expected) => {
    expect(damaged(name, bytes)).toBe(expected);
  });

  test('a folder with other things in it is left alone', () => {
    const files = new CrashingFiles();
    files.makeDirectory(PATH);
    files.writeNew(`${PATH}/thesis.tex`, text('x'));
    expect(code(() => open(files).update(change(1)))).toBe('DIRECTORY_FOREIGN');
    expect(files.list(PATH)).toEqual(['thesis.tex']);
  });
});
