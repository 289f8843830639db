// What the tests of the page share: browsers with the page in them, and the parts of the page by role and label.
import assert from 'node:assert/strict';

const kPatienceMs = 60_000; // for what must come; nothing is expected to take that long, on no machine

// A fresh browser. `store`: what its pages find in localStorage, once. Whatever a test does: no request leaves the
// machine, nothing fails in the script.
export async function openBrowser(t, browser, { store = {}, ...options } = {}) {
  const own = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  own.setDefaultTimeout(kPatienceMs);
  const faults = [];
  own.on('page', (page) => page.on('pageerror', (error) => faults.push(error.message)));
  own.on('request', (request) => {
    if (!/^(data:|blob:|http:\/\/(127\.0\.0\.1|localhost):)/.test(request.url()))
      faults.push(`asked for ${request.url()}`);
  });
  await own.addInitScript((items) => {
    if (location.protocol !== 'http:' || localStorage.getItem('seeded')) return;
    localStorage.setItem('seeded', 'yes');
    for (const [key, value] of Object.entries(items)) localStorage.setItem(`hadal.${key}`, JSON.stringify(value));
  }, store);
  t.after(async () => {
    await own.close();
    assert.deepEqual(faults, []);
  });
  return own;
}

export async function openTab(context, url) {
  const page = await context.newPage();
  await page.goto(url);
  await field(page).waitFor();
  return page;
}

// Conversations as the page has always kept them.
export function stored(messages, { id = 'kept', ...more } = {}) {
  const blank = { state: 'done', thoughts: '', failure: null, stats: null };
  const full = messages.map((message, i) => ({ id: `${id}-m${i}`, ...blank, ...message }));
  return {
    chats: [{ id, title: id, updated: Date.now() }],
    [`chat.${id}`]: { id, title: id, skipped: 0, messages: full, ...more },
    open: id,
  };
}
// Questions and answers in turn.
export const turns = (...texts) => texts.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content }));

export const field = (page) => page.getByRole('textbox', { name: 'Message', exact: true });
export const answers = (page) => page.getByRole('article', { name: 'Answer' });
export const questions = (page) => page.getByRole('article', { name: 'You' });
export const stopButton = (page) => page.getByRole('button', { name: 'Stop the answer' });
export const list = (page) => page.getByRole('navigation', { name: 'Conversations' });
export const button = (page, name) => page.getByRole('button', { name, exact: true });

export async function ask(page, text) {
  await field(page).fill(text);
  await page.keyboard.press('Enter');
}
export async function streaming(page) {
  await stopButton(page).waitFor();
}
export async function finished(page) {
  await stopButton(page).waitFor({ state: 'detached' });
}
export async function asked(page) {
  return (await questions(page).locator('.bubble').allTextContents()).map((text) => text.trim());
}
export async function answered(page) {
  return (await answers(page).locator('.prose').allTextContents()).map((text) => text.trim());
}
// Waits until the page shows these questions, or answers, and no others.
export async function shows(page, { questions: wantedQuestions, answers: wantedAnswers }) {
  if (wantedQuestions)
    await until(
      async () => same(await asked(page), wantedQuestions),
      async () => `questions ${await asked(page)}`,
    );
  if (wantedAnswers)
    await until(
      async () => same(await answered(page), wantedAnswers),
      async () => `answers ${await answered(page)}`,
    );
}
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export async function until(condition, what) {
  const end = Date.now() + kPatienceMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not happen: ${typeof what === 'function' ? await what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
