import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import cpp from 'highlight.js/lib/languages/cpp';
import css from 'highlight.js/lib/languages/css';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import xml from 'highlight.js/lib/languages/xml';
import MarkdownIt from 'markdown-it';
import { directionOf } from './direction.js';
import { cutAtMarks, putBack, takeFormulas } from './formulas.js';

// Markdown to HTML, one string for each block. What comes out is not sanitized yet, and formulas are marks that hold
// their source: paint.js makes nodes of it.
const languages = { bash, cpp, css, javascript, json, python, rust, sql, xml };
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true });
const escape = markdown.utils.escapeHtml;
const { rules } = markdown.renderer;

function formula({ tex, display, source, open }) {
  const attributes = open ? '' : ` data-tex="${escape(tex)}"`;
  return `<span class="formula${display ? ' display' : ''}" dir="ltr"${attributes}>${escape(source)}</span>`;
}
rules.text = (tokens, index, options, env) => {
  return cutAtMarks(tokens[index].content, env.formulas)
    .map((part) => (typeof part === 'string' ? escape(part) : formula(part)))
    .join('');
};
// A display formula stands on lines of its own already.
rules.softbreak = (tokens, index, options, env) => {
  const displayAt = (token, end) => {
    const part = token?.type === 'text' && cutAtMarks(token.content, env.formulas).at(end);
    return part && part.display;
  };
  return displayAt(tokens[index - 1], -1) || displayAt(tokens[index + 1], 0) ? '\n' : '<br>\n';
};
rules.code_inline = (tokens, index, options, env) =>
  `<code dir="ltr">${escape(putBack(tokens[index].content, env.formulas))}</code>`;
rules.fence = (tokens, index, options, env) => {
  const content = putBack(tokens[index].content, env.formulas);
  const name = putBack(tokens[index].info, env.formulas).trim().split(/\s+/)[0];
  const known = name && hljs.getLanguage(name);
  const code = known ? hljs.highlight(content, { language: name }).value : escape(content);
  const label = escape(name || 'text');
  const caption = `<figcaption>${label}<button type="button" class="copy-code">Copy</button></figcaption>`;
  return `<figure class="code" dir="ltr">${caption}<pre tabindex="0"><code>${code}</code></pre></figure>`;
};
rules.code_block = (tokens, index, options, env) => {
  return `<pre dir="ltr" tabindex="0"><code>${escape(putBack(tokens[index].content, env.formulas))}</code></pre>`;
};
rules.table_open = (tokens, index, options, env, self) =>
  `<div class="table" tabindex="0"><table${self.renderAttrs(tokens[index])}>`;
rules.table_close = () => '</table></div>';
// Pictures would ask another machine for them.
rules.image = (tokens, index, options, env) => {
  return `<span class="image">${escape(putBack(tokens[index].content, env.formulas) || 'picture')}</span>`;
};
rules.link_open = (tokens, index, options, env, self) => {
  const href = tokens[index]
    .attrGet('href')
    .replace(/%EE%80%80(\d+)%EE%80%81/g, (_, n) => encodeURI(env.formulas[n]?.source ?? ''));
  tokens[index].attrSet('href', href);
  return self.renderToken(tokens, index, options);
};

// A cell of more characters deserves more than the width of its longest word; a cell of one word is not broken at a
// hyphen.
const kLongCell = 30;

// Directions block by block, and the alignment of a table's columns.
markdown.core.ruler.push('dress', ({ tokens }) => {
  for (const [i, token] of tokens.entries()) {
    if (/^(paragraph|heading|list_item)_open$/.test(token.type)) token.attrSet('dir', 'auto');
    if (/^(bullet_list|ordered_list|blockquote|table)_open$/.test(token.type)) {
      const direction = directionWithin(tokens, i);
      if (direction) token.attrSet('dir', direction);
    }
    if (token.type === 'td_open' || token.type === 'th_open') {
      if (directionOf(tokens[i + 1].content)) token.attrSet('dir', 'auto');
      const align = token.attrGet('style')?.match(/text-align:\s*(left|center|right)/)?.[1];
      token.attrs = (token.attrs ?? []).filter(([name]) => name !== 'style');
      if (align) token.attrJoin('class', `to-${align}`);
      const { content } = tokens[i + 1];
      if (content.length > kLongCell) token.attrJoin('class', 'long');
      else if (!/\s/.test(content)) token.attrJoin('class', 'word');
    }
  }
});

function directionWithin(tokens, open) {
  for (let i = open + 1; tokens[i].level > tokens[open].level; ++i) {
    const direction = tokens[i].type === 'inline' ? directionOf(tokens[i].content) : null;
    if (direction) return direction;
  }
  return null;
}

// The blocks at the top: [{html, line}].
function blocksOf(text, env) {
  const tokens = markdown.parse(text, env);
  const blocks = [];
  for (let begin = 0, i = 0; i < tokens.length; ++i) {
    if (tokens[i].level > 0 || tokens[i].nesting > 0) continue;
    const group = tokens.slice(begin, i + 1);
    blocks.push({ html: markdown.renderer.render(group, markdown.options, env), line: group[0].map[0] });
    begin = i + 1;
  }
  return blocks;
}

// Reads a text that grows. While it does, only its last blocks are read again; the whole is read once more at its end.
export class Reader {
  #settled = ''; // the beginning that is not read again
  #blocks = []; // its blocks
  #references = {};

  // The HTML of each block.
  read(source, streaming = false) {
    const { text, formulas } = takeFormulas(source, streaming);
    const goesOn = streaming && text.startsWith(this.#settled);
    const settled = goesOn ? this.#settled : '';
    const before = goesOn ? this.#blocks : [];
    const env = { formulas, references: goesOn ? this.#references : {} };
    const rest = text.slice(settled.length);
    const blocks = blocksOf(rest, env);
    const all = [...before, ...blocks.map((block) => block.html)];
    this.#references = env.references;
    if (blocks.length > 2) {
      const lines = rest.split('\n').slice(0, blocks.at(-2).line).join('\n');
      this.#settled = `${settled}${lines}\n`;
      this.#blocks = all.slice(0, -2);
    } else if (!goesOn) {
      this.#settled = '';
      this.#blocks = [];
    }
    return all;
  }
}
