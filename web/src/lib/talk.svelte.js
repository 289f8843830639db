import { fetchModel, streamChat } from './api.js';
import { chats, hold, newId, onGone, release, saveAnswer, saveChat, writing } from './chats.svelte.js';
import { settings } from './settings.svelte.js';
import { lasted } from './thinking.js';
import { firstSent, pathOf, wireMessages } from './thread.js';

// Asking and answering. One answer at a time in a conversation, `answering` says in which; several conversations may be
// answered at once. `notice` tells why something was not done; `notes` what became of a second answer, by the id of the
// one that is shown; `asked` counts what was sent from here.
export const talk = $state({ model: null, offline: false, answering: {}, spoken: '', notice: '', notes: {}, asked: 0 });

const answers = new Map(); // of a conversation's id -> {chat, message, former, abort, writer}
const kSaveEveryMs = 700;
const kMostAnswers = 4; // a browser has six connections to a server, for all its tabs
let seeking = false;

// Asks who is served, again and again until somebody answers. Another model may be served later.
export async function findModel() {
  if (seeking) return;
  seeking = true;
  try {
    talk.model = await fetchModel();
    talk.offline = false;
    seeking = false;
  } catch (error) {
    talk.offline = error.kind !== 'refused';
    setTimeout(() => ((seeking = false), findModel()), 3000);
  }
}

export const isBusy = () => chats.current.id in talk.answering;

// Stops the answer of the conversation on the screen.
export function stop() {
  answers.get(chats.current.id)?.abort.abort();
}

export function tell(text) {
  talk.notice = text;
}

// False, and a notice, when nothing can be asked now.
function mayAsk() {
  const busy = isBusy();
  const full = answers.size >= kMostAnswers;
  tell('');
  if (busy) tell('This conversation is still being answered. Stop the answer, or send your message when it has ended.');
  else if (full)
    tell(`${kMostAnswers} conversations are being answered. Send your message when one of them has ended.`);
  return !busy && !full;
}

// Sends what was typed; false when it was not sent.
export function send(text) {
  const content = text.trim();
  if (!content || !mayAsk()) return false;
  const last = pathOf(chats.current.messages).at(-1)?.message;
  ask({ content, after: last?.id ?? null });
  return true;
}

function ask({ content, after, instead = null }) {
  const chat = chats.current;
  const at = Date.now();
  const blank = { state: 'done', thoughts: '', thoughtMs: null, failure: null, stats: null };
  const id = newId();
  chat.messages.push({ id, role: 'user', content, ...blank, after, instead, at, shown: at });
  talk.asked += 1;
  answer(chat, id);
}

// Answers once more what `message` answered, or asked. The answers that are there stay, as versions to choose from.
export function regenerate(message) {
  if (mayAsk()) answer(chats.current, message.role === 'user' ? message.id : message.after);
}

// Asks with other words. The message and what followed it stay, as a version to choose from; the same words are no
// news.
export function resend(message, text) {
  const content = text.trim();
  if (!content) return;
  const answered = chats.current.messages.some((m) => m.after === message.id && m.content);
  if (content === message.content && answered) return;
  if (!mayAsk()) return;
  if (content === message.content) answer(chats.current, message.id);
  else ask({ content, after: message.after, instead: message.instead ?? message.id });
}

// Shows another version of a message.
export function choose(version) {
  const chat = chats.current;
  version.shown = Math.max(Date.now(), ...chat.messages.map((m) => m.shown + 1));
  saveChat(chat);
}

// For a conversation that has outgrown the model's context: the older half of what is sent stays on the screen only.
export function leaveOutOld(message) {
  const chat = chats.current;
  const steps = pathOf(chat.messages);
  const path = steps.map((step) => step.message);
  const first = firstSent(steps, chat.from.id);
  const asked = path.findLastIndex((m, i) => i <= path.indexOf(message) && m.role === 'user');
  let skipped = first + Math.ceil((asked - first) / 2);
  while (skipped < asked && path[skipped].role !== 'user') ++skipped;
  chat.from = { id: path[skipped].id, at: Date.now() };
  regenerate(message);
}

async function answer(chat, question) {
  const steps = pathOf(chat.messages);
  const path = steps.map((step) => step.message);
  const last = path.findIndex((m) => m.id === question) + 1;
  const messages = wireMessages(path.slice(Math.min(firstSent(steps, chat.from.id), last - 1), last));
  const before = path[last]?.role === 'assistant' ? path[last] : null;
  const at = Date.now();
  const blank = { content: '', thoughts: '', thoughtMs: null, failure: null, stats: null, instead: null };
  const id = newId();
  chat.messages.push({
    id,
    role: 'assistant',
    state: 'streaming',
    ...blank,
    after: question,
    at,
    shown: Math.max(at, (before?.shown ?? 0) + 1),
  });
  const message = chat.messages.at(-1); // the reactive one
  const call = { chat, message, former: before?.content ? before : null, abort: new AbortController(), thoughtAt: 0 };
  call.writer = frameWriter(call);
  begin(call);
  let firstAt = 0;
  try {
    const end = await streamChat(messages, settings, talk.model, call.abort.signal, {
      onText: (piece) => {
        firstAt ||= performance.now();
        endThoughts(call);
        call.writer.add('content', piece);
      },
      onThought: (piece) => {
        firstAt ||= performance.now();
        beginThoughts(call);
        call.writer.add('thoughts', piece);
      },
    });
    call.writer.flush();
    message.state = end.finish === 'length' ? 'cut' : 'done';
    message.stats = statsOf(end.usage, firstAt);
    talk.offline = false;
  } catch (error) {
    call.writer.flush();
    settle(call, error);
  }
  endThoughts(call);
  finish(call);
}

// Thoughts last from their first piece to the answer's, or to the end where none came.
function beginThoughts(call) {
  if (call.thoughtAt) return;
  call.thoughtAt = performance.now();
  talk.spoken = 'Thinking';
}

function endThoughts({ message, thoughtAt }) {
  if (!thoughtAt || message.thoughtMs !== null) return;
  message.thoughtMs = performance.now() - thoughtAt;
  talk.spoken = `Thought for ${lasted(message.thoughtMs)}`;
}

function begin(call) {
  const { chat, message } = call;
  answers.set(chat.id, call);
  writing.add(message.id);
  hold(chat);
  talk.answering[chat.id] = message.id;
  delete talk.notes[call.former?.id];
  talk.spoken = 'Answering';
  findModel();
  saveChat(chat, true);
}

function finish(call) {
  const { chat, message } = call;
  if (answers.get(chat.id) === call) {
    answers.delete(chat.id);
    delete talk.answering[chat.id];
  }
  writing.delete(message.id);
  if (chat === chats.current) {
    tell('');
    talk.spoken = message.failure ? message.failure.message : `Answer: ${message.content}`;
  }
  saveChat(chat);
  release(chat);
}

function settle(call, error) {
  const { message, former } = call;
  if (error.name === 'AbortError') {
    message.state = 'stopped';
  } else {
    message.state = 'failed';
    message.failure = { kind: error.kind ?? 'broken', code: error.code ?? null, message: error.message };
    if (error.kind === 'offline' || error.kind === 'broken') {
      talk.offline = true;
      findModel();
    }
  }
  if (former) keepFormer(call);
}

// A second answer that did not come to its end leaves the first one on the screen.
function keepFormer({ message, former }) {
  former.shown = message.shown + 1;
  const text = message.failure?.message ?? 'The new answer was stopped.';
  const where = message.content ? 'it is kept beside this one' : 'this is the one from before';
  talk.notes[former.id] = { text: `${text} (${where})`, failed: message.failure !== null };
}

function statsOf(usage, firstAt) {
  if (!usage || !firstAt) return null;
  const seconds = (performance.now() - firstAt) / 1000;
  const tokens = usage.completion_tokens;
  return { tokens, perSecond: tokens > 1 ? (tokens - 1) / seconds : null };
}

// Collects pieces and puts them on the screen once a frame; a hidden page draws no frames, a timer stands in.
function frameWriter({ chat, message }) {
  const waiting = { content: '', thoughts: '' };
  let cancel = null;
  let savedAt = performance.now();
  const flush = () => {
    cancel?.();
    cancel = null;
    for (const field of ['content', 'thoughts']) {
      if (waiting[field]) message[field] += waiting[field];
      waiting[field] = '';
    }
    if (performance.now() - savedAt > kSaveEveryMs && writing.has(message.id)) {
      savedAt = performance.now();
      saveAnswer(chat, message);
    }
  };
  const schedule = () => {
    if (document.hidden) {
      const timer = setTimeout(flush, 100);
      return () => clearTimeout(timer);
    }
    const frame = requestAnimationFrame(flush);
    return () => cancelAnimationFrame(frame);
  };
  const add = (field, piece) => {
    waiting[field] += piece;
    cancel ??= schedule();
  };
  return { add, flush };
}

// A conversation that is deleted, here or in another tab, is no longer answered.
onGone((id) => {
  const call = answers.get(id);
  if (!call) return;
  answers.delete(id);
  delete talk.answering[id];
  writing.delete(call.message.id);
  call.writer.flush();
  call.message.state = 'stopped';
  call.abort.abort();
});

// A reload or a closed tab keeps what has come.
addEventListener('pagehide', () => {
  for (const call of answers.values()) {
    call.writer.flush();
    endThoughts(call);
    call.message.state = 'stopped';
    if (call.former) keepFormer(call);
    writing.delete(call.message.id);
    saveChat(call.chat);
    call.abort.abort();
  }
});
