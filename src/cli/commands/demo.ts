/** `ndisbox demo`: plays a recorded capture through a stack of drivers and writes the answers. Needs no root. */

import { resolve } from 'node:path';
import { packageFile } from '../packageFiles.ts';
import { BUILT_IN_DRIVERS } from '../stack/driverImages.ts';
import { readStackFile, type StackDescription } from '../stack/stackFile.ts';
import type { Command } from './command.ts';
import { runStack, withOptions } from './runStack.ts';

/** Where the answers go unless --capture says otherwise. */
const ANSWERS = 'ndisbox-demo.pcapng';

/** The stack with its capture wires recording what is sent. */
function recordingInto(stack: StackDescription, path: string): StackDescription {
  const adapters = stack.adapters.map((adapter) =>
    adapter.wire?.type === 'capture' ? { ...adapter, wire: { ...adapter.wire, record: path } } : adapter,
  );
  return { ...stack, adapters };
}

/** `ndisbox demo`. */
export const demo: Command = {
  name: 'demo',
  argument: '',
  help: `play examples/hosts.pcapng through the stack of examples/demo.json; the answers go to --capture (${ANSWERS})`,
  options: ['trace', 'capture', 'seed', 'processors', 'memory-safety', 'json', 'help'],
  run: async (_argument, options, terminal) => {
    const { capture, ...others } = options;
    const answers = resolve(capture ?? ANSWERS);
    const stack = readStackFile(packageFile('examples/demo.json'), BUILT_IN_DRIVERS);
    return runStack(recordingInto(withOptions(stack, others), answers), options.json ?? false, terminal, [
      { path: answers, content: 'answers' },
    ]);
  },
};
