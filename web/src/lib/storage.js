// What the browser keeps, by address (scheme, host and port). A browser that keeps nothing (private mode, storage full)
// costs the memory of the conversation, never the conversation on the screen.
const kPrefix = 'hadal.';

function parse(text, fallback) {
  try {
    return text === null ? fallback : (JSON.parse(text) ?? fallback);
  } catch {
    return fallback;
  }
}

export function load(key, fallback, area = () => localStorage) {
  try {
    return parse(area().getItem(kPrefix + key), fallback);
  } catch {
    return fallback;
  }
}

// False when it could not be kept.
export function save(key, value, area = () => localStorage) {
  try {
    area().setItem(kPrefix + key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function forget(key, area = () => localStorage) {
  try {
    area().removeItem(kPrefix + key);
  } catch {
    // nothing was kept
  }
}

// What is kept for this tab alone; it survives a reload.
export const ofThisTab = () => sessionStorage;

// The ends of the keys that begin with `start`.
export function keysOf(start) {
  const found = [];
  try {
    for (let i = 0; i < localStorage.length; ++i) {
      const key = localStorage.key(i);
      if (key.startsWith(kPrefix + start)) found.push(key.slice(kPrefix.length + start.length));
    }
  } catch {
    // nothing is kept
  }
  return found;
}

// Calls back with the key and its new value (null: taken away) when another tab has changed something.
export function onOtherTab(callback) {
  addEventListener('storage', (event) => {
    if (event.key?.startsWith(kPrefix)) callback(event.key.slice(kPrefix.length), parse(event.newValue, null));
  });
}
