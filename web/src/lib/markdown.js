import DOMPurify from 'dompurify';
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

const languages = { bash, cpp, css, javascript, json, python, rust, sql, xml };
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true });
const escape = markdown.utils.escapeHtml;

markdown.renderer.rules.fence = (tokens, index) => {
  const token = tokens[index];
  const name = token.info.trim().split(/\s+/)[0];
  const known = name && hljs.getLanguage(name);
  const code = known ? hljs.highlight(token.content, { language: name }).value : escape(token.content);
  const label = escape(name || 'text');
  const caption = `<figcaption>${label}<button type="button" class="copy-code">Copy</button></figcaption>`;
  return `<figure class="code">${caption}<pre tabindex="0"><code>${code}</code></pre></figure>`;
};
markdown.renderer.rules.table_open = () => '<div class="table" tabindex="0"><table>';
markdown.renderer.rules.table_close = () => '</table></div>';
// Pictures would ask another machine for them.
markdown.renderer.rules.image = (tokens, index) => {
  return `<span class="image">${escape(tokens[index].content || 'picture')}</span>`;
};

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  }
});

const kForbidden = { FORBID_TAGS: ['style', 'form', 'input'], FORBID_ATTR: ['style', 'id', 'name'] };

export function render(text) {
  return DOMPurify.sanitize(markdown.render(text), kForbidden);
}
