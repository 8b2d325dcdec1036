#!/usr/bin/env node
/** The entry of the command `ndisbox`. */

import { runCommandLine } from './commandLine.ts';

// Who reads the output may stop reading: `ndisbox trace FILE | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 70);
});

process.exitCode = await runCommandLine(process.argv.slice(2));
