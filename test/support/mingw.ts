/**
 * Builds drivers with Debian's x86_64-w64-mingw32-gcc and the ddk headers of mingw-w64 as they are, into a temporary
 * folder: what is built from headers that are not ours is never committed. Without the compiler the tests say why they
 * are skipped; with CI set they are not.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMPILER = 'x86_64-w64-mingw32-gcc';
const DLLTOOL = 'x86_64-w64-mingw32-dlltool';
const HEADERS = '/usr/x86_64-w64-mingw32/include/ddk';
const native = fileURLToPath(new URL('../../native/', import.meta.url));

/** Whether drivers can be built here. With CI set they have to be. */
export const hasMingw = process.env['CI'] !== undefined || spawnSync(COMPILER, ['--version']).status === 0;
if (!hasMingw) {
  console.warn(
    `tests of native/legacy are skipped: ${COMPILER} is not installed; apt-get install gcc-mingw-w64-x86-64-win32 mingw-w64-x86-64-dev`,
  );
}

const FLAGS = [
  '-std=gnu11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  // The headers of mingw-w64 are not clean under these.
  '-Wno-unknown-pragmas',
  '-Wno-ignored-attributes',
  '-ffreestanding',
  '-fno-stack-protector',
  '-fno-ident',
  '-mno-stack-arg-probe',
  '-D_WIN32_WINNT=0x0501',
  '-DDBG=0',
];
const LINK = [
  '-shared',
  '-nostdlib',
  '-s',
  '-Wl,--subsystem,native',
  '-Wl,--entry,DriverEntry',
  '-Wl,--exclude-all-symbols',
  '-Wl,--dynamicbase',
  '-Wl,--enable-reloc-section',
  '-Wl,--no-insert-timestamp',
];

const built = new Map<string, Uint8Array>();

/**
 * The image of native/legacy/NAME, built once for a run of tests.
 * @param defines what the headers ask for: `NDIS_MINIPORT_DRIVER`, `NDIS51_MINIPORT=1`, `NDIS51=1`.
 */
export function buildWithMingw(name: string, defines: readonly string[]): Uint8Array {
  const key = [name, ...defines].join(' ');
  const known = built.get(key);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), 'ndisbox-mingw-'));
  try {
    const sources = readdirSync(join(native, 'legacy', name)).filter((file) => file.endsWith('.c'));
    const library = join(folder, 'libndisbox.a');
    execFileSync(DLLTOOL, ['-d', join(native, 'lib/ndisbox.def'), '-l', library]);
    const image = join(folder, `${name}.sys`);
    const options = [...FLAGS, ...defines.map((define) => `-D${define}`), '-isystem', HEADERS];
    const inputs = sources.map((file) => join(native, 'legacy', name, file));
    // Our ndisbox.h comes after the headers of the system: its folder has an ndis.h, too.
    const headers = ['-idirafter', join(native, 'include')];
    const libraries = ['-L', folder, '-lndisbox', '-lndis', '-lntoskrnl', '-lhal'];
    const result = spawnSync(
      COMPILER,
      [...options, ...headers, ...LINK, ...inputs, ...libraries, '-o', image],
      {
        encoding: 'utf8',
      },
    );
    if (result.status !== 0) throw new Error(`${COMPILER} failed for ${name}:\n${result.stderr}`);
    const bytes = new Uint8Array(readFileSync(image));
    built.set(key, bytes);
    return bytes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a miniport driver for NDIS 5.1 defines before it includes ndis.h. */
export const MINIPORT51 = ['NDIS_MINIPORT_DRIVER=1', 'NDIS51_MINIPORT=1', 'NDIS_WDM=1'];
/** What an intermediate driver for NDIS 5.1 defines. */
export const INTERMEDIATE51 = [...MINIPORT51, 'NDIS51=1'];
/** What a protocol driver for NDIS 5.1 defines. */
export const PROTOCOL51 = ['NDIS51=1', 'NDIS_WDM=1'];
