/**
 * Builds the drivers in native/drivers with Debian's clang-19 and lld-19, on any machine: the same sources give the
 * same bytes. Without arguments it writes native/fixtures/<variant>/<driver>.sys.
 *
 *   node native/build.mjs [--out DIRECTORY] [--include DIRECTORY] [--lib DIRECTORY] [driver ...]
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('.', import.meta.url));

/** How each variant differs from the others: the optimiser, and stack cookies with control-flow guard. */
export const VARIANTS = {
  checked: { compile: ['/Od', '/GS-', '/D', 'DBG=1'], guarded: false },
  optimised: { compile: ['/O2', '/GS-'], guarded: false },
  'checked-guarded': { compile: ['/Od', '/GS', '/guard:cf', '/D', 'DBG=1'], guarded: true },
  'optimised-guarded': { compile: ['/O2', '/GS', '/guard:cf'], guarded: true },
};

/** Folders of support code that a driver is linked with. */
const SUPPORT = {
  echo: ['support'],
  monitor: ['support'],
  mux: ['support'],
  passthrough: ['support'],
  sniff: ['support'],
  traffic: ['support'],
  vlan: ['support'],
};

/** Variants of drivers that do not come in all of them. */
const VARIANTS_OF = { relay: ['checked', 'optimised'] };

const LIBRARIES = { ntoskrnl: 'ntoskrnl.exe', hal: 'hal.dll', ndis: 'ndis.sys', ndisbox: 'ndisbox.sys' };

/** Names of the drivers. */
export function driverNames() {
  return readdirSync(join(root, 'drivers'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'support')
    .map(({ name }) => name)
    .sort();
}

/** Runs a tool; throws with everything that it said where it fails. */
function run(tool, args) {
  const { status, error, stdout, stderr } = spawnSync(tool, args, { encoding: 'utf8' });
  if (error)
    throw new Error(
      `${tool} cannot be run (${error.message}); install the Debian packages clang-19, lld-19 and llvm-19`,
    );
  if (status !== 0) throw new Error(`${tool} ${args.join(' ')}\n${stdout}${stderr}`);
  if (stderr !== '') process.stderr.write(stderr);
}

function compile(source, object, include, flags) {
  const language = source.endsWith('.s') ? [] : ['/std:c17', '/W4', '/WX', ...flags];
  run('clang-19', [
    '--driver-mode=cl',
    '--target=x86_64-pc-windows-msvc',
    '/c',
    '/nologo',
    // Exceptions of the processor inside __try are caught, not only those of calls; /EHa does that for C++ alone.
    ...(source.endsWith('.s')
      ? []
      : ['-Xclang', '-fasync-exceptions', '/Zl', '/X', '/kernel', '/Gy', '-fms-compatibility-version=19.40']),
    '-Wno-unused-command-line-argument',
    `/clang:-ffile-prefix-map=${root}=`,
    '/Brepro',
    ...language,
    ...(source.endsWith('.s') ? [] : include.flatMap((directory) => ['/I', directory])),
    `/Fo${object}`,
    '--',
    source,
  ]);
}

function sourcesIn(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.c') || name.endsWith('.s'))
    .sort()
    .map((name) => join(folder, name));
}

/** Makes the import libraries once for all drivers. */
function importLibraries(definitions, work) {
  return Object.entries(LIBRARIES).map(([name, dll]) => {
    const library = join(work, `${name}.lib`);
    const definition = join(definitions, `${name}.def`);
    run('llvm-dlltool-19', ['-m', 'i386:x86-64', '-D', dll, '-d', definition, '-l', library]);
    return library;
  });
}

function buildDriver(name, variant, { include, libraries, work, out }) {
  const { compile: flags, guarded } = VARIANTS[variant];
  const folders = [
    join(root, 'drivers', name),
    ...(SUPPORT[name] ?? []).map((folder) => join(root, 'drivers', folder)),
  ];
  const sources = [...folders.flatMap(sourcesIn), ...(guarded ? sourcesIn(join(root, 'runtime')) : [])];
  const objects = sources.map((source, index) => {
    const object = join(work, `${variant}-${name}-${index}-${basename(source)}.obj`);
    compile(source, object, include, flags);
    return object;
  });
  const folder = join(out, variant);
  mkdirSync(folder, { recursive: true });
  run('lld-link-19', [
    '/nologo',
    '/driver',
    '/machine:x64',
    '/subsystem:native,10.0',
    '/version:1.0',
    '/nodefaultlib',
    `/entry:${guarded ? 'GsDriverEntry' : 'DriverEntry'}`,
    '/dynamicbase',
    '/opt:ref,icf',
    '/release',
    '/noimplib',
    '/Brepro',
    '/section:INIT,ERD',
    ...(guarded ? ['/guard:cf,nolongjmp'] : []),
    `/out:${join(folder, `${name}.sys`)}`,
    ...objects,
    ...libraries,
  ]);
}

/** Builds drivers in every variant, or in those given. */
export function build({
  names = driverNames(),
  variants = Object.keys(VARIANTS),
  out,
  include = [],
  lib,
} = {}) {
  const work = mkdtempSync(join(tmpdir(), 'ndisbox-native-'));
  try {
    const settings = {
      include: [...include, join(root, 'include')],
      libraries: importLibraries(lib ?? join(root, 'lib'), work),
      work,
      out: out ?? join(root, 'fixtures'),
    };
    for (const name of names)
      for (const variant of variants)
        if (VARIANTS_OF[name]?.includes(variant) ?? true) buildDriver(name, variant, settings);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      include: { type: 'string', multiple: true },
      lib: { type: 'string' },
      variant: { type: 'string', multiple: true },
    },
  });
  build({
    names: positionals.length > 0 ? positionals : driverNames(),
    ...(values.variant === undefined ? {} : { variants: values.variant }),
    out: values.out,
    include: values.include ?? [],
    lib: values.lib,
  });
}
