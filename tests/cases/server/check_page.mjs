#!/usr/bin/env node
// check_page.mjs CHECKOUT [CASES]: plays the page cases (folders with steps.mjs) in Debian's Chromium (or CHROMIUM=PATH), through
// playwright-core of CHECKOUT/tests/browser (`./test` installs it, or `npm ci` there; or NODE_MODULES=FOLDER). The page is what
// CHECKOUT/build/hadal serves at /; behind it stands a stand-in that streams what the case says, so that nothing depends
// on a model. steps.mjs exports default async (t) => true or a text that says what is wrong. t: {open, ask, done, stored,
// answers, bodies, sleep, url}. Parts of the page are found by role and label ("Message", "Answer", "You", "Conversations", "Delete...",
// "Regenerate answer", "Stop the answer", "New conversation"), kept conversations by today's keys of localStorage: keep both readable.
// Prints one line a case; exit 0 when all hold.
import http from 'node:http';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { readdirSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

if (!process.argv[2]) {
  console.error('usage: check_page.mjs CHECKOUT [CASES]; in the project\'s folder: check_page.mjs .');
  process.exit(2);
}
const root = resolve(process.argv[2]);
const cases = resolve(process.argv[3] ?? dirname(fileURLToPath(import.meta.url)));
let chromium;
try {
  const from = process.env.NODE_MODULES ? join(resolve(process.env.NODE_MODULES), 'x.js') : join(root, 'tests/browser/package.json');
  ({ chromium } = createRequire(from)('playwright-core'));
} catch (e) {
  console.error(`playwright-core is not there (npm ci in ${join(root, 'tests/browser')}, or NODE_MODULES=FOLDER): ${e.message.split('\n')[0]}`);
  process.exit(1);
}
const hadal = spawn(process.env.HADAL_BINARY ?? join(root, 'build/hadal'), ['serve', '--port', '0'], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
const late = setTimeout(() => { console.error(`${join(root, 'build/hadal')} serve does not listen`); hadal.kill(); process.exit(1); }, 60000);
const port = await new Promise((found) => hadal.stderr.on('data', (d) => /listening on \S+:(\d+)/.test(d) && found(/listening on \S+:(\d+)/.exec(d)[1])));
clearTimeout(late);
const page_html = await (await fetch(`http://127.0.0.1:${port}/`)).text();
hadal.kill();
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// What the last message says decides: "say TEXT" streams TEXT; "slow N TEXT" streams it at N pieces a second; where
// t.server.answer is set, that is streamed in place of TEXT.
function standIn() {
  const bodies = [];
  const server = http.createServer(async (q, r) => {
    if (q.url === '/') return r.setHeader('content-type', 'text/html; charset=utf-8').end(page_html);
    if (q.url !== '/v1/chat/completions') return r.setHeader('content-type', 'application/json').end(JSON.stringify({ object: 'list', data: [{ id: server.model ?? 'pilot', object: 'model', context_length: 4096 }] }));
    let text = '';
    for await (const c of q) text += c;
    const body = JSON.parse(text);
    bodies.push(body);
    const [, rate, say] = /^(?:slow (\d+)|say) (.*)$/s.exec(body.messages.at(-1).content) ?? [0, 0, 'An answer.'];
    let gone = false;
    r.on('close', () => (gone = true));
    r.setHeader('content-type', 'text/event-stream');
    const event = (delta, finish_reason = null) => r.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
    event({ role: 'assistant', content: '' });
    for (const piece of (server.answer ?? say).match(/\s*\S{1,5}/gs) ?? []) {
      if (gone) return;
      event({ content: piece });
      await sleep(rate ? 1000 / rate : 4);
    }
    event({}, 'stop');
    r.end('data: [DONE]\n\n');
  });
  return new Promise((ready) => server.listen(0, '127.0.0.1', () => ready({ server, bodies, url: `http://127.0.0.1:${server.address().port}` })));
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
let good = 0, all = 0;
for (const name of readdirSync(cases).sort()) {
  const file = join(cases, name, 'steps.mjs');
  if (!existsSync(file)) continue;
  all += 1;
  const stand = await standIn();
  const contexts = [];
  const t = {
    sleep, url: stand.url, bodies: stand.bodies, server: stand.server, standIn,
    stored: (messages, id = 'kept') => ({ chats: [{ id, title: id, updated: Date.now() }], [`chat.${id}`]: { id, title: id, skipped: 0, messages: messages.map((m, i) => ({ id: `m${i}`, state: 'done', thoughts: '', failure: null, stats: null, ...m })) }, open: id }),
    async context(store = {}, options = {}) {
      const own = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      await own.addInitScript((items) => { if (localStorage.seeded) return; localStorage.seeded = 1; for (const [k, v] of Object.entries(items)) localStorage.setItem(`hadal.${k}`, JSON.stringify(v)); }, store);
      contexts.push(own);
      return own;
    },
    async open(context, url = stand.url) { const p = await context.newPage(); await p.goto(url); await sleep(300); return p; },
    async ask(p, text) { await p.getByRole('textbox', { name: 'Message', exact: true }).fill(text); await p.keyboard.press('Enter'); },
    done: (p) => p.getByRole('button', { name: 'Stop the answer' }).waitFor({ state: 'detached', timeout: 60000 }),
    read: (file) => readFileSync(join(cases, name, file), 'utf8'),
  };
  let said;
  try { said = await (await import(pathToFileURL(file))).default(t); } catch (e) { said = e.message.split('\n')[0]; }
  for (const c of contexts) await c.close();
  stand.server.closeAllConnections(); stand.server.close();
  if (said === true) good += 1;
  console.log(said === true ? `holds  ${name}` : `FAILS  ${name}: ${said}`);
}
await browser.close();
console.log(`${good} of ${all}`);
process.exit(good === all ? 0 : 1);
