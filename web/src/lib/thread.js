// A conversation as a set of messages that any number of tabs may add to. Nothing is ever taken out, so two versions
// are joined by taking both: whatever order the versions come in, every tab ends with the same conversation.
//
// message: {id, role, content, thoughts, state, failure, stats,
//   thoughtMs  how long it thought before it answered, null where that is not known
//   after   the message it was written after, null for the first
//   instead of a question that was edited: the first version of it, else null
//   at      when it was written (milliseconds); orders what was written after the same message
//   shown}  when it was last chosen among its versions; the latest one is on the screen
//
// Answers to one question are versions of each other. What was asked after one of them follows all of them; what
// follows a question belongs to that version of it alone, because it answers it.

const kRank = { streaming: 0, stopped: 1, failed: 2, cut: 3, done: 3 };
const lengthOf = (message) => message.content.length + message.thoughts.length;
const earlier = (a, b) => a.at - b.at || (a.id < b.id ? -1 : 1);

// What was kept by any version of this page, in this version's form. Equal input gives equal output in every tab.
export function readMessages(list) {
  const found = [];
  for (const raw of Array.isArray(list) ? list : []) {
    if (typeof raw?.id !== 'string' || typeof raw.content !== 'string') continue;
    const message = {
      ...{ state: 'done', thoughts: '', thoughtMs: null, failure: null, stats: null },
      ...{ after: found.at(-1)?.id ?? null, instead: null, at: found.length + 1, ...raw },
      role: raw.role === 'user' ? 'user' : 'assistant',
    };
    message.thoughts ??= '';
    message.shown ??= message.at;
    found.push(message);
  }
  return found;
}

// True when `other`, a version of the same message, says more than `message`: an answer only ever grows, then ends.
export function saysMore(other, message) {
  const difference = lengthOf(other) - lengthOf(message);
  return difference > 0 || (difference === 0 && (kRank[other.state] ?? 3) > (kRank[message.state] ?? 3));
}

// Joins `incoming` into `messages`, in place. `mine(id)`: this tab is writing that message, nobody knows it better.
// True when something changed.
export function joinMessages(messages, incoming, mine = () => false) {
  const known = new Map(messages.map((m) => [m.id, m]));
  let changed = false;
  for (const other of incoming) {
    const message = known.get(other.id);
    if (!message) {
      messages.push(other);
      known.set(other.id, other);
      changed = true;
      continue;
    }
    if (!mine(other.id) && saysMore(other, message)) {
      const { content, thoughts, thoughtMs = null, state, failure, stats } = other;
      Object.assign(message, { content, thoughts, thoughtMs, state, failure, stats });
      changed = true;
    }
    if (other.shown > message.shown) {
      message.shown = other.shown;
      changed = true;
    }
  }
  return changed;
}

// True when `messages` hold something that `kept` lacks.
export function lacks(kept, messages, mine = () => false) {
  const known = new Map(kept.map((m) => [m.id, m]));
  return messages.some((m) => {
    const other = known.get(m.id);
    return !other || m.shown > other.shown || (!mine(m.id) && saysMore(m, other));
  });
}

const groupOf = (m) => (m.role === 'user' ? `asked ${m.instead ?? m.id}` : `answers ${m.after}`);
// What hangs on a message hangs on this key.
const placeOf = (m) => (m.role === 'user' ? m.id : groupOf(m));

// The versions of each message, by what they follow: Map of place (or null) -> [[versions], ...], both in order of
// time.
function childrenOf(messages) {
  const known = new Map(messages.map((m) => [m.id, m]));
  const groups = new Map();
  for (const message of messages) {
    const key = groupOf(message);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(message);
  }
  const children = new Map();
  for (const versions of groups.values()) {
    versions.sort(earlier);
    const parent = known.get(versions[0].after);
    const key = parent ? placeOf(parent) : null;
    if (!children.has(key)) children.set(key, []);
    children.get(key).push(versions);
  }
  for (const list of children.values()) list.sort((a, b) => earlier(a[0], b[0]));
  return children;
}

// What is on the screen: [{message, versions}] in order. `versions` has one entry unless there are others to choose
// from.
export function pathOf(messages) {
  const children = childrenOf(messages);
  const path = [];
  const waiting = [...(children.get(null) ?? [])].reverse();
  while (waiting.length) {
    const versions = waiting.pop();
    const message = versions.reduce((best, m) => (m.shown >= best.shown ? m : best));
    path.push({ message, versions });
    waiting.push(...[...(children.get(placeOf(message)) ?? [])].reverse());
  }
  return path;
}

// Where in `path` the messages begin that are still sent to the model: a version of the message `id`.
export function firstSent(path, id) {
  return Math.max(
    0,
    path.findIndex((step) => step.versions.some((m) => m.id === id)),
  );
}

// What the model gets to see of the messages `path`, the last of which is the question: a question that was never
// answered is left out, and so is one whose answer is still being written. Thoughts go along: the model's template
// decides which of them it is shown.
export function wireMessages(path) {
  const heard = (m) => m?.role === 'assistant' && m.content !== '' && m.state !== 'streaming';
  return path
    .filter((m, i) => (m.role === 'user' ? i + 1 === path.length || heard(path[i + 1]) : heard(m)))
    .map(({ role, content, thoughts }) =>
      thoughts ? { role, content, reasoning_content: thoughts } : { role, content },
    );
}

// The versions worth choosing: those that say something or that something hangs on, and the one on the screen.
export function choices(versions, shown, messages) {
  if (versions.length < 2) return versions;
  const follows = (m) => m.role === 'user' && messages.some((other) => other.after === m.id);
  return versions.filter((m) => m === shown || m.content || m.thoughts || follows(m));
}
