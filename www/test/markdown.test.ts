/** The documentation is rendered with ids, routes and no raw HTML. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { render, slug } from '../build/markdown.js';

test('headings get the ids that GitHub gives them', () => {
  const page = render('# A *title*\n\n## Two words\n\n## Two words\n\n### `code` & more', 'x');
  assert.equal(page.title, 'A title');
  assert.deepEqual(page.headings.map(({ id }) => id), ['a-title', 'two-words', 'two-words-1', 'code--more']);
  assert.equal(slug('What if? (yes)'), 'what-if-yes');
});

test('links become routes of the page or lead to the repository', () => {
  const target = (link: string): string | undefined => /href="([^"]*)"/.exec(render(`[x](${link})`, 'here').html)?.[1];
  assert.equal(target('protocol.md'), '#/docs/protocol');
  assert.equal(target('protocol.md#frames'), '#/docs/protocol/frames');
  assert.equal(target('#part'), '#/docs/here/part');
  assert.match(target('../../ARCHITECTURE.md') ?? '', /^https:.*\/blob\/main\/ARCHITECTURE\.md$/);
  assert.equal(target('https://redis.io/'), 'https://redis.io/');
});

test('raw HTML is text, and comments are left out', () => {
  const { html } = render('<!-- no -->\n\n<script>x</script>', 'x');
  assert.doesNotMatch(html, /<script>|no --/);
  assert.match(html, /&lt;script&gt;/);
});
