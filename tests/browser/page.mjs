// The page in a real browser, in front of a real server and model.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, startServer, stopServer } from '../end_to_end/serve.mjs';
import { launch } from './chromium.mjs';

let server, browser;
before(async () => {
  server = await startServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (server) await stopServer(server);
});

const kShort = { maxTokens: 12 };

// A fresh browser with this page in it; `endless` makes answers as long as the context, so that there is time to stop
// them. Whatever a test does: no request leaves the machine, nothing fails in the script.
async function open(t, { settings = kShort, store = {}, url = server.url, endless = false, ...context } = {}) {
  const own = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...context });
  const page = await own.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => {
    if (!/^(data:|http:\/\/127\.0\.0\.1:)/.test(request.url())) faults.push(`asked for ${request.url()}`);
  });
  if (endless) {
    await page.route('**/v1/chat/completions', (route) => {
      route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), ignore_eos: true }) });
    });
  }
  const kept = { settings: endless ? {} : settings, ...store };
  await page.addInitScript((items) => {
    if (sessionStorage.getItem('seeded')) return;
    sessionStorage.setItem('seeded', 'yes');
    for (const [key, value] of Object.entries(items)) localStorage.setItem(`hadal.${key}`, JSON.stringify(value));
  }, kept);
  await page.goto(url);
  t.after(async () => {
    await own.close();
    assert.deepEqual(faults, []);
  });
  return page;
}

const field = (page) => page.getByRole('textbox', { name: 'Message', exact: true });
const answers = (page) => page.getByRole('article', { name: 'Answer' });
const stopButton = (page) => page.getByRole('button', { name: 'Stop the answer' });

async function ask(page, text) {
  await field(page).fill(text);
  await page.keyboard.press('Enter');
}
async function askAndWait(page, text) {
  await ask(page, text);
  await finished(page);
}
async function finished(page) {
  await stopButton(page).waitFor({ state: 'detached', timeout: 30_000 });
}
async function textOf(page) {
  return answers(page).last().locator('.prose').textContent();
}
async function streaming(page) {
  await stopButton(page).waitFor();
  const prose = answers(page).last().locator('.prose');
  await eventually(async () => (await prose.count()) && (await textOf(page)).length > 20, 'text comes');
}

test('types, streams, stops and survives a reload', async (t) => {
  const page = await open(t, { endless: true });
  await ask(page, 'Tell me a story about the sea.');
  await streaming(page);
  const lengths = new Set();
  await eventually(async () => lengths.add((await textOf(page)).length).size >= 4, 'the answer grows in pieces');
  await stopButton(page).click();
  await finished(page);
  await page.getByText('Stopped.').waitFor();
  const text = await textOf(page);
  const running = async () => (await (await fetch(`${server.url}/health`)).json()).running;
  await eventually(async () => (await running()) === 0, 'the server stops too');
  assert.equal(await textOf(page), text);

  await page.reload();
  await page.getByRole('article', { name: 'You' }).getByText('Tell me a story about the sea.').waitFor();
  assert.equal(await textOf(page), text);
  assert.match(await page.title(), /Tell me a story/);
});

test('keeps what had come when the page is closed in mid-answer', async (t) => {
  const page = await open(t, { endless: true });
  await ask(page, 'Tell me a story.');
  await streaming(page);
  const before = await textOf(page);
  await page.reload();
  await page.getByText('Stopped.').waitFor();
  assert.ok((await textOf(page)).startsWith(before.slice(0, 20)));
});

test('regenerates', async (t) => {
  const page = await open(t);
  const bodies = [];
  page.on('request', (request) => request.method() === 'POST' && bodies.push(request.postDataJSON()));
  await askAndWait(page, 'Hello!');
  await page.getByRole('button', { name: 'Regenerate answer' }).click();
  await eventually(() => bodies.length === 2, 'the question is sent again');
  await finished(page);
  assert.equal(await answers(page).count(), 1);
  assert.deepEqual(bodies[1].messages, bodies[0].messages);
  assert.equal(bodies[0].max_tokens, kShort.maxTokens);
});

test('edits a message and sends it again', async (t) => {
  const page = await open(t);
  await askAndWait(page, 'first');
  await askAndWait(page, 'second');
  await page.getByRole('button', { name: 'Edit message' }).first().click();
  await page.getByRole('textbox', { name: 'Edit your message' }).fill('first, changed');
  await page.keyboard.press('Enter');
  await finished(page);
  assert.deepEqual(await page.locator('.bubble').allTextContents(), ['first, changed']);
  assert.equal(await answers(page).count(), 1);
});

test('works with the keyboard alone', async (t) => {
  const page = await open(t, { endless: true });
  const keyboard = page.keyboard;
  await keyboard.type('one'); // the field has the focus from the start
  await keyboard.press('Shift+Enter');
  await keyboard.type('two');
  assert.equal(await field(page).inputValue(), 'one\ntwo');
  await keyboard.press('Enter');
  await streaming(page);
  await keyboard.press('Escape');
  await finished(page);
  await keyboard.press('Control+k');
  assert.equal(await answers(page).count(), 0);
  await keyboard.type('three');
  await keyboard.press('Enter');
  await streaming(page);
  await keyboard.press('Escape');
  await finished(page);

  const list = page.getByRole('navigation', { name: 'Conversations' });
  await list.getByRole('button', { name: 'one', exact: true }).focus();
  await keyboard.press('F2');
  await keyboard.type('the first');
  await keyboard.press('Enter');
  const renamed = list.getByRole('button', { name: 'the first', exact: true });
  await renamed.focus();
  await keyboard.press('Enter');
  await page.locator('.bubble', { hasText: 'one' }).waitFor();
  assert.ok(await field(page).evaluate((node) => node === document.activeElement), 'the field has the focus again');
  await keyboard.press('ArrowUp');
  await page.getByRole('textbox', { name: 'Edit your message' }).waitFor();
  await keyboard.press('Escape');
});

test('keeps conversations apart, deletes one and brings it back', async (t) => {
  const page = await open(t);
  await askAndWait(page, 'about fish');
  await page.getByRole('button', { name: 'New conversation' }).click();
  await field(page).fill('a draft');
  const list = page.getByRole('navigation', { name: 'Conversations' });
  await list.getByRole('button', { name: 'about fish', exact: true }).click();
  assert.equal(await field(page).inputValue(), '');
  await page.getByRole('button', { name: 'New conversation' }).click();
  assert.equal(await field(page).inputValue(), 'a draft');
  await page.keyboard.press('Enter');
  await finished(page);
  assert.equal(await list.getByRole('listitem').count(), 2);
  await list.getByRole('button', { name: 'Delete about fish' }).click();
  assert.equal(await list.getByRole('listitem').count(), 1);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.locator('.bubble', { hasText: 'about fish' }).waitFor();
  assert.equal(await list.getByRole('listitem').count(), 2);
});

test('says that the server is gone, loses nothing, and goes on when it is back', async (t) => {
  const own = await startServer();
  const page = await open(t, { url: own.url, endless: true });
  await page.getByText('runs on this server').waitFor();
  await ask(page, 'before');
  await streaming(page);
  await stopServer(own, 'SIGKILL');
  await page.getByRole('alert').getByText('The connection broke').waitFor();
  assert.ok((await textOf(page)).length > 20, 'what had come stays');
  await ask(page, 'while it is gone');
  await page.getByRole('alert').getByText('cannot be reached').waitFor();
  await page.locator('.bubble', { hasText: 'while it is gone' }).waitFor();

  const again = await startServer(own.port);
  t.after(() => stopServer(again));
  await page.getByRole('button', { name: 'Try again' }).last().click();
  await streaming(page);
  await page.keyboard.press('Escape');
  await finished(page);
  await page.locator('.banner').waitFor({ state: 'detached' });
});

test('shows why the server refuses', async (t) => {
  const page = await open(t);
  const long = 'deep '.repeat(20_000);
  await ask(page, long);
  await page.getByRole('alert').getByText(/tokens/).waitFor();
  assert.equal((await page.locator('.bubble').textContent()).trim(), long.trim());
  const sent = page.waitForRequest((request) => request.method() === 'POST');
  await ask(page, 'short'); // the refused question is not sent again
  assert.deepEqual((await sent).postDataJSON().messages, [{ role: 'user', content: 'short' }]);
  await finished(page);
  await answers(page).last().locator('.prose').waitFor();
});

test('sends the settings, and keeps them', async (t) => {
  const page = await open(t, { settings: {} });
  await page.getByRole('button', { name: 'Settings', exact: true }).click();
  await page.getByLabel('Instructions').fill('Be brief.');
  await page.getByLabel('Temperature').fill('0');
  await page.getByLabel('Longest answer').fill('5');
  await page.keyboard.press('Escape');
  await page.reload();
  const sent = page.waitForRequest((request) => request.method() === 'POST');
  await ask(page, 'Hello!');
  const body = (await sent).postDataJSON();
  assert.deepEqual(body.messages, [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Hello!' }]);
  assert.equal(body.temperature, 0);
  assert.equal(body.max_tokens, 5);
  await finished(page);
});

test('has light and dark colours, by the system and by choice', async (t) => {
  const page = await open(t, { colorScheme: 'dark' });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  await page.getByRole('button', { name: 'Light colours' }).click();
  const light = await background();
  assert.notEqual(light, dark);
  await page.reload();
  assert.equal(await background(), light);
});

test('fits a phone', async (t) => {
  const page = await open(t, { viewport: { width: 360, height: 700 } });
  await askAndWait(page, 'wide '.repeat(50) + 'x'.repeat(300));
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide`);
  await page.getByRole('button', { name: 'Conversations', exact: true }).click();
  const entry = page.getByRole('navigation', { name: 'Conversations' }).getByRole('button').first();
  await entry.click();
  await entry.waitFor({ state: 'hidden' });
});

// One conversation as the page keeps it.
function stored(messages) {
  const blank = { state: 'done', thoughts: '', failure: null, stats: null };
  const full = messages.map((message, i) => ({ id: `m${i}`, ...blank, ...message }));
  const chat = { id: 'kept', title: 'kept', skipped: 0, messages: full };
  return { chats: [{ id: 'kept', title: 'kept', updated: Date.now() }], 'chat.kept': chat, open: 'kept' };
}

test('shows what a model writes, and runs none of it', async (t) => {
  const content = [
    '<think>Is this **safe**?</think># Title',
    '**bold** <img src=x onerror="window.ran = 1"> <script>window.ran = 1</script>',
    '[link](javascript:window.ran=1) ![picture](http://198.51.100.1/x.png) <https://example.org>',
    '```js\nlet a = "</code>";\n```',
  ].join('\n\n');
  const messages = [{ role: 'user', content: 'Show it.' }, { role: 'assistant', content }];
  const page = await open(t, { store: stored(messages) });
  const prose = answers(page).locator('.prose');
  await prose.getByRole('heading', { name: 'Title' }).waitFor();
  assert.equal(await prose.locator('img, script, iframe, [onerror], a[href^="javascript"]').count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.equal((await prose.locator('pre code').textContent()).trim(), 'let a = "</code>";');
  assert.equal(await prose.locator('a').getAttribute('rel'), 'noopener noreferrer');
  await page.getByText('Thoughts').click();
  await page.getByText('Is this **safe**?').waitFor();
});

test('a long conversation costs an answer nothing: only the message that grows is rendered', async (t) => {
  const paragraph = 'The sea is **deep** and `dark`, and nobody has seen all of it.\n\n- one\n- two\n\n'.repeat(5);
  const messages = Array.from({ length: 500 }, (_, i) => [
    { role: 'user', content: `question ${i}` },
    { role: 'assistant', content: paragraph },
  ]).flat();
  const kept = stored(messages);
  kept['chat.kept'].skipped = 998;
  const page = await open(t, { endless: true, store: kept });
  await field(page).waitFor();
  await ask(page, 'Go on.');
  await streaming(page);
  await page.evaluate(() => {
    window.changes = { last: 0, earlier: 0 };
    new MutationObserver((list) => {
      const last = [...document.querySelectorAll('article')].at(-1);
      for (const { target } of list) {
        const node = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
        const article = node?.closest('article');
        if (article) window.changes[article === last ? 'last' : 'earlier'] += 1;
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await page.waitForFunction(() => window.changes.last > 5);
  const changes = await page.evaluate(() => window.changes);
  assert.equal(changes.earlier, 0);
  await page.keyboard.press('Escape');
  await finished(page);
});
