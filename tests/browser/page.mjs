// The page in front of a real server and model: what only they can show. Everything else is tested with a stand-in that
// answers on command (stand_in.mjs), because how long a model takes is no test's business.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer, stopServer } from '../end_to_end/serve.mjs';
import { launch } from './chromium.mjs';
import { ask, asked, finished, openBrowser, openTab, shows, streaming, until } from './driver.mjs';

let browser, server;
before(async () => {
  server = await startServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (server) await stopServer(server);
});

const kSettings = { temperature: 0, maxTokens: 12 };
async function open(t, settings = kSettings) {
  return openTab(await openBrowser(t, browser, { store: { settings } }), server.url);
}
async function post(body) {
  const options = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  return (await (await fetch(`${server.url}/v1/chat/completions`, options)).json()).choices[0].message.content;
}

test('shows the answer that the API gives, and keeps it', async (t) => {
  const messages = [{ role: 'user', content: 'Hello!' }];
  const answer = (await post({ messages, temperature: 0, max_tokens: 12 })).trim();
  const page = await open(t);
  await page.getByText('runs on this server').waitFor();
  await ask(page, 'Hello!');
  await finished(page);
  await shows(page, { answers: [answer] });
  await page.reload();
  await shows(page, { questions: ['Hello!'], answers: [answer] });
});

test('a stopped answer stops in the server too', async (t) => {
  const page = await open(t, {});
  await page.route('**/v1/chat/completions', (route) => {
    route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), ignore_eos: true }) });
  });
  const running = async () => (await (await fetch(`${server.url}/health`)).json()).running;
  await ask(page, 'Tell me a story.');
  await streaming(page);
  await page.keyboard.press('Escape');
  await finished(page);
  await until(async () => (await running()) === 0, 'the server stops');
});

test('shows why the server refuses, and does not ask that again', async (t) => {
  const page = await open(t);
  const long = 'deep '.repeat(20_000).trim();
  await ask(page, long);
  await page
    .getByRole('alert')
    .getByText(/tokens/)
    .waitFor();
  const sent = page.waitForRequest((request) => request.method() === 'POST');
  await ask(page, 'short');
  assert.deepEqual((await sent).postDataJSON().messages, [{ role: 'user', content: 'short' }]);
  await finished(page);
  assert.deepEqual(await asked(page), [long, 'short']);
});
