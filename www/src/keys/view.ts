/**
 * The keys of this replica, as a list of which only the rows in sight exist.
 *
 * ```text
 *   changes ──▶ KeyList (names, in order) ──▶ rows in sight ──▶ details, read when a row shows a key or the key changes
 * ```
 * So a burst of thousands of changes costs a binary search each, and one frame of some thirty rows.
 */

import { byId, el, oncePerFrame } from '../dom.js';
import { inThousands, inUnits } from '../text.js';
import { KeyList } from './model.js';
import { commandFor, details, type Details, type Read } from './preview.js';

/** What the list needs of the page around it. */
export interface KeysHost {
  read: Read;
  /** Returns one page of keys, and the cursor of the next one, `'0'` at the end. */
  page(cursor: string): { readonly cursor: string; readonly keys: readonly string[] };
  /** Shows a command in the console; runs it when the reader asked for that. */
  propose(command: string, run: boolean): void;
}

/** The list of keys of the page. */
export class KeysView {
  readonly list = new KeyList();
  readonly #host: KeysHost;
  readonly #scroll = byId('keys', HTMLDivElement);
  readonly #items = byId('keys-list', HTMLUListElement);
  readonly #count = byId('keys-count', HTMLSpanElement);
  readonly #empty = byId('keys-empty', HTMLParagraphElement);
  readonly #filter = byId('keys-filter', HTMLInputElement);
  readonly #rows: Row[] = [];
  readonly #known = new Map<string, Details>();
  readonly #fresh = new Set<string>();
  readonly #draw = oncePerFrame(() => this.#render());
  #active = -1;
  #paused = false;
  #loads = 0;
  /** The keys that changed while all were being read anew, whose pages may have been read before. */
  readonly #meanwhile = new Set<string>();

  constructor(host: KeysHost) {
    this.#host = host;
    this.#scroll.addEventListener('scroll', this.#draw, { passive: true });
    new ResizeObserver(this.#draw).observe(this.#scroll);
    this.#filter.addEventListener('input', () => {
      this.list.filter(this.#filter.value.trim());
      this.#active = -1;
      this.#scroll.scrollTop = 0;
      this.#draw();
    });
    this.#items.addEventListener('click', (event) => this.#clicked(event, event.detail > 1));
    this.#items.addEventListener('keydown', (event) => this.#pressed(event));
    byId('keys-try', HTMLButtonElement).addEventListener('click', () => host.propose('SET greeting hello', true));
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** Takes all keys anew, in slices that leave the page responsive. */
  async load(): Promise<void> {
    this.#loads += 1;
    const load = this.#loads;
    this.#meanwhile.clear();
    const keys: string[] = [];
    let cursor = '0';
    do {
      const end = performance.now() + SLICE_MS;
      do {
        const page = this.#host.page(cursor);
        for (const key of page.keys) keys.push(key);
        cursor = page.cursor;
      } while (cursor !== '0' && performance.now() < end);
      if (cursor !== '0') await new Promise((resume) => setTimeout(resume));
      // A later load sees all that this one has seen.
      if (load !== this.#loads) return;
    } while (cursor !== '0');
    this.#known.clear();
    this.list.reset(keys);
    for (const key of this.#meanwhile) this.list.set(key, this.#exists(key));
    this.#meanwhile.clear();
    this.#draw();
  }

  /** Stops reading values, or goes on with all of them anew. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused) void this.load();
  }

  /** Takes up changes of the replica. */
  changed(keys: readonly string[], flushed: boolean): void {
    if (this.#paused) return;
    if (flushed || keys.length > RELOAD_AT) {
      void this.load();
      return;
    }
    for (const key of keys) {
      this.#known.delete(key);
      this.#fresh.add(key);
      this.#meanwhile.add(key);
      this.list.set(key, this.#exists(key));
    }
    this.#draw();
  }

  #exists(key: string): boolean {
    return Number(this.#host.read('EXISTS', key)) > 0;
  }

  #render(): void {
    if (this.#paused) return;
    const keys = this.list.shown;
    const first = Math.max(0, Math.floor(this.#scroll.scrollTop / ROW_PX) - OVERSCAN);
    const wanted = Math.min(keys.length - first, Math.ceil(this.#scroll.clientHeight / ROW_PX) + 2 * OVERSCAN);
    while (this.#rows.length < wanted) this.#rows.push(new Row(this.#items));
    let gone = false;
    this.#rows.forEach((row, index) => {
      const key = index < wanted ? keys[first + index] : undefined;
      const known = key === undefined ? undefined : this.#details(key);
      if (key !== undefined && !known) {
        // The replica hides it by now, though nobody has said that it expired.
        this.list.set(key, false);
        gone = true;
      }
      if (key === undefined || !known) row.hide();
      else row.show(key, known, first + index, keys.length, { fresh: this.#fresh.has(key), active: first + index === this.#active });
    });
    this.#fresh.clear();
    this.#items.style.height = `${keys.length * ROW_PX}px`;
    this.#empty.hidden = keys.length > 0;
    this.#empty.toggleAttribute('data-filtered', this.list.count > 0);
    this.#count.textContent = keys.length === this.list.count ? inThousands(keys.length) : `${inThousands(keys.length)} of ${inThousands(this.list.count)}`;
    if (gone) this.#draw();
  }

  #details(key: string): Details | undefined {
    const known = this.#known.get(key) ?? details(key, this.#host.read);
    if (this.#known.size > KNOWN_MAX) this.#known.clear();
    if (known) this.#known.set(key, known);
    return known;
  }

  /** Counts the deadlines in sight down. */
  #tick(): void {
    if (document.hidden || this.#paused) return;
    const now = performance.now();
    for (const row of this.#rows) {
      if (row.key === undefined || row.expiresAt === undefined) continue;
      if (row.expiresAt > now) row.countDown(now);
      else this.changed([row.key], false);
    }
  }

  #clicked(event: Event, run: boolean): void {
    const item = event.target instanceof Element ? event.target.closest('li') : null;
    const row = this.#rows.find((row) => row.item === item);
    if (row?.key !== undefined) this.#open(row.key, run);
  }

  #open(key: string, run: boolean): void {
    const known = this.#details(key);
    if (known) this.#host.propose(commandFor(key, known.type), run);
  }

  #pressed(event: KeyboardEvent): void {
    const last = this.list.shown.length - 1;
    const page = Math.max(1, Math.floor(this.#scroll.clientHeight / ROW_PX) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -last, End: last };
    const step = steps[event.key];
    const key = this.list.shown[this.#active];
    if (event.key === 'Enter' && key !== undefined) this.#open(key, true);
    else if (step !== undefined && last >= 0) {
      this.#active = Math.min(last, Math.max(0, this.#active + step));
      this.#reveal(this.#active);
      this.#items.setAttribute('aria-activedescendant', `key-${this.#active}`);
      this.#draw();
    } else return;
    event.preventDefault();
  }

  #reveal(index: number): void {
    const top = index * ROW_PX;
    const { scrollTop, clientHeight } = this.#scroll;
    if (top < scrollTop) this.#scroll.scrollTop = top;
    else if (top + ROW_PX > scrollTop + clientHeight) this.#scroll.scrollTop = top + ROW_PX - clientHeight;
  }
}

/** One row on the screen, which shows now this key and now another. */
class Row {
  key: string | undefined;
  expiresAt: number | undefined;
  readonly item: HTMLLIElement;
  readonly #type = el('span', { class: 'type' });
  readonly #key = el('span', { class: 'key' });
  readonly #preview = el('span', { class: 'preview' });
  readonly #ttl = el('span', { class: 'ttl' });

  constructor(list: HTMLElement) {
    this.item = el('li', { role: 'option' }, this.#type, this.#key, this.#preview, this.#ttl);
    list.append(this.item);
    this.item.addEventListener('animationend', () => this.item.classList.remove('fresh'));
  }

  show(key: string, known: Details, index: number, count: number, is: { fresh: boolean; active: boolean }): void {
    if (this.key !== key) {
      this.item.classList.remove('fresh');
      this.item.dataset['key'] = key;
      setText(this.#key, key);
      this.#key.title = key;
    }
    this.key = key;
    this.expiresAt = known.expiresAt;
    this.item.hidden = false;
    this.item.id = `key-${index}`;
    this.item.dataset['type'] = known.type;
    this.item.style.transform = `translateY(${index * ROW_PX}px)`;
    this.item.setAttribute('aria-setsize', String(count));
    this.item.setAttribute('aria-posinset', String(index + 1));
    this.item.setAttribute('aria-selected', String(is.active));
    setText(this.#type, known.type);
    setText(this.#preview, known.preview);
    if (is.fresh) this.item.classList.add('fresh');
    this.countDown(performance.now());
  }

  countDown(now: number): void {
    setText(this.#ttl, this.expiresAt === undefined ? '' : inUnits(this.expiresAt - now));
  }

  hide(): void {
    this.key = undefined;
    this.expiresAt = undefined;
    this.item.hidden = true;
    delete this.item.dataset['key'];
  }
}

function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** The height of a row, as the style sheet has it too. */
const ROW_PX = 34;
const OVERSCAN = 4;
const TICK_MS = 200;
const SLICE_MS = 8;
const KNOWN_MAX = 5_000;
/** Changes at once from which reading all keys anew is cheaper than looking at each. */
const RELOAD_AT = 5_000;
