// The Research view in front of the real program: a question asked, followed and answered with quotes that open where
// they stand. Without a model, so that nothing depends on one.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startServer, stopServer } from '../end_to_end/serve.mjs';
import { launch } from './chromium.mjs';
import { button, field, openBrowser, until } from './driver.mjs';

const kNotes = `# The pump

We chose the pump P-12 on 2026-04-02 because it runs at 40 degrees. Its flow is 1,204 litres an hour – “enough”, said Åse.

The pump P-9 was too loud.
`;

let browser, server, folder;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hadal-research-'));
  mkdirSync(join(folder, 'notes'));
  writeFileSync(join(folder, 'notes', 'pump.md'), kNotes);
  writeFileSync(join(folder, 'notes', 'hostile <img src=x onerror=alert(1)>.md'), '# <script>window.ran = 1</script>\n\nThe gate G-7 opens at noon. <img src=x onerror="window.ran = 1">\n');
  const sources = `folder:${join(folder, 'notes')}`;
  server = await startServer(0, ['--research-sources', sources, '--research-folder', join(folder, 'runs')]);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (server) await stopServer(server);
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function open(t, options) {
  const page = await (await openBrowser(t, browser, options)).newPage();
  await page.goto(server.url);
  await field(page).waitFor();
  return page;
}
async function ask(page, question) {
  await button(page, 'Research').first().click();
  await page.getByRole('checkbox').uncheck();
  await page.getByRole('textbox', { name: 'Question' }).fill(question);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: question, level: 1 }).waitFor();
  await page.getByRole('status').getByText(/^Done/).waitFor();
}
const post = (path, body) =>
  fetch(`${server.url}${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

test('answers with quotes that open where they stand, by keyboard too', async (t) => {
  const page = await open(t);
  await ask(page, 'How many litres an hour is the flow?');
  const view = page.getByRole('region', { name: 'Research' });
  const quote = view.locator('blockquote', { hasText: '“enough”, said Åse.' }).first();
  await quote.waitFor();
  const cite = quote.locator('.cite').first();
  await cite.focus();
  await page.keyboard.press('Enter');
  const snapshot = page.getByRole('note', { name: 'The source as it was read' });
  await snapshot.waitFor();
  assert.match(await snapshot.locator('mark').textContent(), /Its flow is 1,204 litres an hour – “enough”, said Åse\.$/);
  assert.match(await snapshot.textContent(), /notes\/pump\.md/);
  await page.keyboard.press('Enter');
  await snapshot.waitFor({ state: 'detached' });

  await button(page, 'All questions').click();
  await page.getByRole('heading', { name: 'Earlier' }).waitFor();
  await page.getByRole('button', { name: /How many litres an hour/ }).first().click();
  await quote.waitFor();
});

test('says so when nothing answers', async (t) => {
  const page = await open(t);
  await ask(page, 'Who won the chess championship of Ruritania in 1911?');
  await page.getByText('Not found.').waitFor();
});

test('shows what a hostile file says, and runs none of it', async (t) => {
  const page = await open(t);
  await ask(page, 'When does the gate G-7 open?');
  await page.locator('blockquote', { hasText: 'The gate G-7 opens at noon' }).first().waitFor();
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.equal(await page.locator('.research img, .research script').count(), 0);
});

test('fits a phone', async (t) => {
  const page = await open(t, { viewport: { width: 360, height: 700 } });
  await button(page, 'Conversations').click();
  await ask(page, 'Which pump was too loud?');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
});

test('the API: events that resume, reports, and nothing that a request may not name', async () => {
  assert.equal((await post('/v1/research', { question: 'x', sources: ['folder:/'] })).status, 400);
  assert.equal((await post('/v1/research', { question: ' ' })).status, 400);
  assert.equal((await post('/v1/research', { question: 'x', budget: { pages: -1 } })).status, 400);
  for (const id of ['..', '%2e%2e', 'none', '..%2f..%2fetc'])
    assert.equal((await fetch(`${server.url}/v1/research/${id}/report.json`)).status, 404, id);

  const made = await post('/v1/research', { question: 'Which pump did we choose?', no_model: true, budget: { seconds: 60 } });
  assert.equal(made.status, 202);
  const { id } = await made.json();
  const state = async () => (await (await fetch(`${server.url}/v1/research/${id}`)).json()).state;
  await until(async () => (await state()) === 'done', state);
  const events = async (headers = {}) =>
    (await (await fetch(`${server.url}/v1/research/${id}/events`, { headers })).text())
      .split('\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)));
  const all = await events();
  assert.equal(all.at(-1).kind, 'end');
  const numbers = all.filter((event) => event.number).map((event) => event.number);
  assert.ok(numbers.length > 2);
  const rest = await events({ 'Last-Event-ID': String(numbers.at(-2)) });
  assert.deepEqual(rest.filter((event) => event.number).map((event) => event.number), numbers.slice(-1));

  const report = await (await fetch(`${server.url}/v1/research/${id}/report.json`)).json();
  assert.equal(report.found, true);
  const html = await fetch(`${server.url}/v1/research/${id}/report.html`);
  assert.match(html.headers.get('content-security-policy'), /default-src 'none'/);
  assert.match(await (await fetch(`${server.url}/v1/research/${id}/report.md`)).text(), /P-12/);
  const archive = new Uint8Array(await (await fetch(`${server.url}/v1/research/${id}/archive.warc.gz`)).arrayBuffer());
  assert.deepEqual([...archive.slice(0, 2)], [0x1f, 0x8b]);
  assert.equal((await post(`/v1/research/${id}/stop`, {})).status, 202);
});
