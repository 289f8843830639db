// The page of a cluster in front of a real daemon: who waits, what runs, curves with keys, decisions with their reasons.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from './chromium.mjs';
import { openBrowser, until } from './driver.mjs';

const kWhy = 'half the rate <img src=x onerror="window.ran = 1">';
// Writes three points of a metric and then stays until it is asked to save.
const kProgram = `echo hello
for i in 1 2 3; do echo "{\\"step\\":$i,\\"tokens\\":$((i * 1000)),\\"loss\\":$((5 - i)).5}" >> metrics.jsonl; done
trap 'exit 3' USR1
while :; do sleep 0.1; done`;

let browser, daemon, url, folder, token;
const hadal = (...words) =>
  execFileSync(process.env.HADAL_BINARY, words, { encoding: 'utf8', env: { ...process.env, HADAL_CLUSTER: folder } });
const submit = (idea, slots) =>
  JSON.parse(hadal('idea', 'submit', '--json', '--idea', idea, '--why', kWhy, '--slots', String(slots), '--metric', 'loss', '--', 'bash', '-c', kProgram)).run;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hadal-cluster-'));
  daemon = spawn(process.env.HADAL_BINARY, ['cluster', 'serve', '--dir', folder, '--port', '0', '--slots', '2'], { stdio: ['ignore', 'ignore', 'pipe'] });
  url = await new Promise((found, failed) => {
    let text = '';
    daemon.stderr.on('data', (piece) => {
      text += piece;
      const line = /listening on (\S+)/.exec(text);
      if (line) found(line[1]);
    });
    daemon.on('exit', () => failed(new Error(text)));
  });
  token = JSON.parse(hadal('cluster', 'user', 'add', 'reader', '--lead', '--json')).token;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  for (const { run, state } of JSON.parse(hadal('idea', 'show', 'slow', '--json')).runs)
    if (!/done|failed|stopped/.test(state)) hadal('idea', 'stop', run, '--why', 'the test is over');
  daemon.removeAllListeners('exit');
  daemon.kill('SIGTERM');
  await new Promise((ended) => daemon.on('exit', ended));
  rmSync(folder, { recursive: true, force: true });
});

async function open(t) {
  const page = await (await openBrowser(t, browser)).newPage();
  await page.goto(url);
  await page.getByLabel(/Your token/).fill('not-a-token');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('does not know this token').waitFor();
  await page.getByLabel(/Your token/).fill(token);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Machines' }).waitFor();
  return page;
}

test('what runs, who waits, a curve by keys, and why each thing was decided', async (t) => {
  const first = submit('slow', 2);
  const second = submit('slow', 2);
  const page = await open(t);

  const machine = page.getByRole('region', { name: 'Machines' });
  await machine.getByText('2 of 2 slots').waitFor();
  await machine.getByRole('link', { name: first }).waitFor();
  const line = page.getByRole('region', { name: 'Waiting' }).getByRole('row').nth(1);
  assert.match(await line.textContent(), new RegExp(`^1${second}slow`));
  const idea = page.getByRole('region', { name: 'Ideas' }).getByRole('row').nth(1);
  assert.ok((await idea.textContent()).includes(kWhy), 'markup is text');
  await idea.getByText('2.5').waitFor(); // the best loss, once it was read

  await machine.getByRole('link', { name: first }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: `${first} running` }).waitFor();
  const chart = page.getByRole('slider', { name: 'loss' });
  await chart.focus();
  await page.keyboard.press('Home');
  assert.equal(await chart.getAttribute('aria-valuetext'), `1k tokens: ${first} 4.5000`);
  await page.keyboard.press('End');
  assert.equal(await chart.getAttribute('aria-valuetext'), `3k tokens: ${first} 2.5000`);
  const decisions = page.getByRole('region', { name: 'Decisions' });
  await decisions.getByText(`${first} starts with 2 slots`, { exact: false }).waitFor();
  assert.equal(await page.getByRole('region', { name: 'The end of its log' }).last().textContent(), 'hello\n');

  hadal('idea', 'suspend', first, '--why', 'another goes first');
  await page.getByRole('heading', { name: `${first} suspended` }).waitFor();
  await decisions.getByText('another goes first').first().waitFor();
  await page.getByRole('link', { name: 'All ideas' }).click();
  await machine.getByRole('link', { name: second }).waitFor();
  assert.equal(await page.evaluate(() => window.ran), undefined);
});

test('a daemon that is gone is said, and the page comes back with it', async (t) => {
  const page = await open(t);
  await page.route('**/api/cluster/**', (route) => route.abort());
  await page.getByRole('alert').getByText('The daemon does not answer').waitFor();
  await page.unroute('**/api/cluster/**');
  await until(async () => (await page.getByRole('alert').count()) === 0, () => page.getByRole('alert').allTextContents());
});
