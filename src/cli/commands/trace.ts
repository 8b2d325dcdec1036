/** `ndisbox trace FILE`: reads, filters and follows. */

import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import {
  createFilter,
  Follower,
  formatEvent,
  readTrace,
  TRACE_KINDS,
  type TraceFilter,
  type TraceHeader,
  type TraceKind,
} from '../../trace/index.ts';
import { CliError, EXIT } from '../cliError.ts';
import type { OptionValues } from '../options.ts';
import { eventHeading, formatEventText } from '../output/eventText.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Command } from './command.ts';

/** Bytes read at once. */
const PIECE_SIZE = 1 << 18;

function* piecesOf(file: string): Generator<string> {
  const attempt = <R>(action: () => R): R => {
    try {
      return action();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CliError('INPUT_UNREADABLE', `${file} cannot be read: ${reason}. Check the path.`, { cause });
    }
  };
  const descriptor = attempt(() => openSync(file, 'r'));
  try {
    const bytes = new Uint8Array(PIECE_SIZE);
    const decoder = new StringDecoder('utf8');
    for (;;) {
      const count = attempt(() => readSync(descriptor, bytes, 0, bytes.length, null));
      if (count === 0) break;
      yield decoder.write(Buffer.from(bytes.buffer, 0, count));
    }
    yield decoder.end();
  } finally {
    closeSync(descriptor);
  }
}

function isKind(text: string): text is TraceKind {
  return TRACE_KINDS.some((kind) => kind === text);
}

function filterOf(options: OptionValues): TraceFilter {
  const { driver, name, kind, thread, from, to } = options;
  const kinds = kind?.map((text) => {
    if (isKind(text)) return text;
    throw new CliError('OPTION_VALUE', `--kind is "${text}"; give one of ${TRACE_KINDS.join(', ')}.`);
  });
  return {
    ...(driver === undefined ? {} : { drivers: driver }),
    ...(name === undefined ? {} : { names: name }),
    ...(kinds === undefined ? {} : { kinds }),
    ...(thread === undefined ? {} : { threads: thread }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

/** What `--follow` names: an address, and which of its lives; null for all of them. */
function followed(text: string | undefined): { follower: Follower; life: number | null } | null {
  if (text === undefined) return null;
  const match = /^(0x[0-9a-f]{1,8}|\d{1,10})(?:#(\d{1,9}))?$/i.exec(text);
  if (match === null || Number(match[1]) === 0) {
    throw new CliError(
      'OPTION_VALUE',
      `--follow is "${text}"; give an address from the trace such as 0x12a40, or 0x12a40#3 for its third life.`,
    );
  }
  return {
    follower: new Follower(Number(match[1])),
    life: match[2] === undefined ? null : Number(match[2]),
  };
}

function printHeader({ version, seed, options }: TraceHeader, terminal: Terminal): void {
  terminal.note(
    `trace version ${version}, seed ${seed}, processors ${JSON.stringify(options['processors'] ?? 1)}`,
  );
  terminal.line(eventHeading(terminal));
}

/** `ndisbox trace`. */
export const trace: Command = {
  name: 'trace',
  argument: 'FILE',
  help: 'read a trace: filter it, follow one packet or request; text for people, or NDJSON with --json',
  options: ['driver', 'name', 'kind', 'thread', 'from', 'to', 'follow', 'json', 'help'],
  run: async (argument, options, terminal) => {
    const keep = createFilter(filterOf(options));
    const following = followed(options.follow);
    const json = options.json ?? false;
    let shown = 0;
    let life = 0;
    for (const record of readTrace(piecesOf(argument))) {
      if ('header' in record) {
        if (!json) printHeader(record.header, terminal);
        continue;
      }
      const { event } = record;
      if (following !== null) {
        // The follower sees every event: what it follows may be made outside of the filter.
        const { follower } = following;
        if (!follower.take(event) || (following.life ?? follower.life) !== follower.life) continue;
        if (follower.life !== life && !json && keep(event)) terminal.line(`life ${follower.life}`);
        life = follower.life;
      }
      if (!keep(event)) continue;
      shown++;
      terminal.line(json ? formatEvent(event).trimEnd() : formatEventText(event, terminal));
    }
    if (shown === 0) terminal.note('no event matches');
    return EXIT.ok;
  },
};
