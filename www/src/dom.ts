/** The little that the page needs to make and find elements. */

/** Makes an element with attributes and children. An attribute that is `false` is left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/** Returns the element with this id, which the page's HTML has. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return element;
}

/** Returns a function that runs `work` once in the next frame, however often it is called before. */
export function oncePerFrame(work: () => void): () => void {
  let scheduled = false;
  return () => {
    if (scheduled) return;
    scheduled = true;
    // A hidden tab gets no frames; a timer, slow as it is there, still keeps it true.
    if (document.hidden) setTimeout(run, 50);
    else requestAnimationFrame(run);
  };
  function run(): void {
    scheduled = false;
    work();
  }
}

/** Reads a string from the browser's storage; `undefined` when there is none or storage is forbidden. */
export function stored(name: string): string | undefined {
  try {
    return localStorage.getItem(`sanderling.${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a string in the browser's storage, or removes it. Silently does nothing where storage is forbidden or full. */
export function store(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(`sanderling.${name}`);
    else localStorage.setItem(`sanderling.${name}`, value);
  } catch {
    // What is kept here is a convenience.
  }
}
