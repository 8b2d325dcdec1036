/** What a command is. */

import type { ExitCode } from '../cliError.ts';
import type { OptionName, OptionValues } from '../options.ts';
import type { Terminal } from '../output/terminal.ts';

/** A command of `ndisbox`. */
export interface Command {
  readonly name: string;
  /** What stands behind its name, `STACK.json`; empty for nothing. */
  readonly argument: string;
  readonly help: string;
  readonly options: readonly OptionName[];
  /** Runs it. @param argument empty where there is none. */
  run(argument: string, options: OptionValues, terminal: Terminal): Promise<ExitCode>;
}
