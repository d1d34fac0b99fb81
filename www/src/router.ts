/** Which page is shown follows from the fragment of the address: `#/` the console, `#/docs/NAME/HEADING` a document. */

import type { DocsView } from './docs/view.js';
import { byId } from './dom.js';

/** Shows what the address names, now and whenever it changes. */
export function startRouter(docs: DocsView): void {
  const pages = { console: byId('page-console', HTMLElement), docs: byId('page-docs', HTMLElement) };
  const show = async (): Promise<void> => {
    const [first, name = '', anchor] = location.hash.replace(/^#\/?/, '').split('/');
    const current = first === 'docs' ? 'docs' : 'console';
    for (const [page, element] of Object.entries(pages)) element.hidden = page !== current;
    for (const link of document.querySelectorAll<HTMLElement>('.tabs a')) {
      if (link.dataset['page'] === current) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    const title = current === 'docs' ? await docs.show(decodeURIComponent(name), anchor && decodeURIComponent(anchor)) : '';
    document.title = title === '' ? 'Sanderling' : `${title} · Sanderling`;
  };
  addEventListener('hashchange', () => void show());
  void show();
}
