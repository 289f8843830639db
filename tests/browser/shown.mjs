// What a model writes is shown whole, and a reader is left in peace while it comes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './chromium.mjs';
import {
  answers,
  ask,
  button,
  field,
  finished,
  openBrowser,
  openTab,
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

async function open(t, store = {}, options = {}) {
  return openTab(await openBrowser(t, browser, { store, ...options }), server.url);
}
const openAnswer = (t, answer, options) => open(t, stored(turns('q', answer)), options);
const prose = (page) => answers(page).last().locator('.prose');

test('shows what a model writes, and runs none of it', async (t) => {
  const page = await openAnswer(
    t,
    [
      '<think>Is this **safe**?</think># Title',
      '**bold** <img src=x onerror="window.ran = 1"> <script>window.ran = 1</script>',
      '[link](javascript:window.ran=1) ![picture](http://198.51.100.1/x.png) <https://example.org>',
      '```js\nlet a = "</code>";\n```',
    ].join('\n\n'),
  );
  await prose(page).getByRole('heading', { name: 'Title' }).waitFor();
  assert.equal(await prose(page).locator('img, script, iframe, [onerror], a[href^="javascript"]').count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.equal((await prose(page).locator('pre code').textContent()).trim(), 'let a = "</code>";');
  assert.equal(await prose(page).locator('a').getAttribute('rel'), 'noopener noreferrer');
  await page.getByText('Thoughts').click();
  await page.getByText('Is this **safe**?').waitFor();
});

test('shows thoughts while they come, and folds them with their time when the answer begins', async (t) => {
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(t, {}, { colorScheme });
    await ask(page, 'q');
    const call = await server.next();
    call.think('First **this**, ');
    const thoughts = answers(page).last().locator('details.thoughts');
    const inside = thoughts.locator('div');
    await thoughts.getByText('Thinking…').waitFor();
    assert.equal(await inside.isVisible(), true);
    call.think('then that.');
    await thoughts.getByText('First **this**, then that.').waitFor(); // as it is, not as Markdown
    const colour = (locator) => locator.evaluate((e) => getComputedStyle(e).color);
    call.say('The ').say('answer.').end();
    await finished(page);
    const summary = thoughts.locator('summary');
    assert.match(await summary.textContent(), /^Thought for \d+(\.\d)? s$/);
    assert.equal(await inside.isVisible(), false);
    assert.equal((await prose(page).textContent()).trim(), 'The answer.');
    const said = await summary.textContent();

    await page.reload(); // kept with the conversation
    assert.equal(await summary.textContent(), said);
    await summary.focus();
    await page.keyboard.press('Enter');
    await until(() => inside.isVisible(), 'the thoughts unfold by a key');
    assert.notEqual(await colour(inside), await colour(prose(page)));
    await page.keyboard.press('Enter');
    await until(async () => !(await inside.isVisible()), 'and fold again');
  }
});

test('thoughts that were stopped stay open', async (t) => {
  const page = await open(t);
  await ask(page, 'q');
  const call = await server.next();
  call.think('hm');
  await answers(page).last().getByText('Thinking…').waitFor();
  await button(page, 'Stop the answer').click();
  await finished(page);
  const thoughts = answers(page).last().locator('details.thoughts');
  assert.match(await thoughts.locator('summary').textContent(), /^Thought for /);
  assert.equal(await thoughts.locator('div').isVisible(), true);
});

test('typesets formulas, with fonts of its own, and leaves code as it is', async (t) => {
  const page = await openAnswer(
    t,
    [
      'Inline \\(a_1 * b_2 * c\\) and \\(\\{x \\mid x < 3\\}\\), and a sum:',
      '\\[\n\\sum_{i=1}^{n} i\n= \\frac{n(n+1)}{2} \\\\[4pt]\n- x\n\\]',
      '$$E = mc^2$$',
      '- in a list: \\(\\alpha\\)\n- shown:\n  \\[\n  \\beta\n  \\]',
      '| f | g |\n|---|---|\n| \\(|x|\\) | \\(y\\) |',
      'It costs $$ or $$$, `\\(code\\)`.',
      '```tex\n\\[ raw \\]\n```',
    ].join('\n\n'),
  );
  await prose(page).locator('.katex').first().waitFor();
  assert.deepEqual(await prose(page).locator('.katex annotation').allTextContents(), [
    'a_1 * b_2 * c',
    '\\{x \\mid x < 3\\}',
    '\\sum_{i=1}^{n} i\n= \\frac{n(n+1)}{2} \\\\[4pt]\n- x',
    'E = mc^2',
    '\\alpha',
    '\\beta',
    '|x|',
    'y',
  ]);
  assert.equal(await prose(page).locator('.katex-display').count(), 3);
  assert.equal(await prose(page).locator('.katex-error, em, h1, h2').count(), 0);
  assert.equal(await prose(page).locator('p code').textContent(), '\\(code\\)');
  assert.equal((await prose(page).locator('pre').textContent()).trim(), '\\[ raw \\]');
  assert.match(await prose(page).textContent(), /It costs \$\$ or \$\$\$,/);
  const fonts = await page.evaluate(async () => {
    await document.fonts.ready;
    return [...document.fonts].filter((font) => font.status === 'loaded').map((font) => font.family);
  });
  assert.ok(fonts.includes('KaTeX_Main') && fonts.includes('KaTeX_Math'), `loaded: ${fonts}`);
});

test('a formula brings in no link, picture, class or script, and is no larger than the page', async (t) => {
  const page = await openAnswer(
    t,
    [
      '\\(\\href{javascript:window.ran=1}{x}\\)',
      '\\(\\includegraphics{http://198.51.100.1/x.png}\\)',
      '\\(\\htmlId{app}{x}\\)',
      '\\(\\text{<img src=x onerror="window.ran=1">}\\)',
      '\\(<script>window.ran=1</script>\\)',
      '\\(\\frac{1\\)',
      '\\(\\rule{9999em}{9999em}\\)',
      '\\(\\def\\a{\\a\\a}\\a\\)',
      `\\(${'{'.repeat(4000)}\\)`,
    ].join('\n\n'),
  );
  await prose(page).locator('.katex').first().waitFor();
  assert.equal(await prose(page).locator('img, script, a, [onerror], [href], #app').count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.equal(await prose(page).locator('.katex-error').count(), 0); // what cannot be read is shown as it was written
  assert.match(await prose(page).textContent(), /\\\(\\frac\{1\\\)/);
  assert.ok((await prose(page).boundingBox()).height < 3000);
});

test('a formula that is still being written is not taken for Markdown', async (t) => {
  const page = await open(t);
  await ask(page, 'q');
  const call = (await server.next()).say('So \\(a_1 + a_2');
  await until(async () => (await prose(page).count()) && (await prose(page).textContent()).includes('a_2'), 'it comes');
  assert.equal((await prose(page).textContent()).trim(), 'So \\(a_1 + a_2');
  call.answer('\\) it is.');
  await finished(page);
  await prose(page).locator('.katex').waitFor();
  assert.match(await prose(page).textContent(), /it is\./);
});

test('tables keep their words and columns, and scroll in a box of their own', async (t) => {
  const wide =
    '| city | country | people (million) | notes |\n|:---|:---:|---:|---|\n| Ulaanbaatar | Mongolia | 1.6 | the coldest capital there is |\n| Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch | Wales | 0 | - |';
  const page = await openAnswer(t, wide, { viewport: { width: 390, height: 844 } });
  const found = await prose(page)
    .locator('.table')
    .evaluate((box) => {
      const cells = [...box.querySelectorAll('td, th')];
      const broken = cells.filter((cell) => {
        const range = document.createRange();
        return [...cell.textContent.matchAll(/\S+/g)].some((m) => {
          range.setStart(cell.firstChild, m.index);
          range.setEnd(cell.firstChild, m.index + m[0].length);
          return range.getClientRects().length > 1;
        });
      });
      const aligned = cells.slice(0, 4).map((cell) => getComputedStyle(cell).textAlign);
      return {
        broken: broken.map((cell) => cell.textContent),
        aligned,
        scrolls: box.scrollWidth > box.clientWidth,
        page: document.documentElement.scrollWidth - innerWidth,
      };
    });
  assert.deepEqual(found, { broken: [], aligned: ['left', 'center', 'right', 'start'], scrolls: true, page: 0 });
});

const place = (page) =>
  page
    .locator('.scroller')
    .evaluate((node) => ({ top: node.scrollTop, left: node.scrollHeight - node.scrollTop - node.clientHeight }));
const paragraphs = (from, count) =>
  Array.from({ length: count }, (_, i) => `Paragraph ${from + i} of a long answer.`).join('\n\n');

test('who has scrolled up stays there; who is at the end is kept there', async (t) => {
  const page = await open(t);
  await ask(page, 'q');
  const call = (await server.next()).say(paragraphs(0, 60));
  await until(async () => {
    const { top, left } = await place(page);
    return top > 600 && left < 2;
  }, 'the end is followed');
  await page.mouse.move(700, 300);
  await page.mouse.wheel(0, -30); // a little is enough
  await until(async () => (await place(page)).left > 20, 'it scrolls');
  await page.mouse.wheel(0, -400);
  await until(async () => (await place(page)).left > 400, 'it scrolls');
  const before = await place(page);
  call.say(`\n\n${paragraphs(60, 20)}`);
  await until(async () => (await prose(page).textContent()).includes('Paragraph 79'), 'more comes');
  assert.equal((await place(page)).top, before.top);
  call.answer('\n\nThe end.');
  await finished(page);
  await button(page, 'Regenerate answer').waitFor();
  assert.equal((await place(page)).top, before.top);
  await button(page, 'Go to the end').click();
  await until(async () => (await place(page)).left < 2, 'the end is shown');
  await ask(page, 'and?');
  (await server.next()).answer(paragraphs(0, 30));
  await finished(page);
  await until(async () => (await place(page)).left < 2, 'what was asked here is followed');
});

test('a selection outlives the answer that grows below it, even in the same paragraph', async (t) => {
  const page = await open(t);
  await ask(page, 'q');
  const call = (await server.next()).say('The **first** paragraph.\n\n- one\n- two of\n\nThe last has some words');
  await until(
    async () => (await prose(page).count()) && (await prose(page).textContent()).includes('some words'),
    'it comes',
  );
  await prose(page).evaluate((node) => {
    const [first, last] = [node.querySelector('strong').firstChild, node.lastElementChild.firstChild];
    getSelection().setBaseAndExtent(first, 0, last, 8);
  });
  const selected = () => page.evaluate(() => getSelection().toString().replace(/\s+/g, ' '));
  const before = await selected();
  assert.match(before, /^first paragraph.*The last$/);
  call.say(' and **more of them**, `code`\n\n| a | b |\n|---|---|\n| 1');
  await until(async () => (await prose(page).locator('table').count()) === 1, 'more comes');
  assert.equal(await selected(), before);
  call.answer(' | 2 |\n\n[a link][x]\n\n[x]: https://example.org');
  await finished(page);
  await prose(page).getByRole('link', { name: 'a link' }).waitFor();
  assert.equal(await selected(), before);
});

test('only what an answer begins with is a thought', async (t) => {
  const page = await open(
    t,
    stored(
      turns(
        'q',
        'In R1 the tag `</think>` ends the thoughts.',
        'q',
        '<think>The tag `</think>` ends it.\n</think>\n\nYes.',
        'q',
        'It writes:\n\n```\n<think>\nhm\n</think>\n```',
        'q',
        'Hm, so.\n</think>\n\nIt is so.',
      ),
    ),
  );
  await shows(page, {
    answers: [
      'In R1 the tag </think> ends the thoughts.',
      'Yes.',
      'It writes:\ntextCopy<think>\nhm\n</think>',
      'It is so.',
    ],
  });
  assert.deepEqual(await answers(page).locator('details > div').allTextContents(), [
    'The tag `</think>` ends it.',
    'Hm, so.',
  ]);
});

test('writes from right to left what is written so, block by block', async (t) => {
  const page = await openAnswer(
    t,
    'English first.\n\nهذه فقرة بالعربية.\n\n- بند أول\n- second\n\n> שלום\n\n```\ncode\n```\n\n\\(x\\) ومعادلة',
  );
  const direction = (selector) =>
    prose(page)
      .locator(selector)
      .first()
      .evaluate((node) => getComputedStyle(node).direction);
  assert.equal(await direction('p:nth-child(1)'), 'ltr');
  assert.equal(await direction('p:nth-child(2)'), 'rtl');
  assert.equal(await direction('ul'), 'rtl');
  assert.equal(await direction('blockquote'), 'rtl');
  assert.equal(await direction('pre'), 'ltr');
  assert.equal(await direction('.formula'), 'ltr');
  await field(page).fill('مرحبا');
  assert.equal(await field(page).evaluate((node) => getComputedStyle(node).direction), 'rtl');
});

test('the Enter of an input method chooses a word and sends nothing', async (t) => {
  const page = await open(t, stored(turns('q', 'a')));
  const calls = server.calls.length;
  const composing = (area, init) =>
    area.evaluate((node, more) => {
      node.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...more }));
    }, init);
  await field(page).fill('にほん');
  await composing(field(page), { keyCode: 229, which: 229 });
  await composing(field(page), { isComposing: true });
  await button(page, 'Edit message').click();
  const editor = page.getByRole('textbox', { name: 'Edit your message' });
  await editor.fill('にほんご');
  await composing(editor, { keyCode: 229 });
  assert.equal(await editor.inputValue(), 'にほんご');
  await page.keyboard.press('Escape');
  assert.equal(await field(page).inputValue(), 'にほん');
  await field(page).press('Enter');
  const call = await server.next();
  assert.equal(call.question, 'にほん');
  assert.equal(server.calls.length, calls + 1);
  call.answer('はい');
  await finished(page);
});

test('on a phone Enter begins a line and the button sends', async (t) => {
  const page = await open(t, {}, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await field(page).fill('one');
  await page.keyboard.press('Enter');
  await page.keyboard.type('two');
  assert.equal(await field(page).inputValue(), 'one\ntwo');
  await button(page, 'Send').tap();
  const call = await server.next();
  assert.equal(call.question, 'one\ntwo');
  call.answer('three');
  await finished(page);
});

// Not how fast it is, but that the work does not grow: what is rendered, changed and kept while an answer comes.
test('in a conversation of 1,000 messages an answer costs what it costs in a short one', async (t) => {
  const paragraph = 'The sea is **deep** and `dark`, and nobody has seen all of it.\n\n- one\n- two\n\n'.repeat(5);
  const messages = turns(...Array.from({ length: 1000 }, (_, i) => (i % 2 ? paragraph : `question ${i / 2}`)));
  const page = await open(t, stored(messages));
  const rendered = () =>
    answers(page)
      .locator('.prose strong')
      .evaluateAll((nodes) => new Set(nodes.map((node) => node.closest('article'))).size);
  await until(async () => (await rendered()) > 5, 'the end is rendered');
  assert.ok((await rendered()) < 60, `${await rendered()} answers are rendered`);
  assert.equal(await answers(page).count(), 500);
  await ask(page, 'Go on.');
  const call = (await server.next()).say('word ');
  await streaming(page);
  await until(async () => (await prose(page).textContent()).includes('word'), 'it comes');
  await page.evaluate(() => {
    window.changes = { last: 0, earlier: 0 };
    window.kept = [];
    const last = [...document.querySelectorAll('article')].at(-1);
    new MutationObserver((list) => {
      for (const { target } of list) {
        const node = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
        const article = node?.closest('article');
        if (article) window.changes[article === last ? 'last' : 'earlier'] += 1;
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
    const setItem = Storage.prototype.setItem;
    Storage.prototype.setItem = function (key, value) {
      window.kept.push(value.length);
      setItem.call(this, key, value);
    };
  });
  await until(async () => {
    call.say('word ');
    return page.evaluate(() => window.changes.last > 5 && window.kept.length > 1);
  }, 'it goes on, and is kept');
  assert.equal(await page.evaluate(() => window.changes.earlier), 0);
  assert.ok((await page.evaluate(() => Math.max(...window.kept))) < 20_000, 'only the answer is kept while it comes');
  call.end();
  await finished(page);
  await page.getByText('question 3', { exact: true }).scrollIntoViewIfNeeded();
  await until(async () => (await answers(page).nth(3).locator('strong').count()) > 0, 'what comes near is rendered');
});
