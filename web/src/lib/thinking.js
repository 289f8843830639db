const kOpen = '<think>';
const kClose = '</think>';

// Splits an answer into what the model thought and what it says. `thoughts` are those that the server sent apart; then
// the text is the answer. Conversations that were kept before it did so hold thoughts inside the text, between <think>
// and </think> at its beginning. The opening may be missing, when the model's template wrote it; then the closing
// stands on a line of its own, as these models were taught to write it. Tags anywhere else are text: an answer may speak
// of them.
export function splitThinking(text, thoughts = '') {
  if (thoughts) return { thoughts: thoughts.trim(), answer: text, open: text === '' };
  const start = text.trimStart();
  const parts = (inner, answer, open) => ({ thoughts: inner.trim(), answer: answer.trimStart(), open });
  if (start.startsWith(kOpen)) {
    const inner = start.slice(kOpen.length);
    const close = closingOf(inner);
    return close < 0 ? parts(inner, '', true) : parts(inner.slice(0, close), inner.slice(close + kClose.length), false);
  }
  if (start && kOpen.startsWith(start)) return parts('', '', false);
  const close = loneClosing(text);
  if (close >= 0) return parts(text.slice(0, close), text.slice(close + kClose.length), false);
  return { thoughts: '', answer: text, open: false };
}

// "12 s" of milliseconds, as people say it; '' where they are not known.
export function lasted(ms) {
  if (ms === null) return '';
  const seconds = Math.round(ms / 1000);
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

// The first </think> that is not quoted.
function closingOf(text) {
  let close = text.indexOf(kClose);
  while (close > 0 && /[`"'“]/.test(text[close - 1])) close = text.indexOf(kClose, close + 1);
  return close;
}

// Where </think> stands alone on its line, before anything else speaks of the tags or shows code with one.
function loneClosing(text) {
  const close = text.indexOf(kClose);
  if (close < 0) return -1;
  const before = text.slice(0, close);
  const alone = /(^|\n)[ \t]*$/.test(before) && /^[ \t]*(\r?\n|$)/.test(text.slice(close + kClose.length));
  const inCode = (before.match(/^[ \t]*(```|~~~)/gm) ?? []).length % 2 === 1;
  return alone && !inCode && !before.includes(kOpen) ? close : -1;
}
