/** The command `ndisbox`: chooses the command, tells errors with their codes, and gives the exit code. */

import { CliError, describeError, EXIT, type ExitCode } from './cliError.ts';
import { bind, list, unbind } from './commands/bindings.ts';
import type { Command } from './commands/command.ts';
import { demo } from './commands/demo.ts';
import { install, uninstall } from './commands/install.ts';
import { run } from './commands/runStack.ts';
import { trace } from './commands/trace.ts';
import { tree } from './commands/tree.ts';
import { commandHelp, generalHelp } from './help.ts';
import { type CommandLine, parseOptions } from './options.ts';
import { Terminal } from './output/terminal.ts';
import { packageVersion } from './packageFiles.ts';
import { nearest } from './stack/checks.ts';

const COMMANDS: readonly Command[] = [demo, run, tree, trace, install, uninstall, list, bind, unbind];

/** Runs the command with these arguments. Never throws. */
export async function runCommandLine(args: readonly string[], terminal = new Terminal()): Promise<ExitCode> {
  try {
    return await dispatch(args, terminal);
  } catch (error) {
    const described = describeError(error);
    if (described === null) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      terminal.note(`ndisbox: a defect of ndisbox, please report it with the stack file:\n${text}`);
      return EXIT.internal;
    }
    terminal.note(`ndisbox: ${described.code}: ${described.message}`);
    return described.exitCode;
  }
}

async function dispatch(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [first, ...rest] = args;
  const command = COMMANDS.find(({ name }) => name === first);
  if (command !== undefined) return runCommand(command, rest, terminal);
  if (first === undefined || (!first.startsWith('-') && first !== 'help')) throw unknownCommand(first);
  const { options } = parseOptions(first === 'help' ? ['--help'] : args, ['help', 'version']);
  terminal.line(options.version === true ? packageVersion() : generalHelp(COMMANDS));
  return EXIT.ok;
}

async function runCommand(command: Command, args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { options, positionals } = parseOptions(args, command.options);
  if (options.help === true) {
    terminal.line(commandHelp(command));
    return EXIT.ok;
  }
  return command.run(argumentOf(command, positionals), options, terminal);
}

function argumentOf(command: Command, positionals: CommandLine['positionals']): string {
  const { name, argument } = command;
  if (argument !== '' && positionals.length === 0) {
    throw new CliError('ARGUMENT_MISSING', `ndisbox ${name} needs an argument: ndisbox ${name} ${argument}.`);
  }
  const surplus = positionals[argument === '' ? 0 : 1];
  if (surplus !== undefined) {
    throw new CliError('ARGUMENT_UNEXPECTED', `ndisbox ${name} does not expect "${surplus}"; remove it.`);
  }
  return positionals[0] ?? '';
}

function unknownCommand(name: string | undefined): CliError {
  const names = COMMANDS.map((command) => command.name);
  if (name === undefined) {
    return new CliError(
      'COMMAND_UNKNOWN',
      `give a command: ${names.join(', ')}; "ndisbox --help" explains them.`,
    );
  }
  const near = nearest(name, names);
  return new CliError(
    'COMMAND_UNKNOWN',
    `"${name}" is no command${near === null ? '' : `: did you mean "${near}"?`}${near === null ? ';' : ''} ` +
      `there are ${names.join(', ')}; "ndisbox --help" explains them.`,
  );
}
