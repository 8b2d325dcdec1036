/**
 * Paths of the simulated disk `C:\` and the directories behind dirids. No name of an INF file leads out of the disk.
 * Implements "Using Dirids" (windows-driver-docs-pr/install).
 */

/** Where drivers and INF files lie. */
export const WINDOWS = 'C:\\Windows';
export const SYSTEM32 = `${WINDOWS}\\System32`;
export const DRIVERS = `${SYSTEM32}\\drivers`;
export const INF_DIRECTORY = `${WINDOWS}\\INF`;
export const FILE_REPOSITORY = `${SYSTEM32}\\DriverStore\\FileRepository`;

/** The package's directory in the driver store. */
const DIRID_DRIVER_STORE = 13;
/** A path as it stands. */
const DIRID_ABSOLUTE = 0xffff_ffff;
const DIRID_ABSOLUTE_16 = 0xffff;

const DIRECTORIES = new Map<number, string>([
  [10, WINDOWS],
  [11, SYSTEM32],
  [12, DRIVERS],
  [17, INF_DIRECTORY],
  [18, `${WINDOWS}\\Help`],
  [20, `${WINDOWS}\\Fonts`],
  [21, `${SYSTEM32}\\viewers`],
  [23, `${SYSTEM32}\\spool\\drivers\\color`],
  [24, 'C:'],
  [25, `${WINDOWS}`],
  [30, 'C:'],
  [50, `${WINDOWS}\\system`],
  [51, `${SYSTEM32}\\spool`],
  [52, `${SYSTEM32}\\spool\\drivers`],
  [54, 'C:'],
  [55, `${SYSTEM32}\\spool\\prtprocs`],
  [16_419, 'C:\\ProgramData'],
  [16_422, 'C:\\Program Files'],
  [16_427, 'C:\\Program Files\\Common Files'],
]);

/**
 * The directory of a dirid; null for one that has none here. @param store where 13 leads. @param source where 1 leads.
 */
export function directoryOfDirid(dirid: number, store: string, source: string): string | null {
  const number = dirid >>> 0;
  if (number === DIRID_DRIVER_STORE) return store;
  if (number === 1) return source;
  if (number === DIRID_ABSOLUTE || number === DIRID_ABSOLUTE_16) return '';
  return DIRECTORIES.get(number) ?? null;
}

/** Longest path, and longest name in bytes as file systems keep it. */
const LONGEST_PATH = 1024;
const LONGEST_NAME = 255;
/** Names that Windows gives to devices, with any extension. */
const DEVICE_NAME = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i;

/** What is wrong with the name of a file or directory, or null. */
export function nameFault(name: string): string | null {
  if (name === '') return 'is empty';
  if (name === '.' || name === '..') return 'leads out of its directory';
  if (/[\p{Cc}<>:"/|?*\\]/u.test(name)) return 'has a character that no file name may have';
  if (/[. ]$/.test(name)) return 'ends with a dot or a space';
  if (DEVICE_NAME.test(name)) return 'is the name of a device';
  if (/\p{Cs}/u.test(name)) return 'has half a character';
  return new TextEncoder().encode(name).length > LONGEST_NAME ? `is longer than ${LONGEST_NAME} bytes` : null;
}

/** A path with its parts joined by one backslash, or what is wrong with it. Slashes count as backslashes. */
export function joinPath(
  ...parts: readonly string[]
): { readonly path: string } | { readonly fault: string } {
  const names = parts.flatMap((part) => part.split(/[\\/]+/)).filter((name) => name !== '');
  if (names[0]?.toUpperCase() !== 'C:') return { fault: 'does not lie on C:' };
  for (const name of names.slice(1)) {
    const fault = nameFault(name);
    if (fault !== null) return { fault: `has a part "${name.slice(0, 60)}" that ${fault}` };
  }
  const path = ['C:', ...names.slice(1)].join('\\');
  return path.length > LONGEST_PATH ? { fault: `has more than ${LONGEST_PATH} characters` } : { path };
}

/** Names below a directory, joined by a slash; or what is wrong with them. */
export function relativePath(
  ...parts: readonly string[]
): { readonly path: string } | { readonly fault: string } {
  const names = parts.flatMap((part) => part.split(/[\\/]+/)).filter((name) => name !== '' && name !== '.');
  for (const name of names) {
    const fault = nameFault(name);
    if (fault !== null) return { fault: `has a part "${name.slice(0, 60)}" that ${fault}` };
  }
  const path = names.join('/');
  return path.length > LONGEST_PATH ? { fault: `has more than ${LONGEST_PATH} characters` } : { path };
}

/** `C:\Windows\System32\...` as a service names it: `\SystemRoot\System32\...`. */
export function imagePathOf(path: string): string {
  return path.toUpperCase().startsWith(`${WINDOWS.toUpperCase()}\\`)
    ? `\\SystemRoot${path.slice(WINDOWS.length)}`
    : `\\??\\${path}`;
}

/** The path on `C:` that the ImagePath of a service names; null where it leads elsewhere. */
export function pathOfImage(imagePath: string): string | null {
  const text = imagePath
    .replace(/^\\\?\?\\/, '')
    .replace(/^(?:\\systemroot|%systemroot%)(?=\\)/i, WINDOWS.replaceAll('$', '$$$$'))
    .replace(/^system32(?=\\)/i, SYSTEM32);
  const joined = joinPath(text);
  return 'path' in joined ? joined.path : null;
}

/** A path as it is compared. */
export function foldPath(path: string): string {
  return path.toUpperCase();
}
