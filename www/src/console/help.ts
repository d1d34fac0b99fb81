/** What the console knows of commands: their rows, what completes a line, and what `help` answers. */

import { COMMANDS } from '../commands/index.gen.js';
import type { CommandRow } from '../commands/row.js';

/** A line's possible continuation: the whole line that choosing it would give, and what to show of it. */
export interface Completion {
  readonly line: string;
  readonly label: string;
  readonly note: string;
}

/** Returns what could stand where a line ends: commands, subcommands or, at a key's place, keys. */
export function completions(line: string, keysFrom: (prefix: string, count: number) => readonly string[]): Completion[] {
  const { words, last, start } = pieces(line);
  if (words.length === 0) {
    if (last === '') return [];
    return COMMANDS.filter((row) => startsWith(row.name, last))
      .slice(0, MATCHES_MAX)
      .map((row) => ({ line: cased(row.name, last), label: row.name.toUpperCase(), note: noteOn(row) }));
  }
  const row = rowOf(words.slice(0, 1));
  if (words.length === 1 && words[0]?.toLowerCase() === 'help') {
    return COMMANDS.filter((row) => last !== '' && startsWith(row.name, last))
      .slice(0, MATCHES_MAX)
      .map((row) => ({ line: start + cased(row.name, last), label: row.name.toUpperCase(), note: noteOn(row) }));
  }
  if (!row) return [];
  if (row.subcommands.length > 0 && words.length === 1) {
    return row.subcommands
      .filter((sub) => startsWith(sub.name, last))
      .slice(0, MATCHES_MAX)
      .map((sub) => ({ line: start + cased(sub.name, last), label: sub.name.toUpperCase(), note: noteOn(sub) }));
  }
  if (last === '' || row.firstKey === 0 || !isKeyPlace(row, words.length)) return [];
  return keysFrom(last, MATCHES_MAX).map((key) => ({ line: start + key, label: key, note: '' }));
}

/** Returns the arguments that are still to come, as redis-cli shows them after the cursor. */
export function hint(line: string): string {
  const { words, last } = pieces(line);
  const typed = last === '' ? words : [...words, last];
  const row = rowOf(typed);
  if (!row) return '';
  const rest = parts(row.syntax).slice(typed.length - (isSub(typed) ? 2 : 1)).join(' ');
  return rest !== '' && last !== '' ? ` ${rest}` : rest;
}

/** Returns what `help …` prints. */
export function help(words: readonly string[]): string {
  const [first] = words;
  if (first === undefined) return OVERVIEW;
  if (first.startsWith('@')) {
    const group = first.slice(1).toLowerCase();
    const rows = COMMANDS.filter((row) => row.group === group);
    if (rows.length > 0) return rows.map((row) => describe(row)).join('\n\n');
    return `There is no group ${first}. There are: ${groups().map((name) => `@${name}`).join(' ')}`;
  }
  const row = rowOf(words);
  if (!row) return `There is no command ${first.toUpperCase()}. Type a part of its name: matching ones are shown.`;
  const path = isSub(words) ? words.slice(0, 1).join(' ') : '';
  const subs = row.subcommands.map((sub) => `  ${row.name.toUpperCase()} ${sub.name.toUpperCase()} ${sub.syntax}`.trimEnd());
  return [describe(row, path), ...subs].join('\n');
}

/** Returns the row of a call: of its subcommand, where it names one. */
export function rowOf(words: readonly string[]): CommandRow | undefined {
  const row = ROWS.get(words[0]?.toLowerCase() ?? '');
  const second = words[1]?.toLowerCase();
  return row?.subcommands.find((sub) => sub.name === second) ?? row;
}

function describe(row: CommandRow, path = ''): string {
  const name = path !== '' ? `${path} ${row.name}` : row.name;
  const where = row.serverOnly ? '\n  where: on the server only' : '';
  return `  ${`${name.toUpperCase()} ${row.syntax}`.trimEnd()}\n  summary: ${row.summary}\n  cost: ${row.complexity}\n  since: ${row.since}\n  group: ${row.group}${where}`;
}

function groups(): string[] {
  return [...new Set(COMMANDS.map((row) => row.group))].sort();
}

function noteOn(row: CommandRow): string {
  return row.serverOnly ? `${row.summary} On the server only.` : row.summary;
}

/** Splits a line at its spaces: the words before the last one, the last one, and the line up to it. */
function pieces(line: string): { words: string[]; last: string; start: string } {
  const start = line.replace(/\S*$/, '');
  return { words: start.split(/\s+/).filter((word) => word !== ''), last: line.slice(start.length), start };
}

/** Splits a syntax into its arguments: a bracket with all that it holds is one. */
function parts(syntax: string): string[] {
  const found: string[] = [];
  let depth = 0;
  for (const word of syntax.split(' ').filter((word) => word !== '')) {
    if (depth > 0) found[found.length - 1] += ` ${word}`;
    else found.push(word);
    depth += count(word, '[<') - count(word, ']>');
  }
  return found;
}

function count(word: string, letters: string): number {
  return [...word].filter((letter) => letters.includes(letter)).length;
}

function isSub(words: readonly string[]): boolean {
  const row = ROWS.get(words[0]?.toLowerCase() ?? '');
  return row?.subcommands.some((sub) => sub.name === words[1]?.toLowerCase()) ?? false;
}

/** Tells whether a word at this place, the name at 0, is a key. The table says where the first one is; of the calls
 * with several, the common ones have nothing else after it. */
function isKeyPlace(row: CommandRow, at: number): boolean {
  return at === row.firstKey || (at > row.firstKey && /^(\S+ )?(key )?\[?key \[key \.\.\.\]/.test(row.syntax));
}

function startsWith(name: string, typed: string): boolean {
  return name.startsWith(typed.toLowerCase());
}

/** Returns a name in the case in which its beginning was typed. */
function cased(name: string, typed: string): string {
  return typed !== '' && typed === typed.toLowerCase() ? name : name.toUpperCase();
}

const ROWS = new Map(COMMANDS.map((row) => [row.name, row]));
const MATCHES_MAX = 8;
const OVERVIEW = `Every command runs on the replica in this tab, at once, and reaches the server when it can.

  help COMMAND     what a command does and how it is called
  help @GROUP      all of a group: ${groups().map((name) => `@${name}`).join(' ')}
  clear            empty this console (also Ctrl+L)
  N COMMAND …      run it N times

  Tab completes, ↑ and ↓ recall, several pasted lines run one after the other.
  Quotes are redis-cli's: "with \\n and \\x00 escapes", 'as it stands'.`;
