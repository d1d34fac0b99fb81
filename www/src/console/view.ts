/**
 * The console: a line to type in, with completion and hints, and what the replica answered.
 *
 * It knows the elements of the page and what redis-cli looks like; it must never know how the replica syncs.
 */

import type { ReplyNode } from 'sanderling/inspect';
import { byId, el } from '../dom.js';
import { textIfUtf8, textOf } from '../text.js';
import { completions, help, hint, type Completion } from './help.js';
import { History } from './history.js';
import { asResp2, isReport, printReply, printReport } from './print.js';
import { splitWords } from './words.js';

/** What the console needs of the page around it. */
export interface ConsoleHost {
  /** Runs a command. An error reply is a reply; what is thrown is printed as an error too. */
  run(words: readonly (string | Uint8Array)[]): ReplyNode | Promise<ReplyNode>;
  /** Says that the console has opened or ended a transaction, which every other call would fall into. */
  transaction(open: boolean): void;
  /** Returns some keys that begin with a text, in order. */
  keysFrom(prefix: string, count: number): readonly string[];
}

/** The console of the page. */
export class Console {
  readonly #host: ConsoleHost;
  readonly #output = byId('console-output', HTMLDivElement);
  readonly #input = byId('console-input', HTMLInputElement);
  readonly #ghost = byId('ghost', HTMLDivElement);
  readonly #matches = byId('matches', HTMLUListElement);
  readonly #prompt = byId('prompt', HTMLLabelElement);
  readonly #history = new History();
  #completions: readonly Completion[] = [];
  /** The completion that Tab has chosen; −1 before the first one. */
  #chosen = -1;
  #protocol = 2;
  #inTransaction = false;

  constructor(host: ConsoleHost) {
    this.#host = host;
    this.#input.addEventListener('input', () => this.#typed());
    this.#input.addEventListener('keydown', (event) => this.#pressed(event));
    this.#input.addEventListener('paste', (event) => this.#pasted(event));
    this.#input.addEventListener('blur', () => this.#close());
    this.#input.addEventListener('scroll', () => this.#showHint());
    this.#matches.addEventListener('pointerdown', (event) => this.#picked(event));
    // A click beside the text means the prompt, unless something is being selected.
    this.#output.addEventListener('click', () => {
      if (String(getSelection()) === '') this.#input.focus({ preventScroll: true });
    });
    // The last reply stays in sight when the page gives the console less room.
    let height = 0;
    new ResizeObserver(() => {
      const { scrollTop, scrollHeight, clientHeight } = this.#output;
      if (clientHeight < height && scrollHeight - scrollTop - height < AT_END_PX) this.#output.scrollTop = scrollHeight;
      height = clientHeight;
    }).observe(this.#output);
    this.welcome();
  }

  /** Prints what a newcomer may try. */
  welcome(): void {
    const tries = TRIES.map((line) => {
      const button = el('button', { type: 'button', class: 'try' }, line);
      button.addEventListener('click', () => this.enter(line));
      return button;
    });
    this.#output.append(
      el('div', { class: 'entry welcome' }, el('p', {}, 'Commands run on the replica in this tab, at once, with or without a network. Try:'), el('p', { class: 'tries' }, ...tries)),
    );
  }

  /** Puts a command into the line, for the reader to run or change. */
  propose(line: string): void {
    this.#setLine(line);
    this.#input.focus();
  }

  /** Runs a line as if it had been typed. */
  enter(line: string): void {
    if (line.trim() === '') return;
    this.#history.add(line);
    if (line.trim().toLowerCase() === 'clear') {
      this.#clear();
      return;
    }
    const entry = el('div', { class: 'entry' }, el('div', { class: 'typed' }, el('span', { class: 'sign', 'aria-hidden': true }, this.#prompt.textContent ?? ''), line));
    this.#output.append(entry);
    while (this.#output.childElementCount > ENTRIES_MAX) this.#output.firstElementChild?.remove();
    this.#run(line, entry);
    this.#output.scrollTop = this.#output.scrollHeight;
  }

  #run(line: string, entry: HTMLElement): void {
    const split = splitWords(line);
    if (!split) return this.#print(entry, 'Invalid argument(s)');
    let words = split.map((word) => textIfUtf8(word) ?? word);
    let times = 1;
    if (words.length > 1 && /^[+-]?\d+$/.test(String(words[0]))) {
      times = Number(words[0]);
      words = words.slice(1);
      if (times <= 0) return this.#print(entry, 'Invalid redis-cli repeat command option value.');
    }
    const texts = words.map((word) => (typeof word === 'string' ? word : textOf(word)));
    const name = texts[0]?.toLowerCase() ?? '';
    if (name === 'help' || name === '?') return this.#print(entry, help(texts.slice(1)), 'help');
    for (let time = 0; time < Math.min(times, REPEATS_MAX); time += 1) this.#call(words, texts, entry);
    if (times > REPEATS_MAX) this.#print(entry, `(stopped after ${REPEATS_MAX} times)`, 'quiet');
  }

  #call(words: readonly (string | Uint8Array)[], texts: readonly string[], entry: HTMLElement): void {
    const show = (reply: ReplyNode): void => {
      this.#follow(texts, reply);
      const shaped = this.#protocol === 3 ? reply : asResp2(reply);
      this.#print(entry, isReport(texts) ? printReport(shaped) : printReply(shaped), reply.type);
    };
    try {
      const reply = this.#host.run(words);
      if (!(reply instanceof Promise)) return show(reply);
      const waiting = el('div', { class: 'reply quiet' }, 'asking the server …');
      entry.append(waiting);
      void reply
        .then(show, (error: unknown) => this.#print(entry, printError(error), 'error'))
        .finally(() => waiting.remove());
    } catch (error) {
      this.#print(entry, printError(error), 'error');
    }
  }

  /** Keeps up with what a call does to the prompt. */
  #follow(texts: readonly string[], reply: ReplyNode): void {
    const name = texts[0]?.toLowerCase();
    if (reply.type === 'error' && name !== 'exec') return;
    if (name === 'hello' && (texts[1] === '2' || texts[1] === '3')) this.#protocol = Number(texts[1]);
    if (name !== 'multi' && name !== 'exec' && name !== 'discard') return;
    this.#inTransaction = name === 'multi';
    this.#host.transaction(this.#inTransaction);
    this.#prompt.textContent = this.#inTransaction ? 'sanderling(TX)>' : 'sanderling>';
  }

  #print(entry: HTMLElement, text: string, kind = 'error'): void {
    const lines = text.split('\n');
    const shown = lines.length > LINES_MAX ? lines.slice(0, LINES_MAX) : lines;
    const node = el('div', { class: `reply ${kind}` });
    if (kind === 'array' || kind === 'map' || kind === 'set') shown.forEach((line, index) => node.append(...(index === 0 ? [] : ['\n']), ...paint(line)));
    else node.append(shown.join('\n'));
    if (shown.length < lines.length) node.append(el('span', { class: 'quiet' }, `\n… and ${lines.length - shown.length} more lines`));
    entry.append(node);
    this.#output.scrollTop = this.#output.scrollHeight;
  }

  #clear(): void {
    this.#output.replaceChildren();
  }

  #typed(): void {
    this.#chosen = -1;
    this.#completions = completions(this.#input.value, (prefix, count) => this.#host.keysFrom(prefix, count));
    // A single one that is typed already says nothing new.
    const useful = this.#completions.some((completion) => completion.line.toLowerCase() !== this.#input.value.toLowerCase());
    if (!useful) this.#completions = [];
    this.#showMatches();
    this.#showHint();
  }

  #pressed(event: KeyboardEvent): void {
    const open = this.#chosen >= 0;
    if (event.key === 'Enter' && !event.isComposing) {
      const line = this.#input.value;
      this.#setLine('');
      this.enter(line);
    } else if (event.key === 'Tab' && this.#completions.length > 0 && !event.ctrlKey && !event.altKey) {
      this.#choose(this.#chosen + (event.shiftKey ? -1 : 1));
    } else if (event.key === 'ArrowUp') {
      if (open) this.#choose(this.#chosen - 1);
      else this.#setLine(this.#history.older(this.#input.value));
    } else if (event.key === 'ArrowDown') {
      if (open) this.#choose(this.#chosen + 1);
      else this.#setLine(this.#history.newer() ?? this.#input.value);
    } else if (event.key === 'Escape') {
      if (this.#completions.length === 0) return;
      this.#close();
    } else if (event.key.toLowerCase() === 'l' && event.ctrlKey) {
      this.#clear();
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Runs all whole lines of what is pasted, and leaves the last, unfinished one to be edited. */
  #pasted(event: ClipboardEvent): void {
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (!/[\r\n]/.test(text)) return;
    event.preventDefault();
    const { value, selectionStart, selectionEnd } = this.#input;
    const all = value.slice(0, selectionStart ?? value.length) + text + value.slice(selectionEnd ?? value.length);
    const lines = all.split(/\r\n|\r|\n/);
    const last = lines.pop() ?? '';
    for (const line of lines) this.enter(line);
    this.#setLine(last);
  }

  #picked(event: PointerEvent): void {
    const item = event.target instanceof Element ? event.target.closest('li') : null;
    const completion = this.#completions[item ? [...this.#matches.children].indexOf(item) : -1];
    if (!completion) return;
    event.preventDefault();
    this.#setLine(`${completion.line} `);
  }

  #choose(index: number): void {
    const count = this.#completions.length;
    this.#chosen = (index + count) % count;
    const completion = this.#completions[this.#chosen];
    if (!completion) return;
    this.#input.value = count === 1 ? `${completion.line} ` : completion.line;
    if (count === 1) this.#close();
    this.#showMatches();
    this.#showHint();
  }

  #setLine(line: string): void {
    this.#input.value = line;
    this.#input.setSelectionRange(line.length, line.length);
    this.#close();
    this.#showHint();
  }

  #close(): void {
    this.#completions = [];
    this.#chosen = -1;
    this.#showMatches();
  }

  #showMatches(): void {
    const items = this.#completions.map(({ label, note }, index) => {
      const chosen = index === this.#chosen;
      return el('li', { id: `match-${index}`, role: 'option', 'aria-selected': String(chosen) }, el('b', {}, label), el('span', {}, note));
    });
    this.#matches.replaceChildren(...items);
    this.#matches.hidden = items.length === 0;
    this.#input.setAttribute('aria-expanded', String(items.length > 0));
    if (this.#chosen >= 0) this.#input.setAttribute('aria-activedescendant', `match-${this.#chosen}`);
    else this.#input.removeAttribute('aria-activedescendant');
  }

  /** Shows behind the text which arguments are to come, while there is room for them. */
  #showHint(): void {
    const line = this.#input.value;
    const fits = this.#input.scrollWidth <= this.#input.clientWidth;
    const text = line === '' || !fits ? '' : hint(line);
    this.#ghost.replaceChildren(el('span', { class: 'under' }, line), text);
  }
}

function printError(error: unknown): string {
  return `(error) ${error instanceof Error ? error.message : String(error)}`;
}

/** Sets the numbers of rows apart from what stands in them. */
function paint(line: string): Node[] {
  const match = /^((?: *\d+[)#~] )+)(.*)$/s.exec(line) ?? /^()(.*)$/s.exec(line);
  const [, marks = '', rest = ''] = match ?? [];
  const node = /^\((integer|double|nil|true|false|error|empty)/.test(rest) ? el('span', { class: 'word' }, rest) : document.createTextNode(rest);
  return marks === '' ? [node] : [el('span', { class: 'mark' }, marks), node];
}

const TRIES = ['SET greeting "hello, sea"', 'INCR visits', 'ZADD board 42 ada 17 bob', 'ZRANGE board 0 -1 WITHSCORES', 'SET tide high EX 30', 'help ZADD'];
const AT_END_PX = 12;
const ENTRIES_MAX = 400;
const LINES_MAX = 2_000;
const REPEATS_MAX = 10_000;
