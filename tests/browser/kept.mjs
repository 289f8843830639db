// Nothing that was asked or answered is lost: tabs, second answers, edits, deletions, several conversations.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './chromium.mjs';
import {
  answers,
  ask,
  asked,
  button,
  field,
  finished,
  list,
  openBrowser,
  openTab,
  questions,
  shows,
  stored,
  streaming,
  turns,
  until,
} from './driver.mjs';
import { startStandIn } from './stand_in.mjs';

let browser, server;
before(async () => {
  server = await startStandIn();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.stop();
});

const kKept = stored(turns('q0', 'a0'));
async function open(t, store = {}) {
  const context = await openBrowser(t, browser, { store });
  return openTab(context, server.url);
}
async function openTwo(t, store) {
  const context = await openBrowser(t, browser, { store });
  return [await openTab(context, server.url), await openTab(context, server.url)];
}
async function askAndAnswer(page, question, answer) {
  await ask(page, question);
  (await server.next()).answer(answer);
  await finished(page);
}
const keptKeys = (page) => page.evaluate(() => Object.keys(localStorage));

test('two tabs ask in one conversation: both questions and answers stay, in both', async (t) => {
  const [a, b] = await openTwo(t, kKept);
  await ask(a, 'from A');
  const first = (await server.next()).say('to ');
  await streaming(a);
  await ask(b, 'from B');
  (await server.next()).answer('to B');
  await finished(b);
  first.answer('A');
  await finished(a);
  const all = { questions: ['q0', 'from A', 'from B'], answers: ['a0', 'to A', 'to B'] };
  await shows(a, all);
  await shows(b, all);
  await askAndAnswer(b, 'and then', 'then');
  assert.deepEqual(
    server.calls.at(-1).body.messages.map((m) => m.content),
    ['q0', 'a0', 'from A', 'to A', 'from B', 'to B', 'and then'],
  );
  for (const page of [a, b]) await page.reload();
  await shows(a, { questions: [...all.questions, 'and then'], answers: [...all.answers, 'then'] });
  await shows(b, { questions: [...all.questions, 'and then'], answers: [...all.answers, 'then'] });
});

test('two tabs begin a conversation each: both are listed, and a tab comes back with its own', async (t) => {
  const [a, b] = await openTwo(t, {});
  await ask(a, 'about fish');
  const first = (await server.next()).say('fi');
  await streaming(a);
  await askAndAnswer(b, 'about birds', 'birds');
  first.answer('sh');
  await finished(a);
  for (const page of [a, b])
    await until(async () => (await list(page).getByRole('listitem').count()) === 2, 'both are listed');
  await a.reload();
  await shows(a, { questions: ['about fish'], answers: ['fish'] });
  await b.reload();
  await shows(b, { questions: ['about birds'], answers: ['birds'] });
});

test('an answer that comes in one tab is seen in another, and not taken for stopped', async (t) => {
  const [a, b] = await openTwo(t, kKept);
  await ask(a, 'q1');
  const call = await server.next();
  await shows(b, { questions: ['q0', 'q1'] });
  await until(async () => {
    call.say('word ');
    return (await answers(b).last().textContent()).includes('word word');
  }, 'the other tab shows what came');
  await b.reload(); // a tab that opens it now knows no better than that the answer is as long as it is
  await shows(b, { questions: ['q0', 'q1'] });
  await ask(b, 'q2');
  (await server.next()).answer('a2');
  call.answer('end');
  await finished(a);
  for (const page of [a, b])
    await until(async () => /word end/.test(await answers(page).nth(1).textContent()), 'the whole answer is there');
  await a.reload();
  assert.match(await answers(a).nth(1).textContent(), /word end/);
  await shows(a, { questions: ['q0', 'q1', 'q2'] });
});

test('what was kept by halves is whole again: a list that lost a conversation, an answer whose tab died', async (t) => {
  const store = { ...stored(turns('lost', 'found'), { id: 'orphan' }), ...stored(turns('q0', 'a0')) };
  store['answer.kept-m1'] = {
    chat: 'kept',
    message: {
      id: 'kept-m1',
      role: 'assistant',
      content: 'a0 and more',
      thoughts: '',
      state: 'streaming',
      after: 'kept-m0',
    },
  };
  const page = await open(t, store);
  await shows(page, { answers: ['a0 and more'] });
  await list(page).getByRole('button', { name: 'orphan', exact: true }).click();
  await shows(page, { questions: ['lost'], answers: ['found'] });
});

test('answers again: the first answer stays to be chosen', async (t) => {
  const page = await open(t, kKept);
  await button(page, 'Regenerate answer').click();
  const call = await server.next();
  assert.deepEqual(call.body.messages, [{ role: 'user', content: 'q0' }]);
  call.answer('a0, better');
  await finished(page);
  await shows(page, { answers: ['a0, better'] });
  await button(page, 'Earlier answer').click();
  await shows(page, { answers: ['a0'] });
  await page.reload();
  await shows(page, { questions: ['q0'], answers: ['a0'] });
  await button(page, 'Later answer').click();
  await shows(page, { answers: ['a0, better'] });
});

for (const [how, end, said] of [
  ['fails', (call) => call.break(), /The connection broke/],
  ['is refused', (call) => call.refuse('The model is on holiday.', 'away', 503), /on holiday/],
  ['is stopped', (call, page) => button(page, 'Stop the answer').click(), /was stopped/],
]) {
  test(`a second answer that ${how} leaves the first on the screen`, async (t) => {
    const page = await open(t, kKept);
    await button(page, 'Regenerate answer').click();
    const call = await server.next();
    if (how !== 'is refused') call.say('half an ans');
    await streaming(page);
    await end(call, page);
    await finished(page);
    await answers(page).getByText(said).waitFor();
    await shows(page, { answers: ['a0'] });
    await page.reload();
    await shows(page, { questions: ['q0'], answers: ['a0'] });
  });
}

test('a page that is closed while it answers again shows the first answer', async (t) => {
  const page = await open(t, kKept);
  await button(page, 'Regenerate answer').click();
  const call = (await server.next()).say('half an answer');
  await shows(page, { answers: ['half an answer'] });
  await page.reload();
  await call.gone;
  await shows(page, { answers: ['a0'] });
  await button(page, 'Later answer').click();
  await shows(page, { answers: ['half an answer'] });
});

test('answers an earlier question again, and leaves what followed', async (t) => {
  const page = await open(t, stored(turns('q0', 'a0', 'q1', 'a1')));
  await answers(page).first().getByRole('button', { name: 'Regenerate answer' }).click();
  (await server.next()).answer('a0, better');
  await finished(page);
  await shows(page, { questions: ['q0', 'q1'], answers: ['a0, better', 'a1'] });
  await page.reload();
  await shows(page, { questions: ['q0', 'q1'], answers: ['a0, better', 'a1'] });
});

test('an edit that changes nothing does nothing, one that changes something keeps what was', async (t) => {
  const page = await open(t, stored(turns('q0', 'a0', 'q1', 'a1')));
  const edit = async (text) => {
    await questions(page).first().getByRole('button', { name: 'Edit message' }).click();
    await page.getByRole('textbox', { name: 'Edit your message' }).fill(text);
    await page.keyboard.press('Enter');
  };
  const calls = server.calls.length;
  await edit('q0');
  await shows(page, { questions: ['q0', 'q1'], answers: ['a0', 'a1'] });
  await edit('q0, changed');
  const call = await server.next();
  assert.equal(server.calls.length, calls + 1);
  assert.deepEqual(call.body.messages, [{ role: 'user', content: 'q0, changed' }]);
  call.answer('a0, changed');
  await finished(page);
  await shows(page, { questions: ['q0, changed'], answers: ['a0, changed'] });
  await button(page, 'Earlier version').click();
  await shows(page, { questions: ['q0', 'q1'], answers: ['a0', 'a1'] });
  await page.reload();
  await shows(page, { questions: ['q0', 'q1'], answers: ['a0', 'a1'] });
});

test('what is deleted while it answers stays deleted, the answer stops, and Undo brings all of it back', async (t) => {
  const page = await open(t);
  await ask(page, 'about fish');
  const call = (await server.next()).say('Fish are');
  await shows(page, { answers: ['Fish are'] });
  await list(page).getByRole('listitem').hover();
  await button(page, 'Delete about fish').click();
  await call.gone;
  await shows(page, { questions: [] });
  assert.equal(await list(page).getByRole('listitem').count(), 0);
  assert.deepEqual(
    (await keptKeys(page)).filter((key) => /^hadal\.(chat|answer)\./.test(key)),
    [],
  );
  await button(page, 'Undo').click();
  await shows(page, { questions: ['about fish'], answers: ['Fish are'] });
  await page.reload();
  await shows(page, { questions: ['about fish'], answers: ['Fish are'] });
  await button(page, 'Delete about fish').click();
  await page.reload();
  assert.equal(await list(page).getByRole('listitem').count(), 0);
});

test('what one tab deletes, no other brings back; what is typed there stays', async (t) => {
  const [a, b] = await openTwo(t, kKept);
  await ask(a, 'q1');
  const call = (await server.next()).say('half');
  await streaming(a);
  await field(a).fill('a thought');
  await button(b, 'Delete kept').click();
  await call.gone;
  await a.getByRole('status').getByText('deleted in another tab').waitFor();
  assert.equal(await field(a).inputValue(), 'a thought');
  for (const page of [a, b]) {
    await page.reload();
    await field(page).waitFor();
    assert.equal(await list(page).getByRole('listitem').count(), 0);
  }
});

test('several conversations are answered at once, and the page says when it cannot', async (t) => {
  const page = await open(t);
  const calls = [];
  for (const name of ['one', 'two', 'three', 'four']) {
    await ask(page, name);
    calls.push((await server.next()).say(`about ${name}`));
    await streaming(page);
    await page.getByRole('button', { name: 'New conversation' }).click();
  }
  await ask(page, 'five');
  await page.getByRole('status').getByText('conversations are being answered').waitFor();
  assert.equal(await field(page).inputValue(), 'five');
  calls[0].answer(', all of it');
  await list(page).getByRole('button', { name: 'one', exact: true }).click();
  await finished(page);
  await shows(page, { questions: ['one'], answers: ['about one, all of it'] });
  await list(page).getByRole('button', { name: 'two', exact: true }).click();
  await streaming(page); // it goes on
  await ask(page, 'and more');
  await page.getByRole('status').getByText('still being answered').waitFor();
  assert.equal(await field(page).inputValue(), 'and more');
  calls[1].end();
  await finished(page);
  await page.keyboard.press('Enter');
  const more = await server.next();
  assert.deepEqual(
    more.body.messages.map((m) => m.content),
    ['two', 'about two', 'and more'],
  );
  for (const call of [more, ...calls.slice(2)]) call.end();
});

test('a full storage is said, and what could not be kept is kept when there is room', async (t) => {
  const big = stored(
    [
      { role: 'user', content: 'x'.repeat(1000) },
      { role: 'assistant', content: 'y'.repeat(200_000) },
    ],
    { id: 'big' },
  );
  const page = await open(t, big);
  await page.evaluate(() => {
    let size = 1 << 22;
    for (let i = 0; size > 8; ++i) {
      try {
        localStorage.setItem(`filler${i}`, 'z'.repeat(size));
      } catch {
        size >>= 1;
      }
    }
  });
  await page.getByRole('button', { name: 'New conversation' }).click();
  await ask(page, 'is there room?');
  const call = await server.next();
  await page.getByRole('alert').getByText('storage is full').waitFor();
  call.answer('none');
  await finished(page);
  await list(page).getByRole('button', { name: 'big', exact: true }).click();
  await list(page).getByRole('button', { name: 'is there room?', exact: true }).click();
  await shows(page, { questions: ['is there room?'], answers: ['none'] });
  await list(page).getByRole('listitem').filter({ hasText: 'big' }).hover();
  await button(page, 'Delete big').click();
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.reload();
  await shows(page, { questions: ['is there room?'], answers: ['none'] });
});

test('what only the page of before kept is read: left out, cut off, out of order', async (t) => {
  const store = stored(
    [
      ...turns('q0', 'a0', 'q1', 'a1'),
      { role: 'user', content: 'q2' },
      { role: 'assistant', content: 'half', state: 'streaming' },
    ],
    { skipped: 2 },
  );
  const page = await open(t, store);
  await shows(page, { questions: ['q0', 'q1', 'q2'], answers: ['a0', 'a1', 'half'] });
  await page.getByText('Stopped.').waitFor();
  await page.getByText('no longer sees what is above').waitFor();
  await askAndAnswer(page, 'q3', 'a3');
  assert.deepEqual(
    server.calls.at(-1).body.messages.map((m) => m.content),
    ['q1', 'a1', 'q2', 'half', 'q3'],
  );
});

test('localhost is the same place as 127.0.0.1: what was kept there comes along, what was deleted does not', async (t) => {
  const local = server.url.replace('127.0.0.1', 'localhost');
  const context = await openBrowser(t, browser);
  const seed = async (url, store) => {
    const page = await context.newPage();
    await page.route('**/*', (route) => route.fulfill({ body: 'nothing', contentType: 'text/html' }));
    await page.goto(url);
    await page.evaluate(
      (items) => Object.entries(items).forEach(([k, v]) => localStorage.setItem(`hadal.${k}`, JSON.stringify(v))),
      store,
    );
    await page.close();
  };
  await seed(server.url, stored(turns('here', 'yes'), { id: 'here' }));
  await seed(local, stored(turns('there', 'too'), { id: 'there' }));
  const page = await openTab(context, local);
  await page.waitForURL(`${server.url}/`);
  await until(async () => (await list(page).getByRole('listitem').count()) === 2, 'both are listed');
  await list(page).getByRole('button', { name: 'there', exact: true }).click();
  await shows(page, { questions: ['there'], answers: ['too'] });
  await list(page).getByRole('listitem').filter({ hasText: 'there' }).hover();
  await button(page, 'Delete there').click();
  const again = await openTab(context, local);
  await again.waitForURL(`${server.url}/`);
  await list(again).getByRole('button', { name: 'here', exact: true }).waitFor();
  assert.equal(await list(again).getByRole('listitem').count(), 1);
});

test('nobody else hands conversations in', async (t) => {
  const page = await open(t, kKept);
  const packed = await page.evaluate(
    async (conversations) => {
      const stream = new Blob([JSON.stringify({ conversations })]).stream().pipeThrough(new CompressionStream('gzip'));
      return btoa(String.fromCharCode(...new Uint8Array(await new Response(stream).arrayBuffer())));
    },
    [stored(turns('forged', 'forged'), { id: 'forged' })['chat.forged']],
  );
  const other = await page.context().newPage();
  await other.goto(`${server.url}/#bring=${packed.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`);
  await shows(other, { questions: ['q0'] });
  assert.equal(await list(other).getByRole('listitem').count(), 1);
  assert.equal(other.url(), `${server.url}/`);
});

test('another port says where the history is; a file carries it over', async (t) => {
  const second = await startStandIn();
  t.after(() => second.stop());
  const context = await openBrowser(t, browser);
  const here = await openTab(context, server.url);
  await askAndAnswer(here, 'about fish', 'fish');
  await here.getByRole('button', { name: 'Regenerate answer' }).click();
  (await server.next()).answer('fish again');
  await finished(here);
  const there = await openTab(context, second.url);
  await there.getByRole('status').getByText(server.url).waitFor();

  await here.getByRole('button', { name: 'Settings', exact: true }).click();
  const saved = here.waitForEvent('download');
  await button(here, 'Save all to a file').click();
  const path = await (await saved).path();
  await there.getByRole('button', { name: 'Settings', exact: true }).click();
  await there.locator('input[type=file]').setInputFiles(path);
  await there.getByRole('status').getByText('1 conversation read').waitFor();
  await there.keyboard.press('Escape');
  await list(there).getByRole('button', { name: 'about fish', exact: true }).click();
  await shows(there, { questions: ['about fish'], answers: ['fish again'] });
  await button(there, 'Earlier answer').click();
  await shows(there, { answers: ['fish'] });
});

test('a name and instructions given in one tab hold in the other', async (t) => {
  const [a, b] = await openTwo(t, kKept);
  await a.getByRole('button', { name: 'Settings', exact: true }).click();
  await a.getByLabel('Instructions').fill('Be brief.');
  await a.keyboard.press('Escape');
  await list(a).getByRole('button', { name: 'kept', exact: true }).dblclick();
  await a.getByRole('textbox', { name: 'New name' }).fill('renamed');
  await a.keyboard.press('Enter');
  await list(b).getByRole('button', { name: 'renamed', exact: true }).waitFor();
  await ask(b, 'q1');
  const call = await server.next();
  assert.deepEqual(call.body.messages[0], { role: 'system', content: 'Be brief.' });
  call.answer('a1');
  await finished(b);
  await list(b).getByRole('button', { name: 'renamed', exact: true }).waitFor();
  await shows(a, { questions: ['q0', 'q1'] });
  assert.deepEqual(await asked(a), ['q0', 'q1']);
});
