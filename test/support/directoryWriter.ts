/** Changes a machine directory again and again and prints a line after each change. Run by machineDirectoryKill.test.ts. */

import { writeSync } from 'node:fs';
import { MachineDirectory } from '../../src/install/node.ts';

const FILES = 12;
const directory = new MachineDirectory(process.argv[2]);
for (;;) {
  directory.update((system) => {
    const key = system.control('Services\\a');
    const number = Number(key.get('Number') ?? 0) + 1;
    key.set('Number', number);
    const bytes = new TextEncoder().encode(`content ${number}`);
    for (let file = 0; file < FILES; file++) system.files.set(`C:\\Windows\\INF\\oem${file}.inf`, bytes);
  });
  writeSync(1, 'changed\n');
}
