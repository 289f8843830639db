// What the browser keeps: the list of conversations, each conversation by itself, drafts, settings. A browser that
// keeps nothing (private mode, storage full) costs the memory of the conversation, never the conversation on the screen.
const kPrefix = 'hadal.';

export function load(key, fallback) {
  try {
    const text = localStorage.getItem(kPrefix + key);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

// False when it could not be kept.
export function save(key, value) {
  try {
    localStorage.setItem(kPrefix + key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function forget(key) {
  try {
    localStorage.removeItem(kPrefix + key);
  } catch {
    // nothing was kept
  }
}

// Calls back with the key when another tab has changed something.
export function onOtherTab(callback) {
  addEventListener('storage', (event) => {
    if (event.key?.startsWith(kPrefix)) callback(event.key.slice(kPrefix.length));
  });
}
