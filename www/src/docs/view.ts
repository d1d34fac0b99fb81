/** The documentation: Markdown rendered at build time, one chunk a page, loaded when it is first shown. */

import type { Document } from '../../build/markdown.js';
import { byId, el } from '../dom.js';

const pages = import.meta.glob<Document>('../../docs/*.md', { import: 'default' });

/** The pages in reading order. One that is not listed comes after them, by name. */
const ORDER = ['getting-started', 'how-it-works', 'streams', 'events', 'caching', 'commands', 'scripting', 'redis-compatibility', 'conformance', 'configuration', 'security', 'operating', 'persistence', 'protocol', 'benchmarks', 'troubleshooting'];

/** The documentation of the page. */
export class DocsView {
  readonly #nav = byId('docs-nav', HTMLElement);
  readonly #article = byId('docs-article', HTMLElement);
  readonly #toc = byId('docs-toc', HTMLElement);
  #shown = '';

  constructor() {
    for (const name of names()) this.#nav.append(el('a', { href: `#/docs/${name}`, 'data-doc': name }, titleOf(name)));
  }

  /** Shows a page, at one of its headings if one is named. Returns its title. */
  async show(name: string, anchor: string | undefined): Promise<string> {
    const page = name === '' ? (ORDER[0] ?? '') : name;
    const load = pages[`../../docs/${page}.md`];
    if (!load) {
      this.#article.replaceChildren(el('h1', {}, 'No such page'), el('p', {}, `There is no page called ${page}.`));
      this.#toc.replaceChildren();
      this.#shown = '';
      return 'No such page';
    }
    const document = await load();
    if (this.#shown !== page) this.#fill(page, document);
    const target = anchor ? this.#article.querySelector(`#${CSS.escape(anchor)}`) : null;
    if (target) target.scrollIntoView();
    else scrollTo(0, 0);
    return document.title;
  }

  #fill(page: string, document: Document): void {
    this.#shown = page;
    // The HTML is our own, rendered at build time from the repository's Markdown with raw HTML switched off.
    this.#article.innerHTML = document.html;
    const links = document.headings
      .filter((heading) => heading.level === 2 || heading.level === 3)
      .map((heading) => el('a', { href: `#/docs/${page}/${heading.id}`, class: `level-${heading.level}` }, heading.text));
    this.#toc.replaceChildren(...(links.length > 1 ? [el('b', {}, 'On this page'), ...links] : []));
    for (const link of this.#nav.querySelectorAll('a')) {
      if (link.dataset['doc'] === page) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }
}

function names(): string[] {
  const all = Object.keys(pages).map((path) => path.slice(path.lastIndexOf('/') + 1, -'.md'.length));
  const place = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return all.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

function titleOf(name: string): string {
  const words = name.replaceAll('-', ' ').replace(/\bredis\b/, 'Redis');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
