// The page in use: keys, conversations, settings, colours, small screens, a server that goes away.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './chromium.mjs';
import {
  answers,
  ask,
  button,
  field,
  finished,
  list,
  openBrowser,
  openTab,
  shows,
  streaming,
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

async function open(t, { url = server.url, ...options } = {}) {
  return openTab(await openBrowser(t, browser, options), url);
}
async function askAndAnswer(page, question, answer) {
  await ask(page, question);
  const call = await server.next();
  call.answer(answer);
  await finished(page);
  return call;
}

test('types, streams, stops and survives a reload', async (t) => {
  const page = await open(t);
  await ask(page, 'Tell me a story about the sea.');
  const call = await server.next();
  for (const [piece, sofar] of [
    ['Once ', 'Once'],
    ['upon a ', 'Once upon a'],
    ['time', 'Once upon a time'],
  ]) {
    call.say(piece);
    await shows(page, { answers: [sofar] });
  }
  await button(page, 'Stop the answer').click();
  await call.gone;
  await finished(page);
  await page.getByText('Stopped.').waitFor();
  await page.reload();
  await shows(page, { questions: ['Tell me a story about the sea.'], answers: ['Once upon a time'] });
  assert.match(await page.title(), /Tell me a story/);
});

test('keeps what had come when the page is closed in mid-answer', async (t) => {
  const page = await open(t);
  await ask(page, 'Tell me a story.');
  const call = (await server.next()).think('A story?').say('Once upon');
  await shows(page, { answers: ['Once upon'] });
  await page.reload();
  await call.gone;
  await page.getByText('Stopped.').waitFor();
  await shows(page, { answers: ['Once upon'] });
  assert.equal(await answers(page).locator('details > div').textContent(), 'A story?');
});

test('works with the keyboard alone', async (t) => {
  const page = await open(t);
  const keyboard = page.keyboard;
  await keyboard.type('one'); // the field has the focus from the start
  await keyboard.press('Shift+Enter');
  await keyboard.type('two');
  assert.equal(await field(page).inputValue(), 'one\ntwo');
  await keyboard.press('Enter');
  const first = (await server.next()).say('some');
  await streaming(page);
  await keyboard.press('Escape');
  await first.gone;
  await finished(page);
  await keyboard.press('Control+k');
  await shows(page, { answers: [] });
  await keyboard.type('three');
  await keyboard.press('Enter');
  (await server.next()).answer('more');
  await finished(page);

  await list(page).getByRole('button', { name: 'one', exact: true }).focus();
  await keyboard.press('F2');
  await keyboard.type('the first');
  await keyboard.press('Enter');
  const renamed = list(page).getByRole('button', { name: 'the first', exact: true });
  await renamed.focus();
  await keyboard.press('Enter');
  await shows(page, { questions: ['one\ntwo'] });
  assert.ok(await field(page).evaluate((node) => node === document.activeElement), 'the field has the focus again');
  await keyboard.press('ArrowUp');
  await page.getByRole('textbox', { name: 'Edit your message' }).waitFor();
  await keyboard.press('Escape');
});

test('keeps conversations apart, deletes one and brings it back', async (t) => {
  const page = await open(t);
  await askAndAnswer(page, 'about fish', 'fish');
  await page.getByRole('button', { name: 'New conversation' }).click();
  await field(page).fill('a draft');
  await list(page).getByRole('button', { name: 'about fish', exact: true }).click();
  assert.equal(await field(page).inputValue(), '');
  await page.getByRole('button', { name: 'New conversation' }).click();
  assert.equal(await field(page).inputValue(), 'a draft');
  await page.reload();
  await page.getByRole('button', { name: 'New conversation' }).click();
  assert.equal(await field(page).inputValue(), 'a draft');
  await page.keyboard.press('Enter');
  (await server.next()).answer('a rough one');
  await finished(page);
  assert.equal(await list(page).getByRole('listitem').count(), 2);
  await list(page).getByRole('button', { name: 'Delete about fish' }).click();
  assert.equal(await list(page).getByRole('listitem').count(), 1);
  await page.getByRole('button', { name: 'Undo' }).click();
  await shows(page, { questions: ['about fish'], answers: ['fish'] });
  assert.equal(await list(page).getByRole('listitem').count(), 2);
});

test('says that the server is gone, loses nothing, and goes on when it is back', async (t) => {
  const own = await startStandIn();
  const page = await open(t, { url: own.url });
  await page.getByText('runs on this server').waitFor();
  await ask(page, 'before');
  (await own.next()).say('what had come');
  await shows(page, { answers: ['what had come'] });
  own.stop();
  await page.getByRole('alert').getByText('The connection broke').waitFor();
  await shows(page, { answers: ['what had come'] });
  await ask(page, 'while it is gone');
  await page.getByRole('alert').getByText('cannot be reached').waitFor();
  await shows(page, { questions: ['before', 'while it is gone'] });

  const again = await startStandIn(own.port);
  t.after(() => again.stop());
  await page.getByRole('button', { name: 'Try again' }).last().click();
  (await again.next()).answer('back');
  await finished(page);
  await shows(page, { questions: ['before', 'while it is gone'], answers: ['what had come', 'back'] });
  await page.locator('.banner').waitFor({ state: 'detached' });
});

test('leaves out the oldest messages when the context is full, and what was refused', async (t) => {
  const page = await open(t);
  await askAndAnswer(page, 'q0', 'a0');
  await askAndAnswer(page, 'q1', 'a1');
  await ask(page, 'q2');
  (await server.next()).refuse('It has too many tokens.', 'context_length_exceeded');
  await page.getByRole('alert').getByText('too many tokens').waitFor();
  await button(page, 'Leave out the oldest messages').click();
  const call = await server.next();
  assert.deepEqual(
    call.body.messages.map((m) => m.content),
    ['q1', 'a1', 'q2'],
  );
  call.refuse('It still has too many tokens.', 'context_length_exceeded');
  await page.getByRole('alert').getByText('still has').waitFor();
  await ask(page, 'q3');
  const next = await server.next();
  assert.deepEqual(
    next.body.messages.map((m) => m.content),
    ['q1', 'a1', 'q3'],
  );
  next.answer('a3');
  await finished(page);
  await page.getByText('no longer sees what is above').waitFor();
});

test('sends the settings, and keeps them', async (t) => {
  const page = await open(t);
  await page.getByRole('button', { name: 'Settings', exact: true }).click();
  await page.getByLabel('Instructions').fill('Be brief.');
  await page.getByLabel('Temperature').fill('0');
  await page.getByLabel('Longest answer').fill('5');
  await page.keyboard.press('Escape');
  await page.reload();
  const { body } = await askAndAnswer(page, 'Hello!', 'Hi.');
  assert.deepEqual(body.messages, [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hello!' },
  ]);
  assert.equal(body.temperature, 0);
  assert.equal(body.max_tokens, 5);
});

test('thinking can be switched where the model can think', async (t) => {
  const own = await startStandIn();
  t.after(() => own.stop());
  own.thinking = true;
  const page = await open(t, { url: own.url });
  const choose = async (option) => {
    await page.getByRole('button', { name: 'Settings', exact: true }).click();
    await page.getByLabel('Thinking').selectOption(option);
    await page.keyboard.press('Escape');
  };
  const sent = async () => {
    await ask(page, 'q');
    const call = await own.next();
    call.answer('a');
    await finished(page);
    return call.body.thinking;
  };
  assert.equal(await sent(), undefined);
  await choose('Off');
  assert.deepEqual(await sent(), { type: 'disabled' });
  await choose('On');
  await page.reload();
  assert.deepEqual(await sent(), { type: 'enabled' });
  own.thinking = false; // another model is served
  await page.reload();
  assert.equal(await sent(), undefined);
  await page.getByRole('button', { name: 'Settings', exact: true }).click();
  assert.equal(await page.getByLabel('Thinking').count(), 0);
});

test('names the model that is served now', async (t) => {
  const own = await startStandIn();
  t.after(() => own.stop());
  const page = await open(t, { url: own.url });
  await page.getByText('stand-in can be wrong').waitFor();
  own.model = 'another';
  await ask(page, 'q');
  (await own.next()).answer('a');
  await page.getByText('another can be wrong').waitFor();
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

test('fits a phone, whatever the model is called', async (t) => {
  const own = await startStandIn();
  t.after(() => own.stop());
  own.model = 'owner/a-model-of-a-long-name-'.repeat(6);
  const page = await open(t, { url: own.url, viewport: { width: 360, height: 700 } });
  await page.getByText(own.model).first().waitFor();
  const tooWide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(await tooWide(), 0);
  await ask(page, 'wide '.repeat(50) + 'x'.repeat(300));
  (await own.next()).answer(`\\[${'x + '.repeat(80)}y\\]\n\n${'y'.repeat(300)}`);
  await until(async () => (await answers(page).locator('.katex').count()) > 0, 'the formula is typeset');
  await finished(page);
  assert.equal(await tooWide(), 0);
  await page.getByRole('button', { name: 'Conversations', exact: true }).click();
  const entry = list(page).getByRole('button').first();
  await entry.click();
  await entry.waitFor({ state: 'hidden' });
});
