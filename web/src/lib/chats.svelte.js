import { forget, keysOf, load, ofThisTab, onOtherTab, save } from './storage.js';
import { firstSent, joinMessages, lacks, pathOf, readMessages } from './thread.js';

// The conversations: {id, title, titled, from: {id, at}, messages}. `messages` is a set that all tabs add to
// (thread.js); `titled` is when it was named by hand, `from` the first message that is still sent to the model. What is
// kept:
//   chat.ID     a conversation: `messages` is what is on the screen, `aside` the other versions
//   answer.ID   one answer, while it is being written: saving it costs nothing in a long conversation
//   gone.ID     a conversation that was deleted, so that no tab brings it back
//   chats       what the sidebar shows, newest first; made again from the conversations where it lacks one
// Tabs never take turns. Each joins what the others keep into what it has, and keeps again what they had lacked; Web
// Locks would need a secure page, which a server in the local network is not.
export const chats = $state({ list: [], current: blank(), full: false });

export const writing = new Set(); // the answers that this tab is writing
const held = new Map(); // conversations that are answered, or that could not be kept
const unsaved = new Set();
const whenGone = [];
const mine = (id) => writing.has(id);

class View {
  path = $derived(pathOf(chats.current.messages));
}
export const view = new View();

export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (b) => b.toString(36).padStart(2, '0')).join('');
}

function blank() {
  return { id: newId(), title: '', titled: 0, from: { id: null, at: 0 }, messages: [] };
}

export function startChat() {
  if (chats.current.messages.length) chats.current = blank();
}

const isGone = (id) => load(`gone.${id}`, null) !== null;
const messagesIn = (kept) =>
  readMessages([kept.messages, kept.aside].flatMap((part) => (Array.isArray(part) ? part : [])));
const fromOf = (kept) => kept.from ?? { id: kept.messages?.[kept.skipped ?? 0]?.id ?? null, at: 0 };
const inMemory = (id) => (chats.current.id === id ? chats.current : (held.get(id) ?? null));

// A conversation out of what was kept. An answer that nobody here writes is as long as it is: the page was closed while
// it came, or another tab will say more.
function read(id) {
  const kept = load(`chat.${id}`, null);
  if (!kept || isGone(id)) return null;
  const chat = {
    id,
    title: kept.title ?? '',
    titled: kept.titled ?? 0,
    from: fromOf(kept),
    messages: messagesIn(kept),
  };
  for (const answer of keysOf('answer.').map((key) => load(`answer.${key}`, null))) {
    if (answer?.chat === id) joinMessages(chat.messages, readMessages([answer.message]));
  }
  for (const message of chat.messages) {
    if (message.state === 'streaming') message.state = 'stopped';
  }
  return chat;
}

export function openChat(id) {
  const chat = inMemory(id) ?? read(id);
  if (!chat) return;
  chats.current = chat;
  if (held.has(id)) held.set(id, chats.current);
  rememberOpen(id);
}

function rememberOpen(id) {
  save('open', id, ofThisTab);
  save('open', id);
}

// Keeps a conversation in memory while it is answered.
export function hold(chat) {
  held.set(chat.id, chat);
}
export function release(chat) {
  if (!unsaved.has(chat.id)) held.delete(chat.id);
}

function titleOf(text) {
  const line = text.trim().split('\n')[0];
  return line.length > 60 ? `${line.slice(0, 57).trimEnd()}…` : line;
}

// As it is kept, and as earlier versions of this page read it.
function formOf(chat) {
  const { id, title, titled, from, messages } = $state.snapshot(chat);
  const path = pathOf(messages);
  const shown = path.map((step) => step.message);
  const here = new Set(shown.map((m) => m.id));
  const skipped = firstSent(path, from.id);
  return { id, title, titled, from, skipped, messages: shown, aside: messages.filter((m) => !here.has(m.id)) };
}

function joinKept(chat, kept) {
  joinMessages(chat.messages, messagesIn(kept), mine);
  if ((kept.titled ?? 0) > chat.titled) Object.assign(chat, { title: kept.title, titled: kept.titled });
  if (fromOf(kept).at > chat.from.at) chat.from = fromOf(kept);
}

// Keeps `chat`, joined with what is kept of it, and moves it to the top of the list when `touch` is set.
export function saveChat(chat, touch = false) {
  if (!chat.messages.length || isGone(chat.id)) return;
  const kept = load(`chat.${chat.id}`, null);
  if (kept) joinKept(chat, kept);
  chat.title ||= titleOf(chat.messages[0].content);
  const form = formOf(chat);
  const done = save(`chat.${chat.id}`, form);
  noteSaved(chat, done);
  if (done) forgetAnswers((id) => !mine(id) && form.messages.concat(form.aside).some((m) => m.id === id));
  const old = chats.list.find((entry) => entry.id === chat.id);
  const updated = touch || !old ? Date.now() : old.updated;
  saveList([{ id: chat.id, title: chat.title, titled: chat.titled, updated }]);
  if (chat === chats.current) rememberOpen(chat.id);
}

function noteSaved(chat, done) {
  if (done) unsaved.delete(chat.id);
  else (unsaved.add(chat.id), held.set(chat.id, chat));
  chats.full = unsaved.size > 0;
}

// Keeps an answer that is being written; the rest of its conversation is kept already.
export function saveAnswer(chat, message) {
  if (!isGone(chat.id) && !save(`answer.${message.id}`, { chat: chat.id, message })) noteSaved(chat, false);
}

function forgetAnswers(which) {
  for (const id of keysOf('answer.').filter(which)) forget(`answer.${id}`);
}

// Joins `more` into the list, and what other tabs put there.
function saveList(more) {
  joinList([].concat(load('chats', []), more));
  save('chats', chats.list);
}

function joinList(more) {
  const entries = new Map();
  for (const entry of chats.list.concat(more)) {
    if (typeof entry?.id !== 'string') continue;
    const old = entries.get(entry.id) ?? entry;
    const { title, titled } = (entry.titled ?? 0) >= (old.titled ?? 0) ? entry : old;
    entries.set(entry.id, {
      id: entry.id,
      title,
      titled: titled ?? 0,
      updated: Math.max(old.updated ?? 0, entry.updated ?? 0),
    });
  }
  const gone = new Set(keysOf('gone.'));
  const there = new Set([...keysOf('chat.'), ...held.keys(), chats.current.id]);
  chats.list = [...entries.values()]
    .filter((entry) => there.has(entry.id) && !gone.has(entry.id))
    .sort((a, b) => b.updated - a.updated);
}

export function renameChat(id, title) {
  const clean = title.trim();
  const chat = inMemory(id) ?? read(id);
  if (!clean || !chat || clean === chat.title) return;
  Object.assign(chat, { title: clean, titled: Date.now() });
  saveChat(chat);
}

// Calls back with the id of a conversation that was deleted here or in another tab.
export function onGone(callback) {
  whenGone.push(callback);
}

function removeHere(id) {
  for (const callback of whenGone) callback(id);
  forget(`chat.${id}`);
  forgetAnswers((answer) => load(`answer.${answer}`, null)?.chat === id);
  held.delete(id);
  unsaved.delete(id);
  chats.list = chats.list.filter((entry) => entry.id !== id);
  if (chats.current.id === id) chats.current = blank();
  for (const chat of held.values()) if (unsaved.has(chat.id)) saveChat(chat); // there may be room now
  chats.full = unsaved.size > 0;
}

// Returns a function that brings the conversation back.
export function deleteChat(id) {
  const chat = inMemory(id) ?? read(id);
  const entry = chats.list.find((e) => e.id === id);
  const draft = load(`draft.${id}`, '');
  removeHere(id);
  forget(`draft.${id}`);
  forget(`draft.${id}`, ofThisTab);
  save(`gone.${id}`, Date.now());
  save('chats', chats.list);
  return () => {
    if (!chat) return;
    forget(`gone.${id}`);
    if (draft) save(`draft.${id}`, draft);
    chats.current = chat;
    saveChat(chats.current);
    if (entry) saveList([entry]);
  };
}

// Takes in conversations from elsewhere, in any version's form; how many were new or had something new. What was
// deleted here stays deleted, unless it is asked for.
export function takeIn(list, { deletedToo = false } = {}) {
  let changed = 0;
  for (const kept of list) {
    if (typeof kept?.id !== 'string' || (isGone(kept.id) && !deletedToo)) continue;
    const messages = messagesIn(kept);
    if (!messages.length) continue;
    forget(`gone.${kept.id}`);
    const chat = inMemory(kept.id) ?? read(kept.id) ?? { ...blank(), id: kept.id, title: kept.title ?? '' };
    if (!lacks(chat.messages, messages, mine) && (kept.titled ?? 0) <= chat.titled) continue;
    joinKept(chat, kept);
    saveChat(chat);
    if (kept.updated) saveList([{ id: chat.id, title: chat.title, titled: chat.titled, updated: kept.updated }]);
    changed += 1;
  }
  return changed;
}

// All conversations as they are kept, for a file or for another address.
export function allChats() {
  const updated = new Map(chats.list.map((entry) => [entry.id, entry.updated]));
  const ids = new Set([...chats.list.map((entry) => entry.id), ...keysOf('chat.')]);
  return [...ids].flatMap((id) => {
    const chat = inMemory(id) ?? read(id);
    return chat?.messages.length ? [{ ...formOf(chat), updated: updated.get(id) }] : [];
  });
}

// What is typed and not sent survives too, by conversation; a blank conversation has the draft 'new'. Each tab has its
// own, and finds that of the last tab where it has none.
function draftKey() {
  return `draft.${chats.current.messages.length ? chats.current.id : 'new'}`;
}
export function loadDraft() {
  return load(draftKey(), '', ofThisTab) || load(draftKey(), '');
}
export function saveDraft(text) {
  for (const area of [ofThisTab, undefined]) {
    if (text) save(draftKey(), text, area);
    else forget(draftKey(), area);
  }
}

// Begins with what the browser keeps. `tell` says what another tab did to the conversation on the screen.
export function restoreChats(tell) {
  joinList(load('chats', []));
  const listed = new Set(chats.list.map((entry) => entry.id));
  for (const id of keysOf('chat.').filter((key) => !listed.has(key))) {
    const kept = load(`chat.${id}`, null);
    const updated = Math.max(0, ...(kept?.messages ?? []).map((m) => m.at ?? 0));
    if (kept?.messages?.length) joinList([{ id, title: kept.title ?? '', titled: kept.titled ?? 0, updated }]);
  }
  openChat(load('open', '', ofThisTab) || load('open', ''));
  onOtherTab((key, value) => {
    const [, kind, id] = key.match(/^([^.]+)\.?(.*)$/s) ?? [];
    if (kind === 'chats' && value) joinList(value);
    if (kind === 'chat' && value) joinFromTab(id, value);
    if (kind === 'answer' && value)
      inMemory(value.chat) && joinMessages(inMemory(value.chat).messages, readMessages([value.message]), mine);
    if (kind === 'gone' && value) goneInTab(id, tell);
  });
}

function joinFromTab(id, kept) {
  const chat = inMemory(id);
  if (!chat || isGone(id)) return;
  joinKept(chat, kept);
  // The other tab had not seen all of it when it wrote.
  if (lacks(messagesIn(kept), chat.messages, mine) || chat.titled > (kept.titled ?? 0)) saveChat(chat);
}

function goneInTab(id, tell) {
  const open = chats.current.id === id;
  const typed = open ? loadDraft() : '';
  removeHere(id);
  if (!open) return;
  if (typed && !loadDraft()) saveDraft(typed);
  tell('This conversation was deleted in another tab.');
}
