import { fetchModel, streamChat } from './api.js';
import { chats, newId, saveChat } from './chats.svelte.js';
import { settings } from './settings.svelte.js';

// Asking and answering. One answer streams at a time; `busy` is its conversation.
export const talk = $state({ model: null, offline: false, busy: null, spoken: '' });

let abort = null;
let writer = null; // of the answer that streams
const kSaveEveryMs = 700;

// Asks who is served, again and again until somebody answers.
export async function findModel() {
  try {
    talk.model = await fetchModel();
    talk.offline = false;
  } catch (error) {
    talk.offline = error.kind !== 'refused';
    setTimeout(findModel, 3000);
  }
}

export function stop() {
  abort?.abort();
}

// Sends what was typed; false when an answer is still coming.
export function send(text) {
  const content = text.trim();
  if (!content || talk.busy) return false;
  const chat = chats.current;
  chat.messages.push({ id: newId(), role: 'user', content });
  answer(chat);
  return true;
}

// Answers anew what the message at `index` answered, or asked.
export function regenerate(index) {
  if (talk.busy) return;
  const chat = chats.current;
  const keep = chat.messages[index].role === 'user' ? index + 1 : index;
  chat.messages.length = keep;
  answer(chat);
}

// Replaces a message of the user's; what followed it goes.
export function resend(index, text) {
  const content = text.trim();
  if (!content || talk.busy) return;
  const chat = chats.current;
  chat.messages.length = index;
  chat.skipped = Math.min(chat.skipped, index);
  chat.messages.push({ id: newId(), role: 'user', content });
  answer(chat);
}

// For a conversation that has outgrown the model's context: the older half of what is sent stays on the screen only.
export function leaveOutOld(index) {
  const chat = chats.current;
  const asked = chat.messages.findLastIndex((m, i) => i <= index && m.role === 'user');
  let skipped = chat.skipped + Math.ceil((asked - chat.skipped) / 2);
  while (skipped < asked && chat.messages[skipped].role !== 'user') ++skipped;
  chat.skipped = skipped;
  regenerate(index);
}

// What the model gets to see: a question that was never answered is left out, but for the last.
function wireMessages(chat) {
  const seen = chat.messages.slice(chat.skipped);
  const answered = (i) => i + 1 === seen.length || seen[i + 1].content !== '';
  return seen
    .filter((m, i) => (m.role === 'user' ? answered(i) : m.content !== ''))
    .map(({ role, content }) => ({ role, content }));
}

async function answer(chat) {
  const messages = wireMessages(chat);
  const blank = { content: '', thoughts: '', failure: null, stats: null };
  chat.messages.push({ id: newId(), role: 'assistant', state: 'streaming', ...blank });
  const message = chat.messages.at(-1); // the reactive one
  talk.busy = chat;
  talk.spoken = 'Answering';
  abort = new AbortController();
  saveChat(chat, true);
  writer = frameWriter(message, chat);
  let firstAt = 0;
  try {
    const end = await streamChat(messages, settings, abort.signal, {
      onText: (piece) => writer.add('content', piece, (firstAt ||= performance.now())),
      onThought: (piece) => writer.add('thoughts', piece, (firstAt ||= performance.now())),
    });
    writer.flush();
    message.state = end.finish === 'length' ? 'cut' : 'done';
    message.stats = statsOf(end.usage, firstAt);
    talk.offline = false;
  } catch (error) {
    writer.flush();
    settle(message, error);
  }
  talk.busy = null;
  abort = null;
  talk.spoken = message.failure ? message.failure.message : `Answer: ${message.content}`;
  saveChat(chat);
}

function settle(message, error) {
  if (error.name === 'AbortError') {
    message.state = 'stopped';
    return;
  }
  message.state = 'failed';
  message.failure = { kind: error.kind ?? 'broken', code: error.code ?? null, message: error.message };
  if (error.kind === 'offline' || error.kind === 'broken') {
    talk.offline = true;
    findModel();
  }
}

function statsOf(usage, firstAt) {
  if (!usage || !firstAt) return null;
  const seconds = (performance.now() - firstAt) / 1000;
  const tokens = usage.completion_tokens;
  return { tokens, perSecond: tokens > 1 ? (tokens - 1) / seconds : null };
}

// Collects pieces and puts them on the screen once a frame; a hidden page draws no frames, a timer stands in.
function frameWriter(message, chat) {
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
    if (performance.now() - savedAt > kSaveEveryMs) {
      savedAt = performance.now();
      saveChat(chat);
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

// A reload or a closed tab keeps what has come.
addEventListener('pagehide', () => {
  if (!talk.busy) return;
  writer.flush();
  saveChat(talk.busy);
  stop();
});
