/** The theme: the system's, until the button chooses one, and back. */

import { byId, store, stored } from './dom.js';

/** Makes the theme button work. */
export function startTheme(): void {
  const button = byId('theme', HTMLButtonElement);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const show = (): void => {
    const next = shown(dark) === 'dark' ? 'light' : 'dark';
    button.setAttribute('aria-label', `Change to the ${next} theme`);
    button.title = `Change to the ${next} theme`;
    button.dataset['next'] = next;
  };
  button.addEventListener('click', () => {
    const next = shown(dark) === 'dark' ? 'light' : 'dark';
    // Choosing what the system has means to follow it again.
    const followed = (next === 'dark') === dark.matches;
    if (followed) delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = next;
    store('theme', followed ? undefined : next);
    show();
  });
  dark.addEventListener('change', show);
  addEventListener('storage', (event) => {
    if (event.key !== 'sanderling.theme') return;
    const theme = stored('theme');
    if (theme === undefined) delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    show();
  });
  show();
}

function shown(dark: MediaQueryList): string {
  return document.documentElement.dataset['theme'] ?? (dark.matches ? 'dark' : 'light');
}
