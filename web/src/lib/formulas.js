// Formulas stand between \( and \), \[ and \], $$ and $$. Markdown would take their backslashes, underscores and line
// breaks for its own, so they are taken out before it reads the text and put back after. What is taken out leaves a
// mark of two private characters with a number between them.
const kBegin = '\ue000';
const kEnd = '\ue001';
const kMark = new RegExp(`${kBegin}(\\d+)${kEnd}`, 'g');
const kLongest = 10_000; // characters of one formula

const kFence = /^(?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*(`{3,}|~{3,})/;
const kInteresting = /[`$\\\n]/g;

// {text, formulas: [{tex, display, source, open}]}. `streaming`: the text is not complete, and a formula at its end
// that is not closed is one that is still being written (`open`).
export function takeFormulas(source, streaming = false) {
  const text = source.replace(/\r\n?/g, '\n').replace(/[\ue000\ue001]/g, '\ufffd');
  const formulas = [];
  let out = '';
  let done = 0; // up to here the text is in `out`
  let at = 0;
  const failed = new Map(); // of a closing -> where the search for it ended: no other opening before that has one
  const take = (end, formula) => {
    const whole = text.slice(at, end);
    out += `${text.slice(done, at)}${kBegin}${formulas.length}${kEnd}`;
    formulas.push({ source: whole, ...formula });
    done = at = end;
  };
  while (at < text.length) {
    const skipped = at === 0 || text[at - 1] === '\n' ? pastFence(text, at) : at;
    if (skipped > at) {
      at = skipped;
      continue;
    }
    const found = formulaAt(text, at, streaming, failed);
    if (found) take(found.end, found.formula);
    else at = next(text, at, failed);
  }
  return { text: out + text.slice(done), formulas };
}

// Where to look next: code in backticks and escaped characters are passed over.
function next(text, at, failed) {
  if (text[at] === '`') {
    let end = at;
    while (text[end] === '`') ++end;
    return closingRun(text, end, end - at, failed) ?? end;
  }
  if (text[at] === '\\') return at + 2;
  kInteresting.lastIndex = at + 1;
  const found = kInteresting.exec(text);
  if (!found) return text.length;
  return found[0] === '\n' ? found.index + 1 : found.index;
}

// Behind the run of backticks that closes one, in the same paragraph.
function closingRun(text, from, length, failed) {
  if (from < failed.get(length)) return null;
  const near = text.slice(from, from + kLongest);
  const paragraph = near.search(/\n[ \t]*\n/);
  for (const run of near.slice(0, paragraph < 0 ? near.length : paragraph).matchAll(/`+/g)) {
    if (run[0].length === length) return from + run.index + length;
  }
  failed.set(length, from + (paragraph < 0 ? near.length : paragraph));
  return null;
}

// Behind the fenced block that begins in the line at `at`, or `at` itself.
function pastFence(text, at) {
  const lineEnd = (from) => (text.indexOf('\n', from) < 0 ? text.length : text.indexOf('\n', from) + 1);
  const fence = text.slice(at, lineEnd(at)).match(kFence)?.[1];
  if (!fence) return at;
  for (let line = lineEnd(at); line < text.length; line = lineEnd(line)) {
    const closes = text.slice(line, lineEnd(line)).match(/^[ \t>]*(`{3,}|~{3,})[ \t]*\r?\n?$/)?.[1];
    if (closes?.[0] === fence[0] && closes.length >= fence.length) return lineEnd(line);
  }
  return text.length;
}

function formulaAt(text, at, streaming, failed) {
  const opening = text.slice(at, at + 2);
  const closing = { '\\(': '\\)', '\\[': '\\]', $$: '$$' }[opening];
  if (!closing) return null;
  const display = opening !== '\\(';
  const close = at < failed.get(closing) ? null : closeOf(text, at + 2, closing, display, failed);
  if (close === null) {
    const rest = text.slice(at + 2);
    const open = streaming && rest.length < kLongest && (display || !/\n[ \t]*\n/.test(rest));
    return open ? { end: text.length, formula: { tex: rest, display, open: true } } : null;
  }
  const inner = text.slice(at + 2, close);
  if (!inner.trim() || (opening === '$$' && !dollarsHold(text, at, close, inner))) return null;
  return { end: close + 2, formula: { tex: unquoted(text, at, inner), display, open: false } };
}

// Where `closing` stands; null when the paragraph ends before it (in a display formula two empty lines do).
function closeOf(text, from, closing, display, failed) {
  const ends = display ? /^\n[ \t]*\n[ \t]*\n/ : /^\n[ \t]*\n/;
  const limit = Math.min(text.length - 1, from + kLongest);
  let i = from;
  for (; i < limit; ++i) {
    if (text.startsWith(closing, i)) return i;
    if (text[i] === '\\') ++i;
    else if (text[i] === '\n' && ends.test(text.slice(i, i + 80))) break;
  }
  failed.set(closing, i);
  return null;
}

// Dollars are money too: $$ hold a formula that has its lines to itself, or one that touches both of them.
function dollarsHold(text, at, close, inner) {
  const begins = /(^|\n)(?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*$/.test(text.slice(Math.max(0, at - 40), at));
  const ends = /^[ \t]*[.,;:]?[ \t]*(\n|$)/.test(text.slice(close + 2, close + 42));
  return (
    (begins && (ends || /^[ \t]*\n/.test(inner))) ||
    (!/^\s|\s$/.test(inner) && text[at - 1] !== '$' && text[close + 2] !== '$')
  );
}

// A formula in a quotation has the quotation's marks at the beginning of each line.
function unquoted(text, at, inner) {
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at);
  return /^[ \t]*>/.test(line) ? inner.replace(/\n[ \t]*>/g, '\n') : inner;
}

// The text with its formulas as they were written: for code, which has none.
export function putBack(text, formulas) {
  return text.replace(kMark, (_, number) => formulas[number]?.source ?? '');
}

// Cuts `text` at its marks: [string or formula, ...].
export function cutAtMarks(text, formulas) {
  return text
    .split(kMark)
    .map((part, i) => (i % 2 ? formulas[part] : part))
    .filter((part) => part);
}
