/** Runs the command `ndisbox` as its users do: as a process of its own, in a folder of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../src/cli/commandLine.ts';
import { Terminal } from '../../src/cli/output/terminal.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** What a command left behind. */
export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface RunningCommand {
  readonly child: ChildProcess;
  /** Settles once the command has written `text` to either stream. */
  readonly printed: (text: string) => Promise<void>;
  readonly result: Promise<CommandResult>;
}

/** A folder for one test. */
export class CommandFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'ndisbox-'));

  /** Writes a file and returns its path; objects become JSON. */
  write(name: string, content: unknown): string {
    writeFileSync(this.file(name), typeof content === 'string' ? content : JSON.stringify(content));
    return this.file(name);
  }

  /** Starts the command; `before` is put ahead of it, as `ip netns exec NAME`. */
  start(args: readonly string[], before: readonly string[] = []): RunningCommand {
    // tsx as a loader and not as a command: a signal then reaches the command itself.
    const command = [
      ...before,
      process.execPath,
      '--import',
      import.meta.resolve('tsx'),
      join(REPOSITORY, 'src/cli/main.ts'),
      ...args,
    ];
    const child = spawn(command[0], command.slice(1), { cwd: this.path, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const waiting: { text: string; resolve: () => void; reject: (error: Error) => void }[] = [];
    const look = (): void => {
      for (const { text, resolve: found } of waiting) if ((stdout + stderr).includes(text)) found();
    };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      look();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      look();
    });
    const result = new Promise<CommandResult>((settle, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode) => {
        for (const { text, reject: fail } of waiting)
          fail(new Error(`the command ended without "${text}":\n${stdout}${stderr}`));
        settle({ exitCode, stdout, stderr });
      });
    });
    const printed = (text: string): Promise<void> =>
      new Promise((found, reject) => {
        waiting.push({ text, resolve: found, reject });
        look();
      });
    return { child, printed, result };
  }

  /** Runs the command in this process, which saves its start; files of the folder are named by `file`. */
  async run(...args: string[]): Promise<CommandResult> {
    let stdout = '';
    let stderr = '';
    const terminal = new Terminal(
      { write: (text) => (stdout += text) },
      { write: (text) => (stderr += text) },
      {},
    );
    const exitCode = await runCommandLine(args, terminal);
    return { exitCode, stdout, stderr };
  }

  /** The path of a file of the folder. */
  file(name: string): string {
    return join(this.path, name);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The path of a file of the repository. */
export function repositoryFile(path: string): string {
  return join(REPOSITORY, path);
}
