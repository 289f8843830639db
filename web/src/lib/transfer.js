import { allChats, takeIn } from './chats.svelte.js';

// Conversations as a file, for another browser or another address.

export function saveToFile() {
  const text = JSON.stringify({ hadal: 'conversations', version: 1, conversations: allChats() }, null, 1);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = `hadal-conversations-${new Date().toISOString().slice(0, 10)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Says what came of it.
export async function readFromFile(file) {
  let list;
  try {
    list = JSON.parse(await file.text()).conversations;
  } catch {
    list = null;
  }
  if (!Array.isArray(list)) return `“${file.name}” is not a file of conversations that this page has saved.`;
  const changed = takeIn(list, { deletedToo: true });
  return changed === 0
    ? 'All of them were here already.'
    : `${changed} ${changed === 1 ? 'conversation' : 'conversations'} read.`;
}

// The same as text that fits into an address.
export async function pack(value) {
  const stream = new Blob([JSON.stringify(value)]).stream().pipeThrough(new CompressionStream('gzip'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let binary = '';
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export async function unpack(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}
