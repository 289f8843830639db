import MarkdownIt from 'markdown-it';

// A memo as HTML, one string for each block, in which every number is a button (in the line, as buttons
// of HTML cannot be) that knows its binding. A memo is a text of
// Markdown with bindings {text, begin, end, figure, value}; begin and end count code points. Entities stay as they are
// written: they could spell the marks below, and digits that nobody checked.
const kOpen = '\ue010', kThen = '\ue011', kClose = '\ue012'; // around a binding's number and text; no text holds them
const kMarks = /[\ue010-\ue012]/g;
const kBound = new RegExp(`${kOpen}(\\d+)${kThen}([^${kOpen}]*?)${kClose}`, 'g');
const kHeadingsBelow = 2; // the page's own

const markdown = new MarkdownIt({ html: false }).disable(['image', 'link', 'autolink', 'entity']);
const { escapeHtml } = markdown.utils;
const dressed = (text) =>
  escapeHtml(text)
    .replace(kBound, (_, i, inside) => `<span class="bound" role="button" data-binding="${i}">${inside}</span>`)
    .replace(kMarks, '');
markdown.renderer.rules.text = (tokens, i) => dressed(tokens[i].content);
markdown.renderer.rules.code_inline = (tokens, i) => `<code dir="ltr">${dressed(tokens[i].content)}</code>`;
markdown.renderer.rules.fence = (tokens, i) => `<pre dir="ltr"><code>${dressed(tokens[i].content)}</code></pre>`;
markdown.renderer.rules.code_block = markdown.renderer.rules.fence;
markdown.core.ruler.push('fit', ({ tokens }) => {
  for (const token of tokens) {
    if (/^heading_/.test(token.type)) token.tag = `h${Math.min(6, Number(token.tag[1]) + kHeadingsBelow)}`;
    if (/^(paragraph|heading|list_item)_open$/.test(token.type)) token.attrSet('dir', 'auto');
  }
});

function marked(text, bindings) {
  const points = Array.from(text, (point) => point.replace(kMarks, '\ufffd'));
  const order = bindings.map((binding, i) => ({ ...binding, i })).sort((a, b) => a.begin - b.begin);
  let out = '';
  let at = 0;
  for (const { begin, end, i } of order) {
    if (!(begin >= at && end > begin && end <= points.length)) continue; // not of this text
    out += `${points.slice(at, begin).join('')}${kOpen}${i}${kThen}${points.slice(begin, end).join('')}${kClose}`;
    at = end;
  }
  return out + points.slice(at).join('');
}

export function memoBlocks({ text, bindings }) {
  const tokens = markdown.parse(marked(text, bindings), {});
  const blocks = [];
  for (let begin = 0, i = 0; i < tokens.length; ++i) {
    if (tokens[i].level > 0 || tokens[i].nesting > 0) continue;
    blocks.push(markdown.renderer.render(tokens.slice(begin, i + 1), markdown.options, {}));
    begin = i + 1;
  }
  return blocks;
}
