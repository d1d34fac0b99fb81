/** Prints replies as redis-cli does on a terminal, in either protocol. */

import type { ReplyNode } from 'sanderling/inspect';
import { textOf } from '../text.js';
import { quoteBytes } from './words.js';

/** Returns the lines of a reply, without a line break at the end. */
export function printReply(reply: ReplyNode, prefix = ''): string {
  switch (reply.type) {
    case 'status':
      return reply.text;
    case 'error':
      return `(error) ${reply.text}`;
    case 'integer':
      return `(integer) ${reply.value}`;
    case 'double':
      return `(double) ${reply.text}`;
    case 'boolean':
      return reply.value ? '(true)' : '(false)';
    case 'null':
      return '(nil)';
    case 'string':
      return quoteBytes(reply.bytes);
    case 'verbatim':
      return textOf(reply.bytes);
    case 'map':
      return printItems(reply.entries.map(([key, value]) => [key, value]), '#', '(empty hash)', prefix);
    case 'array':
      return printItems(reply.items.map((item) => [item]), ')', '(empty array)', prefix);
    case 'set':
      return printItems(reply.items.map((item) => [item]), '~', '(empty set)', prefix);
    case 'push':
      return printItems(reply.items.map((item) => [item]), ')', '(empty push)', prefix);
  }
}

/** Returns a string's own text where redis-cli prints it unquoted, for the commands that reply with a report. */
export function printReport(reply: ReplyNode): string {
  return reply.type === 'string' ? textOf(reply.bytes) : printReply(reply);
}

/** Tells whether redis-cli prints this call's reply as a report. */
export function isReport(words: readonly string[]): boolean {
  const [command = '', sub = ''] = words.map((word) => word.toLowerCase());
  return command === 'info' || command === 'lolwut' || (REPORTS[command]?.includes(sub) ?? false);
}

/**
 * Returns a reply of RESP3 in the shape that RESP2 gives it, which is what redis-cli asks for unless told otherwise:
 * maps are flat arrays, sets are arrays, doubles are strings, and pairs with scores stand in one row.
 */
export function asResp2(reply: ReplyNode): ReplyNode {
  switch (reply.type) {
    case 'map':
      return { type: 'array', items: reply.entries.flat().map(asResp2) };
    case 'set':
    case 'push':
      return { type: 'array', items: reply.items.map(asResp2) };
    case 'array':
      return { type: 'array', items: (reply.items.every(isScored) ? reply.items.flatMap(itemsOf) : reply.items).map(asResp2) };
    case 'double':
      return { type: 'string', text: reply.text, bytes: new TextEncoder().encode(reply.text) };
    case 'boolean':
      return { type: 'integer', value: reply.value ? 1 : 0 };
    case 'verbatim':
      return { ...reply, type: 'string' };
    default:
      return reply;
  }
}

/** Tells whether a reply is a member with its score. */
function isScored(reply: ReplyNode): boolean {
  return reply.type === 'array' && reply.items.length === 2 && reply.items[1]?.type === 'double';
}

function itemsOf(reply: ReplyNode): readonly ReplyNode[] {
  return reply.type === 'array' ? reply.items : [reply];
}

/** Prints rows of one node, or of two for the entries of a map. */
function printItems(rows: readonly (readonly ReplyNode[])[], separator: string, empty: string, prefix: string): string {
  if (rows.length === 0) return empty;
  const digits = String(rows.length).length;
  const inner = prefix + ' '.repeat(digits + 2);
  const lines = rows.map((row, index) => {
    // The first line of all is already indented by whoever prints this reply.
    const start = `${index === 0 ? '' : prefix}${String(index + 1).padStart(digits)}${separator} `;
    const [first = '', second] = row.map((node) => printReply(node, inner));
    if (second === undefined) return start + first;
    return `${start}${first} => ${isLong(row[1]) ? `\n${inner}` : ''}${second}`;
  });
  return lines.join('\n');
}

/** Tells whether redis-cli begins a new line for this value of a map: when it takes several rows itself. */
function isLong(reply: ReplyNode | undefined): boolean {
  const items = reply?.type === 'map' ? reply.entries.map(([, value]) => value) : reply && 'items' in reply ? reply.items : [];
  return items.length > 1 || (items.length === 1 && isLong(items[0]));
}

const REPORTS: Record<string, readonly string[]> = {
  client: ['list', 'info'],
  cluster: ['nodes', 'info'],
  memory: ['doctor', 'malloc-stats'],
  latency: ['graph', 'doctor'],
};
