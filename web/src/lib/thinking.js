const kOpen = '<think>';
const kClose = '</think>';

// Splits an answer into what the model thought and what it says. `thoughts` are those that came in a field of their
// own. Thoughts inside the text stand between <think> and </think> at its beginning; the opening may be missing, when the
// model's template writes it.
export function splitThinking(text, thoughts = '') {
  const close = text.indexOf(kClose);
  const start = text.trimStart();
  if (close >= 0) {
    const before = text.slice(0, close).trimStart();
    const inner = before.startsWith(kOpen) ? before.slice(kOpen.length) : before;
    return { thoughts: (thoughts + inner).trim(), answer: text.slice(close + kClose.length).trimStart(), open: false };
  }
  if (start.startsWith(kOpen)) {
    return { thoughts: (thoughts + start.slice(kOpen.length)).trim(), answer: '', open: true };
  }
  if (start && kOpen.startsWith(start)) return { thoughts: thoughts.trim(), answer: '', open: false };
  return { thoughts: thoughts.trim(), answer: text, open: thoughts !== '' && text === '' };
}
