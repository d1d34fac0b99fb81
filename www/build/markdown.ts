/**
 * Turns a Markdown file into a module: its title, its headings and its HTML, rendered at build time so that the page
 * carries no Markdown parser. Raw HTML in the files is shown as text, except comments, which are left out.
 */

import MarkdownIt from 'markdown-it';
import type { Plugin } from 'vite';

/** What a Markdown module exports by default. */
export interface Document {
  readonly title: string;
  readonly html: string;
  readonly headings: readonly { readonly level: number; readonly text: string; readonly id: string }[];
}

/** Returns the plugin. */
export function markdown(): Plugin {
  return {
    name: 'markdown',
    transform(source, id) {
      if (!id.endsWith('.md')) return null;
      return { code: `export default ${JSON.stringify(render(source, pageName(id)))};`, map: null };
    },
  };
}

/** Renders one file. Headings get ids, tables a frame to scroll in, and links to other files the page's own routes. */
export function render(source: string, page: string): Document {
  const parser = new MarkdownIt({ html: false, linkify: false, typographer: false });
  const tokens = parser.parse(source.replace(/<!--[\s\S]*?-->/g, ''), {});
  const headings: { level: number; text: string; id: string }[] = [];
  const taken = new Map<string, number>();
  tokens.forEach((token, index) => {
    if (token.type !== 'heading_open') return;
    const text = (tokens[index + 1]?.children ?? []).map((child) => child.content).join('');
    const plain = slug(text);
    const count = taken.get(plain) ?? 0;
    taken.set(plain, count + 1);
    const id = count === 0 ? plain : `${plain}-${count}`;
    token.attrSet('id', id);
    headings.push({ level: Number(token.tag.slice(1)), text, id });
  });
  for (const token of tokens) {
    for (const child of token.children ?? []) {
      if (child.type !== 'link_open') continue;
      const target = link(String(child.attrGet('href') ?? ''), page);
      child.attrSet('href', target);
      if (target.startsWith('https:')) child.attrSet('rel', 'noreferrer');
    }
  }
  parser.renderer.rules['table_open'] = () => '<div class="table" tabindex="0"><table>\n';
  parser.renderer.rules['table_close'] = () => '</table></div>\n';
  const html = parser.renderer.render(tokens, parser.options, {});
  return { title: headings.find((heading) => heading.level === 1)?.text ?? 'Untitled', html, headings };
}

/** Returns the id of a heading, as GitHub forms it, so that a link works there and here. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

/** Returns where a link of a file leads on the page: pages beside it are routes, other files stand in the repository. */
function link(href: string, from: string): string {
  if (/^[a-z]+:/.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  const tail = anchor ? `/${anchor}` : '';
  if (path === '') return `#/docs/${from}${tail}`;
  const page = /^(?:\.\/)?([\w-]+)\.md$/.exec(path);
  if (page) return `#/docs/${page[1]}${tail}`;
  return `${REPOSITORY}/blob/main/${path.replace(/^(\.\.\/)+/, '')}${anchor ? `#${anchor}` : ''}`;
}

function pageName(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1, -'.md'.length);
}

const REPOSITORY = 'https://github.com/sanderling-db/sanderling';
