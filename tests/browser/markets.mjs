// The view of markets, runs and paper accounts in front of the real program, with data of its own: by keys alone, on a
// phone, dark, right to left, and while a paper account changes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startServer, stopServer } from '../end_to_end/serve.mjs';
import { launch } from './chromium.mjs';
import { openBrowser, stored, turns, until } from './driver.mjs';

const kAxe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const kHostile = '</script><img src=x onerror="window.ran = 1">\u202eعربي';

let browser, server, folder, found, nothing;
const hadal = (...words) => execFileSync(process.env.HADAL_BINARY, ['market', ...words], { cwd: folder, encoding: 'utf8' });
const figuresOf = (id) => JSON.parse(readFileSync(join(folder, 'runs', id, 'figures.json')));

// As a paper run writes it: whole, then renamed.
function writeStatus(name, changes = {}) {
  const state = join(folder, 'runs/paper', name);
  mkdirSync(state, { recursive: true });
  const status = {
    strategy: 'etf.toml', market: 'made', profile: 'ib_us', started: '2026-01-05T09:00:00Z', updated: '2026-01-09T21:00:03Z',
    session: '2014-06-09', sessions: 12, start_equity: '100000', equity: '101234.5', cash: '2345.25',
    positions: [{ symbol: 'AAPL', quantity: '10', close: '93.7', value: '937' }],
    orders_next: [{ symbol: 'AAPL', quantity: '-3', type: 'limit', limit: '95', stop: null, tif: 'GTC', order: 17, decided: '2014-06-09', close: '93.7' }],
    feed: { lines: 99, repeated: 0, restated: 1, late: 0, broken: 0, unknown: 0, source: 'tcp://127.0.0.1:9000', connected: true },
    expected: { run: `runs/${found}`, from: '2010-01-04', to: '2013-12-31', sessions: 1006, mean: 0.0004, sd: 0.01, came: 0.01, came_sessions: 11, expected: 0.0044, z: 0.17 },
    equity_curve: [['2014-06-06', 100500], ['2014-06-09', 101234.5]],
    finished: false,
    ...changes,
  };
  writeFileSync(join(state, 'status.tmp'), JSON.stringify(status));
  renameSync(join(state, 'status.tmp'), join(state, 'status.json'));
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hadal-markets-'));
  hadal('synth', 'made', '--instruments', '12', '--days', '420', '--signal', '0.4', '--faults', '5');
  hadal('import', 'made', 'made/bars.csv');
  hadal('init', 'made', '--out', 'idea.toml');
  found = JSON.parse(hadal('backtest', 'idea.toml', '--json')).run.split('/').at(-1);
  // The same run as it would be without a signal, and one with names that are no markup.
  nothing = 'without-signal';
  const figures = figuresOf(found);
  figures.strategy.name = 'dull';
  figures.forecast.finding = 'nothing';
  figures.forecast.headline = 'ridge does not beat the naive forecaster "momentum": nothing found';
  mkdirSync(join(folder, 'runs', nothing));
  writeFileSync(join(folder, 'runs', nothing, 'figures.json'), JSON.stringify(figures));
  figures.strategy.name = figures.data.market = figures.forecast.headline = kHostile;
  mkdirSync(join(folder, 'runs/hostile'));
  writeFileSync(join(folder, 'runs/hostile/figures.json'), JSON.stringify(figures));
  mkdirSync(join(folder, 'runs/torn'));
  writeFileSync(join(folder, 'runs/torn/figures.json'), '{"run": ');
  writeStatus('etf');
  server = await startServer(0, [], { cwd: folder });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (server) await stopServer(server);
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function open(t, hash, options) {
  const page = await (await openBrowser(t, browser, options)).newPage();
  await page.goto(`${server.url}/${hash}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  return page;
}
const heading = (page, name) => page.getByRole('heading', { name });
const settled = (page) => until(async () => (await page.locator('.markets [role=status]').getByText('…').count()) === 0, 'everything is read');

// Goes there without loading the page anew, and waits until it is read, and unfolds so many tables.
async function show(page, hash, unfolded = Infinity) {
  await page.evaluate((to) => (location.hash = to), hash);
  const item = decodeURIComponent(hash.split('/')[1] ?? 'Markets');
  await until(async () => (await page.title()).startsWith(`${item} – `), () => page.title());
  await settled(page);
  await page.evaluate((most) => document.querySelectorAll('.markets details').forEach((details, i) => (details.open = i < most)), unfolded);
}
// No violation that axe-core knows of, with everything unfolded.
async function accessible(page, what, rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']) {
  const { violations } = await page.evaluate((runOnly) => axe.run(document, { runOnly }), rules);
  assert.deepEqual(violations.map(({ id, nodes }) => `${what}: ${id}: ${nodes.map((n) => `${n.html} ${n.failureSummary}`).slice(0, 3)}`), []);
}
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
// Presses Tab until the element that has the focus is called so.
async function tabTo(page, name) {
  for (let i = 0; i < 200; ++i) {
    await page.keyboard.press('Tab');
    const text = await page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim());
    if (name.test(text)) return;
  }
  assert.fail(`Tab does not reach ${name}`);
}

test('keys alone lead from the conversation to a figure of a memo, and back', async (t) => {
  const page = await open(t, '');
  await page.keyboard.press('Control+/');
  await page.locator('body').press('Home');
  await page.evaluate(() => document.activeElement.blur());
  await tabTo(page, /^Markets$/);
  await page.keyboard.press('Enter');
  await until(async () => (await page.evaluate(() => document.activeElement.textContent)) === 'Markets', 'the heading has the focus');
  assert.equal(new URL(page.url()).hash, '#markets');
  await settled(page);
  await tabTo(page, /^Signal\s+idea$/);
  await page.keyboard.press('Enter');
  await heading(page, /Signal idea/).waitFor();
  assert.equal(new URL(page.url()).hash, `#runs/${found}`);
  assert.match(await page.title(), new RegExp(`^${found} – Markets`));

  await tabTo(page, /^Equity at each close$/);
  const { time, equity } = figuresOf(found).series;
  const chart = page.getByRole('slider', { name: 'Equity at each close' });
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  assert.match(await chart.getAttribute('aria-valuetext'), new RegExp(`^${time[1]}: strategy ${equity[1].toFixed(2)}`));
  await tabTo(page, /^Table/);
  await page.keyboard.press('Enter');
  await page.getByRole('rowheader', { name: time[0], exact: true }).first().waitFor();

  await page.locator('.memo .bound').first().focus();
  const tip = page.getByRole('tooltip');
  await page.keyboard.press('End');
  await tip.waitFor();
  const last = await page.locator('.memo .bound').last().textContent();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), last);
  assert.match(await tip.textContent(), /^\s*[a-z_]+(\.[\w]+)* \S/);
  await page.keyboard.press('Escape');
  await tip.waitFor({ state: 'detached' });

  await page.goBack();
  await heading(page, 'Markets').waitFor();
  await page.goBack();
  await page.getByRole('textbox', { name: 'Message', exact: true }).waitFor();
  await page.goForward();
  await heading(page, 'Markets').waitFor();
});

test('lists markets with their health and runs with finding and tries, and says what is damaged', async (t) => {
  const page = await open(t, '#markets');
  await settled(page);
  const market = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: 'made', exact: true }) });
  await market.getByText(/fault/).waitFor();
  const run = (name) => page.getByRole('listitem').filter({ has: page.getByRole('link', { name }) });
  const { trials } = figuresOf(found);
  await run(/^Signal idea$/).getByText(`Try 1 of ${trials} on these dates`).waitFor();
  const [signal, none] = await Promise.all([/^Signal idea$/, /^Nothing found dull$/].map((name) =>
    run(name).locator('.finding').evaluate((e) => [e.getBoundingClientRect().height, getComputedStyle(e).fontSize, getComputedStyle(e).fontWeight])));
  assert.deepEqual(none, signal, 'nothing found is as prominent as a signal');
  await run(/^Cannot be read torn$/).getByText(/figures\.json/).waitFor();
  await page.getByRole('link', { name: 'made', exact: true }).click();
  await heading(page, 'Tries').waitFor();
  await page.getByRole('link', { name: found }).click();
  await heading(page, /Signal idea/).waitFor();
});

test('a link to another name of this machine keeps its place, with and without conversations', async (t) => {
  const local = server.url.replace('127.0.0.1', 'localhost');
  for (const store of [{}, stored(turns('here', 'yes'))]) {
    const page = await (await openBrowser(t, browser, { store })).newPage();
    await page.goto(`${local}/#runs/${found}`);
    await heading(page, /Signal idea/).waitFor();
    assert.equal(page.url(), `${server.url}/#runs/${found}`);
  }
});

test('every number of the memo is bound to a figure', async (t) => {
  const page = await open(t, `#runs/${found}`);
  const memo = page.locator('.memo .prose');
  await memo.waitFor();
  const rest = await memo.evaluate((box) => {
    const copy = box.cloneNode(true);
    for (const button of copy.querySelectorAll('.bound')) button.remove();
    return copy.textContent;
  });
  assert.doesNotMatch(rest, /\d/);
  const first = memo.locator('.bound').first();
  await first.hover();
  await page.getByRole('tooltip').waitFor();
  assert.equal(await page.locator('.memo h1, .memo h2').count(), 0, 'its headings stand below those of the page');
});

test('a paper account changes while it is looked at, also after the connection was lost', async (t) => {
  writeStatus('live');
  const page = await open(t, '#paper/live');
  const live = page.locator('.live');
  await live.getByText('Live. 2014-06-09: equity 101,234.50, 1 position, 1 order for the next session.').waitFor();
  assert.equal(await live.getAttribute('role'), 'status');
  await page.getByRole('row', { name: 'AAPL -3 limit 95 – GTC 93.7' }).waitFor();
  writeStatus('live', { session: '2014-06-10', equity: '99000', orders_next: [], positions: [] });
  await live.getByText('2014-06-10: equity 99,000.00, 0 positions, 0 orders').waitFor();
  await page.getByText('None: nothing is to be ordered.').waitFor();
  await page.getByText('None: all of it is cash.').waitFor();

  const { port } = server;
  const stopped = Date.now();
  await stopServer(server);
  assert.ok(Date.now() - stopped < 5000, 'a stream without an end does not keep a server that stops');
  await live.getByText('The connection is lost').waitFor();
  writeStatus('live', { session: '2014-06-11', finished: true });
  server = await startServer(port, [], { cwd: folder });
  await live.getByText(/^Finished.*2014-06-11/).waitFor();
});

test('a paper account waits for nothing else, and a tab that nobody sees holds no connection', async (t) => {
  const context = await openBrowser(t, browser);
  await context.route(/\/v1\/|\/health$|\/api\/(markets|runs)/, () => {}); // none of them is ever answered
  const page = await context.newPage();
  let asked = 0;
  page.on('request', (request) => (asked += request.url().endsWith('/api/paper/etf')));
  await page.goto(`${server.url}/#paper/etf`);
  const live = page.locator('.live');
  await live.getByText(/^Live\. 2014-06-09/).waitFor();
  await page.getByText('The returns of 11 sessions add up to 1.00%; by the backtest 0.44% were expected').waitFor();
  const turn = (hidden) => page.evaluate((now) => {
    Object.defineProperty(document, 'hidden', { value: now, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  const ended = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/api/paper/etf'));
  await turn(true);
  await ended;
  writeStatus('etf', { session: '2014-06-12' });
  assert.equal(asked, 1);
  await turn(false);
  await live.getByText(/^Live\. 2014-06-12/).waitFor();
  assert.equal(asked, 2);
  writeStatus('etf');
  await live.getByText(/^Live\. 2014-06-09/).waitFor();
});

test('the tries of a market say where each is kept', async (t) => {
  const context = await openBrowser(t, browser);
  await context.route('**/api/markets/made', async (route) => {
    const market = await (await route.fetch()).json();
    assert.deepEqual(market.tries.map(({ kind, run }) => [kind, run]), [['run', found]]);
    const [first] = market.tries;
    market.tries.push({ ...first, kind: 'paper', run: null, paper: 'etf' }, { ...first, kind: 'paper', run: null }, { ...first, kind: 'deleted', run: null });
    await route.fulfill({ json: market });
  });
  const page = await context.newPage();
  await page.goto(`${server.url}/#markets/made`);
  const tries = page.getByRole('region', { name: 'Tries' });
  await tries.getByRole('rowheader', { name: 'paper account', exact: true }).waitFor();
  await tries.getByRole('rowheader', { name: 'deleted' }).waitFor();
  await tries.getByRole('link', { name: 'paper account etf' }).click();
  await heading(page, /etf/).waitFor();
});

test('axe-core finds nothing, light and dark', async (t) => {
  const page = await open(t, '#markets');
  await page.evaluate(kAxe);
  for (const hash of ['#markets', '#markets/made', `#runs/${found}`, '#paper/etf', '#runs/torn', '#paper/none']) {
    await page.emulateMedia({ colorScheme: 'light' });
    await show(page, hash, 1);
    await accessible(page, `light ${hash}`);
    await page.emulateMedia({ colorScheme: 'dark' });
    await accessible(page, `dark ${hash}`, ['color-contrast']);
  }
});

test('fits 320 pixels, right to left too', async (t) => {
  const page = await open(t, '#markets', { viewport: { width: 320, height: 640 } });
  for (const direction of ['ltr', 'rtl']) {
    for (const hash of ['#markets', '#markets/made', `#runs/${found}`, '#paper/etf', '#runs/hostile', '#runs/torn']) {
      await page.evaluate((dir) => (document.documentElement.dir = dir), direction);
      await show(page, hash);
      assert.ok(await fits(page), `${direction} ${hash}`);
      const column = page.locator('.markets');
      assert.ok(await column.evaluate((e) => e.scrollWidth <= e.clientWidth + 1), `${direction} ${hash}: the column`);
    }
  }
  await page.goto(`${server.url}/`);
  await page.getByRole('button', { name: 'Conversations', exact: true }).click();
  await page.getByRole('link', { name: 'Markets' }).click();
  await heading(page, 'Markets').waitFor();
});

test('what stands in names is shown and does nothing; what is not there says what to do', async (t) => {
  const page = await open(t, '#runs/hostile');
  await page.locator('h1').getByText('<img src=x').waitFor();
  await settled(page);
  assert.equal(await page.locator('.markets img, .markets script').count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  for (const [hash, words] of [['#runs/none', /no run none/], ['#markets/no%20such', /no market no such/], ['#runs/torn', /figures\.json/], ['#paper/none', /no paper account/], ['#runs/%2e%2e%2f%2e%2e', /nothing at/]]) {
    await show(page, hash);
    await page.getByRole('alert').getByText(words).waitFor();
  }
  await page.evaluate(() => (location.hash = '#markets/..'));
  await heading(page, 'Markets').waitFor();
});

test('an empty folder says what to type', async (t) => {
  const empty = mkdtempSync(join(tmpdir(), 'hadal-none-'));
  const other = await startServer(0, [], { cwd: empty });
  t.after(async () => {
    await stopServer(other);
    rmSync(empty, { recursive: true });
  });
  const page = await (await openBrowser(t, browser)).newPage();
  await page.goto(`${other.url}/#markets`);
  await page.getByText('./run market demo').first().waitFor();
  await page.getByText('./run market backtest STRATEGY.toml').waitFor();
  await page.getByText('./run market paper STRATEGY.toml --feed FILE').waitFor();
});
