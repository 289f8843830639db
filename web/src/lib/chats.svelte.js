import { forget, load, onOtherTab, save } from './storage.js';

// The conversations. `list` is what the sidebar shows, newest first; `current` is the open one:
//   {id, title, messages: [{id, role, content, thoughts, state, failure, stats}], skipped}
// state of an answer: 'streaming', 'done', 'stopped', 'cut' (token limit), 'failed'. `skipped`: so many messages at the
// beginning are no longer sent to the model.
export const chats = $state({ list: load('chats', []), current: blank(), full: false });

export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (b) => b.toString(36).padStart(2, '0')).join('');
}

function blank() {
  return { id: newId(), title: '', messages: [], skipped: 0 };
}

export function startChat() {
  if (chats.current.messages.length) chats.current = blank();
}

export function openChat(id) {
  const kept = load(`chat.${id}`, null);
  if (!kept) return;
  for (const message of kept.messages) {
    if (message.state === 'streaming') message.state = 'stopped'; // the page was closed while it came
  }
  chats.current = { skipped: 0, ...kept };
  save('open', id);
}

function titleOf(text) {
  const line = text.trim().split('\n')[0];
  return line.length > 60 ? `${line.slice(0, 57).trimEnd()}…` : line;
}

// Keeps `chat` and moves it to the top of the list when `touch` is set.
export function saveChat(chat, touch = false) {
  if (!chat.messages.length) return;
  chat.title ||= titleOf(chat.messages[0].content);
  let entry = chats.list.find((c) => c.id === chat.id);
  if (!entry || touch) {
    entry = { id: chat.id, title: chat.title, updated: Date.now() };
    chats.list = [entry, ...chats.list.filter((c) => c.id !== chat.id)];
  }
  entry.title = chat.title;
  chats.full = !(save(`chat.${chat.id}`, chat) && save('chats', chats.list));
  if (chat === chats.current) save('open', chat.id);
}

export function renameChat(id, title) {
  const clean = title.trim();
  const entry = chats.list.find((c) => c.id === id);
  if (!clean || !entry) return;
  entry.title = clean;
  save('chats', chats.list);
  const chat = id === chats.current.id ? chats.current : load(`chat.${id}`, null);
  if (!chat) return;
  chat.title = clean;
  save(`chat.${id}`, chat);
}

// Returns a function that brings the conversation back.
export function deleteChat(id) {
  const list = [...chats.list];
  const kept = load(`chat.${id}`, null);
  chats.list = chats.list.filter((c) => c.id !== id);
  save('chats', chats.list);
  forget(`chat.${id}`);
  forget(`draft.${id}`);
  if (chats.current.id === id) chats.current = blank();
  return () => {
    const entry = list.find((c) => c.id === id);
    if (!entry || !kept) return;
    save(`chat.${id}`, kept);
    chats.list = [...chats.list, entry].sort((a, b) => b.updated - a.updated);
    save('chats', chats.list);
    openChat(id);
  };
}

// What is typed and not sent survives too, by conversation; a blank conversation has the draft 'new'.
function draftKey() {
  return `draft.${chats.current.messages.length ? chats.current.id : 'new'}`;
}
export function loadDraft() {
  return load(draftKey(), '');
}
export function saveDraft(text) {
  if (text) save(draftKey(), text);
  else forget(draftKey());
}

export function restoreLastChat() {
  openChat(load('open', ''));
  onOtherTab((key) => {
    if (key === 'chats') chats.list = load('chats', []);
    const busy = chats.current.messages.some((m) => m.state === 'streaming');
    if (key === `chat.${chats.current.id}` && !busy) {
      const kept = load(key, null);
      if (kept) chats.current = { skipped: 0, ...kept };
    }
  });
}
