import DOMPurify from 'dompurify';
import katex from 'katex';
import 'katex/dist/katex.min.css';

// A formula typeset by KaTeX, as sanitized HTML; a command that KaTeX does not know stands in it by its name. `trust`
// stays off: no formula makes links, loads pictures or names classes, and none is larger than the page.
const kOptions = {
  throwOnError: false,
  errorColor: '#b4471f',
  trust: false,
  strict: 'ignore',
  maxSize: 25,
  maxExpand: 500,
  output: 'htmlAndMathml',
};
const kAllowed = {
  USE_PROFILES: { html: true, mathMl: true, svg: true },
  ADD_TAGS: ['semantics', 'annotation'],
  FORBID_ATTR: ['id', 'name', 'href'],
};

const kept = new Map(); // while an answer streams, its formulas come again and again
const kMostKept = 400;

export function typeset({ tex, display }) {
  const key = `${display}${tex}`;
  if (!kept.has(key)) {
    if (kept.size >= kMostKept) kept.delete(kept.keys().next().value);
    kept.set(key, make(tex, display));
  }
  return kept.get(key);
}

// Null when KaTeX cannot read it.
function make(tex, display) {
  try {
    const html = katex.renderToString(tex, { ...kOptions, displayMode: display });
    return html.startsWith('<span class="katex-error"') ? null : DOMPurify.sanitize(html, kAllowed);
  } catch {
    return null;
  }
}
