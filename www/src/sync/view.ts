/** How this replica stands to its server: state, sequence, pending, traffic, and the switch that cuts the network. */

import { byId, el, oncePerFrame } from '../dom.js';
import { inBytes, inThousands } from '../text.js';
import { Trace } from './trace.js';

/** What the panel shows. */
export interface SyncStatus {
  readonly state: string;
  readonly seq: number;
  readonly pending: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** When the next attempt is due, in milliseconds since the epoch. */
  readonly retryAt: number | null;
  /** What went wrong with the last connection. */
  readonly lastFailure: string | null;
}

/** What the panel needs of the page around it. */
export interface SyncHost {
  status(): SyncStatus;
  connect(): void;
  disconnect(): void;
}

/** The sync panel of the page. */
export class SyncView {
  readonly #host: SyncHost;
  readonly #state = byId('sync-state', HTMLOutputElement);
  readonly #stateName = document.createTextNode('');
  /** Counts down to the next attempt: for the eye only, lest it is read out each second. */
  readonly #due = el('span', { 'aria-hidden': true });
  readonly #seq = byId('sync-seq', HTMLElement);
  readonly #pending = byId('sync-pending', HTMLElement);
  readonly #in = byId('sync-in', HTMLElement);
  readonly #out = byId('sync-out', HTMLElement);
  readonly #switch = byId('network-switch', HTMLButtonElement);
  readonly #events = byId('events', HTMLDetailsElement);
  readonly #list = byId('events-list', HTMLOListElement);
  readonly #draw = oncePerFrame(() => this.#render());
  #eventsCount = 0;

  constructor(host: SyncHost) {
    this.#host = host;
    this.#state.replaceChildren(this.#stateName, this.#due);
    const trace = new Trace(byId('trace', HTMLCanvasElement));
    setInterval(() => {
      const status = host.status();
      trace.step(status.bytesOut, status.bytesIn);
      if (status.state === 'waiting') this.#draw();
    }, STEP_MS);
    this.#switch.addEventListener('click', () => {
      if (this.#switch.getAttribute('aria-checked') === 'true') host.disconnect();
      else host.connect();
      this.#draw();
    });
    this.#draw();
  }

  /** Shows the status as it is now, in the next frame. */
  changed(): void {
    this.#draw();
  }

  /** Adds a note: what the server decided otherwise, or what works less well than asked. */
  note(kind: 'correction' | 'refused' | 'warning' | 'error', text: string): void {
    this.#eventsCount += 1;
    const time = new Date().toLocaleTimeString('en', { hour12: false });
    this.#list.prepend(el('li', { class: kind }, el('time', {}, time), el('b', {}, kind), el('span', {}, text)));
    while (this.#list.childElementCount > NOTES_MAX) this.#list.lastElementChild?.remove();
    this.#events.hidden = false;
    byId('events-count', HTMLElement).textContent = inThousands(this.#eventsCount);
    byId('events-label', HTMLElement).textContent = this.#eventsCount === 1 ? 'note' : 'notes';
  }

  #render(): void {
    const status = this.#host.status();
    this.#state.dataset['state'] = status.state;
    setText(this.#stateName, status.state);
    setText(this.#due, status.state === 'waiting' ? due(status.retryAt) : '');
    this.#state.title = status.state === 'live' ? '' : (status.lastFailure ?? '');
    setText(this.#seq, inThousands(status.seq));
    this.#seq.dataset['value'] = String(status.seq);
    setText(this.#pending, inThousands(status.pending));
    this.#pending.dataset['value'] = String(status.pending);
    this.#pending.toggleAttribute('data-some', status.pending > 0);
    setText(this.#in, inBytes(status.bytesIn));
    setText(this.#out, inBytes(status.bytesOut));
    this.#switch.setAttribute('aria-checked', String(status.state !== 'offline' && status.state !== 'closed'));
  }
}

function due(retryAt: number | null): string {
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - Date.now()) / 1000);
  return seconds > 1 ? `${seconds} s` : '';
}

function setText(element: Node, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A quarter of a second: the trace's step. */
const STEP_MS = 250;
const NOTES_MAX = 50;
