import { load, onOtherTab, save } from './storage.js';

const kDefaults = { theme: 'system', temperature: null, maxTokens: null, thinking: null, system: '' };

// null: the server's own default.
export const settings = $state({ ...kDefaults, ...load('settings', {}) });

export function saveSettings() {
  save('settings', settings);
}

export function resetSettings() {
  Object.assign(settings, kDefaults, { theme: settings.theme });
  saveSettings();
}

const darkSystem = matchMedia('(prefers-color-scheme: dark)');

export function isDark() {
  return settings.theme === 'dark' || (settings.theme === 'system' && darkSystem.matches);
}

export function applyTheme() {
  if (settings.theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = settings.theme;
}

// The other of light and dark; back to the system's choice when that is the same.
export function toggleTheme() {
  const next = isDark() ? 'light' : 'dark';
  settings.theme = (next === 'dark') === darkSystem.matches ? 'system' : next;
  applyTheme();
  saveSettings();
}

// What is set in one tab holds in all.
onOtherTab((key, value) => {
  if (key !== 'settings' || !value) return;
  Object.assign(settings, value);
  applyTheme();
});
