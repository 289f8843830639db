// The report of a backtest as a reader meets it: charts with a cursor, tables, dark, on paper, on a phone, without scripts.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { launch } from './chromium.mjs';
import { until } from './driver.mjs';

let browser, folder, report, figures;
const hadal = (...words) => execFileSync(process.env.HADAL_BINARY, ['market', ...words], { cwd: folder, encoding: 'utf8' });

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hadal-report-'));
  hadal('synth', 'made', '--instruments', '20', '--days', '700', '--signal', '0.3');
  hadal('import', 'made', 'made/bars.csv');
  hadal('init', 'made', '--out', 'idea.toml');
  const { run } = JSON.parse(hadal('backtest', 'idea.toml', '--json'));
  report = join(folder, run, 'report.html');
  figures = JSON.parse(readFileSync(join(folder, run, 'figures.json')));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

// Whatever a test does: the page asks for nothing but itself, and nothing fails in it.
async function open(t, { file = report, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, ...options });
  const page = await context.newPage();
  const url = pathToFileURL(file).href;
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (line) => line.type() === 'error' && faults.push(line.text()));
  page.on('request', (request) => request.url() !== url && faults.push(`asked for ${request.url()}`));
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  await page.goto(url);
  return page;
}
const chart = (page, title) => page.getByRole('slider', { name: title, exact: true });
const said = (page, title) => chart(page, title).getAttribute('aria-valuetext');
// How many of the chart's pixels have this colour of the page's style.
const painted = (page, title, name) =>
  chart(page, title).locator('canvas').evaluate((canvas, wanted) => {
    const dot = new OffscreenCanvas(1, 1).getContext('2d');
    dot.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(wanted);
    dot.fillRect(0, 0, 1, 1);
    const [r, g, b] = dot.getImageData(0, 0, 1, 1).data;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4)
      count += data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255;
    return count;
  }, name);
const kEquity = 'Equity at each close';
const kDrawdown = 'Drawdown: equity below its last peak';

test('every figure is drawn, says its command, and stands in a table', async (t) => {
  const page = await open(t);
  const all = await page.locator('figure').all();
  assert.ok(all.length >= 10, `${all.length} figures`);
  for (const figure of all) {
    const title = await figure.locator('figcaption').textContent();
    assert.equal(await figure.getByRole('slider', { name: title, exact: true }).locator('canvas').count(), 1, title);
    assert.match(await figure.locator('code').textContent(), /^hadal market (backtest|train) idea\.toml$/);
    const summary = figure.locator('summary');
    const points = Number(await figure.getByRole('slider').getAttribute('aria-valuemax')) + 1;
    const rows = await figure.locator('tbody tr').count();
    const stated = /one row in (\d+) of (\d+), and the last/.exec(await summary.textContent());
    if (stated) {
      const [step, count] = stated.slice(1).map(Number);
      assert.equal(count, points, title);
      assert.equal(rows, Math.ceil((count - 1) / step) + 1, title);
    } else {
      assert.equal(rows, points, title);
    }
    assert.equal(await figure.locator('table').isVisible(), false);
    await summary.click();
    assert.equal(await figure.locator('table').isVisible(), true);
  }
  for (const title of [kEquity, kDrawdown, 'Mean rank IC by month, on sessions that were not learned from'])
    assert.ok((await painted(page, title, '--c0')) > 50, title);
});

test('keys move the cursor of a chart, and the others follow', async (t) => {
  const page = await open(t);
  const { time, equity, hold, drawdown } = figures.series;
  const money = (value) => (value === null ? '-' : value.toFixed(2));
  const at = (i) =>
    `${time[i]}: strategy ${money(equity[i])}, the same instruments, bought and held ${money(hold[i])}`;
  const last = time.length - 1;
  assert.equal(await said(page, kEquity), at(last), 'without a cursor: where it ended');
  await chart(page, kEquity).focus();
  for (const [key, i] of [['Home', 0], ['ArrowLeft', 0], ['ArrowRight', 1], ['PageUp', 1 + Math.round(time.length / 10)], ['End', last], ['ArrowLeft', last - 1]]) {
    await page.keyboard.press(key);
    assert.equal(await said(page, kEquity), at(i), key);
    assert.equal(await chart(page, kEquity).getAttribute('aria-valuenow'), String(i), key);
    assert.equal(await chart(page, kEquity).locator('.readout b').textContent(), time[i]);
    await until(async () => (await said(page, kDrawdown)).startsWith(`${time[i]}: `), () => said(page, kDrawdown));
  }
  const shown = `${(drawdown[last - 1] * 100).toFixed(2)}%`;
  assert.equal(await said(page, kDrawdown), `${time[last - 1]}: drawdown ${shown.replace(/^-(0\.0*%)$/, '$1')}`);
});

test('the mouse moves the cursor, and the read-out stays where it left', async (t) => {
  const page = await open(t);
  const plot = chart(page, kEquity).locator('.u-over');
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const middle = figures.series.time[Math.round((figures.series.time.length - 1) / 2)];
  const near = async () => Math.abs(Date.parse((await said(page, kEquity)).slice(0, 10)) - Date.parse(middle)) < 5 * 86_400_000;
  await until(near, () => said(page, kEquity));
  await page.mouse.move(0, 0);
  assert.ok(await near());
});

test('light, dark and paper have their colours', async (t) => {
  const page = await open(t, { colorScheme: 'dark' });
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await paper(), 'rgb(15, 19, 24)');
  assert.ok((await painted(page, kEquity, '--c0')) > 50);
  await page.emulateMedia({ colorScheme: 'light' });
  await until(async () => (await painted(page, kEquity, '--c0')) > 50, 'light');
  assert.equal(await paper(), 'rgb(255, 255, 255)');
  await page.emulateMedia({ colorScheme: 'dark', media: 'print' });
  await until(async () => (await painted(page, kEquity, '--c0')) > 50, 'paper');
  assert.equal(await paper(), 'rgb(255, 255, 255)');
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).color), 'rgb(0, 0, 0)');
  await page.emulateMedia({ colorScheme: 'dark', media: null });
  await page.evaluate(() => addEventListener('beforeprint', () => (window.opened = document.querySelectorAll('details[open]').length)));
  assert.ok((await page.pdf()).length > 10_000);
  assert.equal(await page.evaluate(() => window.opened), await page.locator('details').count(), 'nothing is folded on paper');
  await until(async () => (await page.locator('details[open]').count()) === 0, 'folded again');
});

test('a phone shows all of it, without scrolling sideways', async (t) => {
  const page = await open(t, { viewport: { width: 360, height: 640 } });
  for (const summary of await page.locator('summary').all()) await summary.click();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await page.setViewportSize({ width: 800, height: 640 });
  await until(async () => (await chart(page, kEquity).locator('canvas').boundingBox()).width > 600, 'charts grow with the window');
});

test('without scripts every figure is a table', async (t) => {
  const page = await open(t, { javaScriptEnabled: false });
  const all = await page.locator('figure').all();
  assert.ok(all.length >= 10);
  for (const figure of all) assert.equal(await figure.locator('table').isVisible(), true);
});

test('what stands in names is shown and does nothing', async (t) => {
  const hostile = '</script><script>window.ran = 1</script><!--"\'><img src=x onerror="window.ran = 1">\u202e\u0007';
  const harmless = hostile.replace(/[\u202e\u0007]/g, '\ufffd');
  const changed = structuredClone(figures);
  changed.strategy.name = changed.data.market = changed.series.time[0] = hostile;
  changed.forecast.headline = changed.strategy.file = hostile;
  const run = join(folder, 'hostile');
  execFileSync('mkdir', [run]);
  writeFileSync(join(run, 'figures.json'), JSON.stringify(changed));
  hadal('report', run);
  const page = await open(t, { file: join(run, 'report.html') });
  await chart(page, kEquity).focus();
  await page.keyboard.press('Home');
  assert.ok((await said(page, kEquity)).startsWith(`${harmless}: strategy `));
  assert.ok((await page.locator('h1').textContent()).includes(harmless));
  assert.equal(await page.locator('img, script:not([type])').count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
});
