/** The help of the command, derived from the tables of commands and options. */

import type { Command } from './commands/command.ts';
import { OPTIONS, type OptionName } from './options.ts';

const EXIT_CODES = `exit codes
  0    all went well
  1    the stack ran, and there are findings
  2    the command line was wrong
  3    a file could not be used: stack, driver, trace, capture
  4    a bug check stopped the machine
  5    the stack did not come up, did not come down, or lost its last live wire
  70   a defect of ndisbox
  130  interrupted before it was done`;

/** Names and what they mean, in two columns. */
function columns(rows: readonly (readonly [name: string, help: string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, help]) => `  ${name.padEnd(width)}  ${help}`);
}

function optionLines(names: readonly OptionName[]): string[] {
  return columns(
    names.map((name) => {
      const { value, help } = OPTIONS[name];
      return [`--${name}${value === '' ? '' : ` ${value}`}`, help];
    }),
  );
}

/** The help of the whole command. */
export function generalHelp(commands: readonly Command[]): string {
  return [
    'ndisbox: NDIS, the Windows network driver library, as a program',
    '',
    'commands',
    ...columns(commands.map(({ name, argument, help }) => [`${name} ${argument}`.trim(), help])),
    '',
    'ndisbox COMMAND --help lists the options of a command; --version prints the version',
    '',
    EXIT_CODES,
  ].join('\n');
}

/** The help of one command. */
export function commandHelp({ name, argument, help, options }: Command): string {
  return [
    `ndisbox ${name}${argument === '' ? '' : ` ${argument}`} [options]`,
    help,
    '',
    'options',
    ...optionLines(options),
    '',
    EXIT_CODES,
  ].join('\n');
}
