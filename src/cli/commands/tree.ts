/** `ndisbox tree STACK.json` or `ndisbox tree DIR`: the stack that a file brings up, once or as it changes. */

import { EXIT } from '../cliError.ts';
import { isDirectory, readInstalledStack } from '../installation/installedStack.ts';
import type { Terminal } from '../output/terminal.ts';
import { formatTree, treeOf } from '../output/tree.ts';
import { Interrupt } from '../session/interrupt.ts';
import { Session } from '../session/session.ts';
import { BUILT_IN_DRIVERS } from '../stack/driverImages.ts';
import { readStackFile } from '../stack/stackFile.ts';
import type { Command } from './command.ts';
import { withOptions } from './runStack.ts';

/** Shows the tree where it differs from what was shown last. */
class TreeView {
  readonly #terminal: Terminal;
  readonly #json: boolean;
  #last = '';

  constructor(terminal: Terminal, json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
  }

  show(session: Session): void {
    const snapshot = session.machine.snapshot();
    const { timeMilliseconds: _time, ...shown } = snapshot;
    // The time changes always; alone it is no news.
    const text = this.#json ? JSON.stringify(shown) : formatTree(treeOf(snapshot, this.#terminal)).join('\n');
    if (text === this.#last) return;
    if (this.#last !== '') this.#terminal.clearScreen();
    this.#last = text;
    this.#terminal.line(this.#json ? JSON.stringify(snapshot) : text);
  }
}

/** `ndisbox tree`. */
export const tree: Command = {
  name: 'tree',
  argument: 'STACK.json|DIR',
  help: 'bring a stack file or machine directory up and show it as a tree: adapters, wires, bindings, states; --json gives one object a line',
  options: ['watch', 'seed', 'processors', 'duration', 'json', 'help'],
  run: async (argument, options, terminal) => {
    const read = isDirectory(argument)
      ? readInstalledStack(argument)
      : readStackFile(argument, BUILT_IN_DRIVERS);
    const stack = withOptions(read, options);
    const session = new Session({ ...stack, trace: null, capture: null });
    const view = new TreeView(terminal, options.json ?? false);
    const interrupt = new Interrupt(() => {});
    try {
      await session.bringUp(() => {
        if (options.watch === true) view.show(session);
      });
      view.show(session);
      if (options.watch === true) {
        await session.run(
          () => interrupt.requested,
          () => view.show(session),
        );
      }
      await session.takeDown();
    } finally {
      interrupt.dispose();
      session.close();
    }
    return EXIT.ok;
  },
};
