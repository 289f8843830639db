import { allChats, chats, takeIn } from './chats.svelte.js';
import { settings } from './settings.svelte.js';
import { load, save } from './storage.js';
import { pack, unpack } from './transfer.js';

// Browsers keep things by address. One server has several on its own machine, so that a conversation begun at localhost
// would be missing at 127.0.0.1: the page goes to 127.0.0.1 and brings along what is kept where it was. Another port is
// another address too; nothing can be read across, but a cookie, which all ports of a host share, can tell.
const kOtherNames = ['localhost', '[::1]'];
const kLongestAddress = 900_000; // characters that every browser takes
const kCookie = 'hadal_kept';

// `others`: the addresses at this host where conversations are kept too, [{url, count}]. `stuck`: the address of the
// others when there is too much here to bring along.
export const address = $state({ others: [], stuck: '' });

// True when the page is at its place; otherwise the browser is on its way there.
export async function settleAddress() {
  const there = `http://127.0.0.1${location.port && `:${location.port}`}/`;
  if (location.protocol !== 'http:' || !kOtherNames.includes(location.hostname) || !(await answers(there))) return true;
  const conversations = allChats();
  const brought = conversations.length
    ? `#bring=${await pack({ conversations, settings: load('settings', null) })}`
    : '';
  if (brought.length > kLongestAddress) {
    address.stuck = there;
    return true;
  }
  // The page sends no referrer but here: it is how the other address knows who hands this in.
  const policy = Object.assign(document.createElement('meta'), { name: 'referrer', content: 'origin' });
  document.head.append(policy);
  location.replace(there + (brought ? brought + location.hash.replace('#', '&') : location.hash)); // at the same place
  return false;
}

// A server may listen on one of its names only.
async function answers(url) {
  try {
    await fetch(`${url}health`, { mode: 'no-cors', cache: 'no-store', signal: AbortSignal.timeout(1500) });
    return true;
  } catch {
    return false;
  }
}

// Takes in what this page brought along from another name of this machine. Nobody else may hand anything in.
export async function takeBrought() {
  const [, text, place] = location.hash.match(/^#bring=([^&]+)(?:&(.*))?$/) ?? [];
  if (!text) return;
  history.replaceState(null, '', location.pathname + (place ? `#${place}` : ''));
  const from = document.referrer ? new URL(document.referrer) : null;
  if (!from || !kOtherNames.includes(from.hostname) || from.port !== location.port) return;
  const brought = await unpack(text).catch(() => null);
  if (!Array.isArray(brought?.conversations)) return;
  takeIn(brought.conversations);
  if (brought.settings && !load('settings', null) && save('settings', brought.settings))
    Object.assign(settings, brought.settings);
}

function keptByPort() {
  const text = document.cookie.match(new RegExp(`(?:^|; )${kCookie}=([\\d._]*)`))?.[1] ?? '';
  return new Map(
    text
      .split('_')
      .map((entry) => entry.split('.').map(Number))
      .filter(([port, count]) => port && count),
  );
}

// Finds the other addresses, and keeps the note of this one true.
export function watchAddress() {
  const here = Number(location.port) || 80;
  const url = (port) => `${location.protocol}//${location.hostname}${port === 80 ? '' : `:${port}`}`;
  address.others = [...keptByPort()]
    .filter(([port]) => port !== here)
    .map(([port, count]) => ({ url: url(port), count }));
  $effect(() => {
    const kept = keptByPort();
    if (chats.list.length) kept.set(here, chats.list.length);
    else kept.delete(here);
    const text = [...kept]
      .slice(-20)
      .map((entry) => entry.join('.'))
      .join('_');
    document.cookie = `${kCookie}=${text}; path=/; max-age=31536000; SameSite=Strict`;
  });
}
