/**
 * The names under which user programs and `.reg` files know parts of the registry, and what they stand for.
 * Implements "Registry Run-Time Overview" (windows-driver-docs-pr/kernel) and "Predefined Keys" of the Windows SDK.
 */

/** Long name, short name, path. Longer paths first, so that a path becomes its nearest name. */
const ROOTS: readonly (readonly [long: string, short: string, path: string])[] = [
  [
    'HKEY_CURRENT_CONFIG',
    'HKCC',
    '\\Registry\\Machine\\System\\CurrentControlSet\\Hardware Profiles\\Current',
  ],
  ['HKEY_CLASSES_ROOT', 'HKCR', '\\Registry\\Machine\\Software\\Classes'],
  ['HKEY_CURRENT_USER', 'HKCU', '\\Registry\\User\\.Default'],
  ['HKEY_LOCAL_MACHINE', 'HKLM', '\\Registry\\Machine'],
  ['HKEY_USERS', 'HKU', '\\Registry\\User'],
];

/** `HKLM\System` as `\Registry\Machine\System`; null where the path begins with no known root. */
export function ntPath(path: string): string | null {
  if (/^\\registry(\\|$)/i.test(path)) return path;
  const separator = path.indexOf('\\');
  const first = (separator < 0 ? path : path.slice(0, separator)).toUpperCase();
  const root = ROOTS.find(([long, short]) => first === long || first === short);
  if (root === undefined) return null;
  return separator < 0 ? root[2] : root[2] + path.slice(separator);
}

/** `\Registry\Machine\System` as `HKEY_LOCAL_MACHINE\System`; null where no predefined key holds the path. */
export function win32Path(path: string): string | null {
  for (const [long, , prefix] of ROOTS) {
    if (long !== 'HKEY_LOCAL_MACHINE' && long !== 'HKEY_USERS') continue;
    if (path.toLowerCase() === prefix.toLowerCase()) return long;
    if (path.toLowerCase().startsWith(`${prefix.toLowerCase()}\\`)) return long + path.slice(prefix.length);
  }
  return null;
}
