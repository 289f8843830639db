import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axisTexts, digitsOf, placeAfter, sentenceAt, shown } from '../src/charts/shown.js';
import { directionOf } from '../src/lib/direction.js';
import { putBack, takeFormulas } from '../src/lib/formulas.js';
import { Reader } from '../src/lib/markdown.js';
import { singleFlight } from '../src/lib/single_flight.js';
import { readEvents } from '../src/lib/sse.js';
import { lasted, splitThinking } from '../src/lib/thinking.js';
import { memoBlocks } from '../src/markets/memo.js';
import { accountWords, curveChart, expectedWords, findingOf, fixed, healthOf, percent, tryPlace } from '../src/markets/words.js';
import { joinMessages, lacks, pathOf, readMessages, wireMessages } from '../src/lib/thread.js';

async function events(...pieces) {
  const bytes = pieces.map((p) => (typeof p === 'string' ? new TextEncoder().encode(p) : p));
  const body = new ReadableStream({
    start(controller) {
      for (const piece of bytes) controller.enqueue(piece);
      controller.close();
    },
  });
  const found = [];
  for await (const data of readEvents(body)) found.push(data);
  return found;
}

test('events come out whole, however they are cut', async () => {
  assert.deepEqual(await events('data: one\n\ndata:two\n\n'), ['one', 'two']);
  assert.deepEqual(await events('da', 'ta: o', 'ne\n', '\nda', 'ta: two\n\n'), ['one', 'two']);
  assert.deepEqual(await events('data: a\r', '\n\r\ndata: b\r\n\r\n'), ['a', 'b']);
  assert.deepEqual(await events(': still at work\n\ndata: x\ndata: y\n\nevent: z\n\n'), ['x\ny']);
  const wave = new TextEncoder().encode('data: 🌊\n\n');
  assert.deepEqual(await events(wave.slice(0, 8), wave.slice(8)), ['🌊']);
  assert.deepEqual(await events('data: unfinished'), []);
});

test('thoughts and answer are told apart', () => {
  const whole = (text) => assert.deepEqual(splitThinking(text), { thoughts: '', answer: text, open: false });
  whole('plain');
  whole('In R1 the tag `</think>` ends the thoughts.');
  whole('It ends with </think> and goes on.');
  whole('As here:\n```\nhm\n</think>\n```\n');
  whole('First <think>, then\n</think>\nthe answer.');
  assert.deepEqual(splitThinking('<think>hm</think>\n\nyes'), { thoughts: 'hm', answer: 'yes', open: false });
  assert.deepEqual(splitThinking('\n<think>the `</think>` tag\n</think>yes'), {
    thoughts: 'the `</think>` tag',
    answer: 'yes',
    open: false,
  });
  assert.deepEqual(splitThinking('hm\n</think>\n\nyes'), { thoughts: 'hm', answer: 'yes', open: false }); // the template wrote <think>
  assert.deepEqual(splitThinking('</think>\n\nyes'), { thoughts: '', answer: 'yes', open: false });
  assert.deepEqual(splitThinking('<think>hm, so'), { thoughts: 'hm, so', answer: '', open: true });
  assert.deepEqual(splitThinking('<thi'), { thoughts: '', answer: '', open: false });
  assert.deepEqual(splitThinking('yes', 'hm'), { thoughts: 'hm', answer: 'yes', open: false });
  assert.deepEqual(splitThinking('', 'hm'), { thoughts: 'hm', answer: '', open: true });
  const apart = splitThinking('<think>is a tag</think>', ' hm '); // the server told them apart already
  assert.deepEqual(apart, { thoughts: 'hm', answer: '<think>is a tag</think>', open: false });
});

test('the time of thoughts is said as people say it', () => {
  const times = [[null, ''], [0, '0.0 s'], [840, '0.8 s'], [9_949, '9.9 s'], [9_950, '10 s'], [12_400, '12 s'], [59_600, '1 min 0 s'], [192_000, '3 min 12 s']];
  for (const [ms, said] of times) assert.equal(lasted(ms), said);
});

const formulasIn = (text, streaming) =>
  takeFormulas(text, streaming).formulas.map(({ tex, display, open }) =>
    open ? ['open', tex] : display ? ['display', tex] : tex,
  );

test('formulas are found whole, and only where they are', () => {
  assert.deepEqual(formulasIn('a \\(x_1\\) b \\[y\\] c'), ['x_1', ['display', 'y']]);
  assert.deepEqual(formulasIn('\\[\n- a \\\\[2pt]\n= b\n\n- c\n\\]'), [['display', '\n- a \\\\[2pt]\n= b\n\n- c\n']]);
  assert.deepEqual(formulasIn('$$\nx\n$$ and $$y$$'), [
    ['display', '\nx\n'],
    ['display', 'y'],
  ]);
  assert.deepEqual(formulasIn('> \\[\n> x\n> \\]'), [['display', '\n x\n ']]);
  for (const none of [
    'from $5 to $10',
    '$$ or $$$',
    'cheap ($$) and dear ($$$$)',
    '`\\(x\\)`',
    '``a ` \\(x\\)``',
    '```\n\\[x\\]\n```',
    '- ~~~\n  \\(x\\)\n  ~~~',
    '\\\\(x\\\\)',
    '\\(x\n\ny\\)',
    '\\(\\)',
    'ends \\(x',
  ])
    assert.deepEqual(formulasIn(none), [], none);
  assert.deepEqual(formulasIn('```\n\\(a\\)\n```\n\\(b\\)'), ['b']);
  assert.deepEqual(formulasIn('so \\(x + ', true), [['open', 'x + ']]);
  assert.deepEqual(formulasIn('`so \\(x` + ', true), []);
  for (const text of ['a \\(b\\) c', '\\[\nx\n\\]\n\n\\(y\\)', 'none']) {
    const { text: marked, formulas } = takeFormulas(text);
    assert.equal(putBack(marked, formulas), text);
  }
  assert.equal(takeFormulas('\ue0000\ue001').formulas.length, 0); // nobody else sets marks
});

test('a text of a million characters that never closes anything is read in one pass', () => {
  for (const piece of ['\\(', '\\[', '$$', '`', '``` ', '\\( ` ', '> ```\n']) takeFormulas(piece.repeat(200_000), true);
});

test('a direction is that of the first letter', () => {
  assert.equal(directionOf('1. abc אבג'), 'ltr');
  assert.equal(directionOf('«سلام» abc'), 'rtl');
  assert.equal(directionOf('123 – 45'), null);
});

test('an answer that is read as it grows is the same at its end', () => {
  const text = [
    '# Title',
    'Text with **bold**\nand a [link][x].',
    '- one\n\n  more\n- two\n  - three',
    'Setext\n---',
    '| a | b |\n|:-:|--:|\n| \\(|x|\\) | 2 |',
    '```js\nlet a;\n\nlet b;\n```',
    '\\[\nx\n\n- y\n\\]',
    '> quoted\n> more',
    '1. a\n2. b',
    '    code',
    'Last \\(z\\).',
    '[x]: https://example.org',
  ]
    .join('\n\n')
    .repeat(3);
  const whole = new Reader().read(text);
  assert.ok(whole.length > 20);
  const reader = new Reader();
  for (let end = 1; end <= text.length; end += 3) reader.read(text.slice(0, end), true);
  assert.deepEqual(reader.read(text, false), whole);
  const growing = new Reader();
  const plain = 'One.\n\n**Two** \\(x\\).\n\n- three\n- four\n\nFive.\n\nSix.\n';
  for (let end = 1; end < plain.length; ++end) {
    assert.deepEqual(
      growing.read(plain.slice(0, end), true),
      new Reader().read(plain.slice(0, end), true),
      plain.slice(0, end),
    );
  }
});

test('columns keep their alignment, and lists their direction', () => {
  assert.match(
    new Reader().read('| a | b |\n|:-:|--:|\n| 1 | 2 |')[0],
    /<th dir="auto" class="to-center word">a.*<td class="to-right word">2/s,
  );
  assert.match(new Reader().read('- שלום\n- two')[0], /<ul dir="rtl">/);
  assert.doesNotMatch(new Reader().read('<b style="x">\n\n<script>1</script>').join(), /<b|<script/);
});

const said = (id, role, after, more = {}) =>
  readMessages([{ id, role, content: id, after, at: more.at ?? 10, ...more }])[0];
const ids = (messages) => pathOf(messages).map((step) => step.message.id);

test('what the page of before kept is a conversation in the same order', () => {
  const old = [
    { id: 'q', role: 'user', content: 'q' },
    { id: 'a', role: 'assistant', content: 'a', thoughts: null, state: 'stopped' },
    { id: 'q2', role: 'user', content: 'x' },
  ];
  assert.deepEqual(ids(readMessages(old)), ['q', 'a', 'q2']);
  assert.deepEqual(readMessages(old), readMessages(old));
  assert.deepEqual(readMessages([null, 3, { id: 'x' }, { content: 'y' }]), []);
  assert.deepEqual(readMessages('nothing'), []);
});

test('versions of tabs join to the same conversation, in whatever order they come', () => {
  const base = [said('q', 'user', null), said('a', 'assistant', 'q', { at: 11 })];
  const additions = [
    said('qA', 'user', 'a', { at: 20 }),
    said('aA', 'assistant', 'qA', { at: 21 }),
    said('qB', 'user', 'a', { at: 22 }),
    said('aB', 'assistant', 'qB', { at: 23, state: 'streaming' }),
    said('aB', 'assistant', 'qB', { at: 23, content: 'aB and more' }),
    said('a2', 'assistant', 'q', { at: 30 }),
    said('qA2', 'user', 'a', { at: 31, instead: 'qA' }),
    said('aA2', 'assistant', 'qA2', { at: 32 }),
    said('qA', 'user', 'a', { at: 20, shown: 40 }),
  ];
  const form = (messages) => JSON.stringify([...messages].sort((a, b) => (a.id < b.id ? -1 : 1)));
  let seed = 7;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  let wanted = null;
  for (let round = 0; round < 200; ++round) {
    const tabs = [0, 1, 2].map(() => structuredClone(base));
    for (const addition of additions) joinMessages(tabs[random(3)], [structuredClone(addition)]);
    for (let i = 0; i < 12; ++i) joinMessages(tabs[random(3)], structuredClone(tabs[random(3)]));
    const all = structuredClone(tabs[0]);
    for (const tab of [tabs[2], tabs[1], tabs[2]]) joinMessages(all, structuredClone(tab));
    wanted ??= form(all);
    assert.equal(form(all), wanted);
    assert.deepEqual(ids(all), ['q', 'a2', 'qA', 'aA', 'qB', 'aB']);
    assert.ok(!lacks(all, tabs[1]));
    assert.equal(joinMessages(all, structuredClone(tabs[0])), false);
  }
});

test('an answer only grows, and its writer knows it best', () => {
  const mine = [said('a', 'assistant', 'q', { content: 'abc', state: 'streaming' })];
  joinMessages(mine, [said('a', 'assistant', 'q', { content: 'ab', state: 'stopped' })]);
  assert.equal(mine[0].content, 'abc');
  joinMessages(mine, [said('a', 'assistant', 'q', { content: 'abc', state: 'stopped' })], (id) => id === 'a');
  assert.equal(mine[0].state, 'streaming');
  joinMessages(mine, [said('a', 'assistant', 'q', { content: 'abc', state: 'done' })]);
  assert.equal(mine[0].state, 'done');
});

test('the model sees what was answered, and the question', () => {
  const path = [
    said('q', 'user', null),
    said('a', 'assistant', 'q', { thoughts: 'hm' }),
    said('q1', 'user', 'a'),
    said('a1', 'assistant', 'q1', { content: '' }),
    said('q2', 'user', 'a1'),
    said('a2', 'assistant', 'q2', { state: 'streaming' }),
    said('q3', 'user', 'a2'),
  ];
  assert.deepEqual(
    wireMessages(path).map((m) => m.content),
    ['q', 'a', 'q3'],
  );
  assert.deepEqual(
    wireMessages(path).map((m) => m.reasoning_content),
    [undefined, 'hm', undefined],
  );
});

test('a broken file of messages that follow each other in a ring ends', () => {
  assert.deepEqual(ids([said('q', 'user', null), said('x', 'user', 'y'), said('y', 'assistant', 'x')]), ['q']);
});

test('keys lead from place to place of a chart, and stay on it', () => {
  assert.equal(placeAfter('ArrowRight', 3, 10), 4);
  assert.equal(placeAfter('ArrowRight', 9, 10), 9);
  assert.equal(placeAfter('ArrowLeft', 0, 10), 0);
  assert.equal(placeAfter('PageUp', 5, 1000), 105);
  assert.equal(placeAfter('PageDown', 5, 1000), 0);
  assert.equal(placeAfter('PageUp', 0, 3), 1);
  assert.equal(placeAfter('Home', 5, 10), 0);
  assert.equal(placeAfter('End', 5, 10), 9);
  assert.equal(placeAfter('Tab', 5, 10), null);
});

test('a chart says its values as its table does', () => {
  const chart = { unit: 'percent', digits: 2, labels: ['a', 'b'], curves: [{ name: 'x', values: [-0.00001, 0.125] }, { name: 'y', values: [null, 1] }] };
  assert.equal(sentenceAt(chart, 0), 'a: x 0.00%, y -');
  assert.equal(sentenceAt(chart, 1), 'b: x 12.50%, y 100.00%');
  assert.deepEqual([0.025, 0.1, 5, 2.5, 20000].map(digitsOf), [3, 1, 0, 1, 0]);
  assert.equal(shown(-1.5, { unit: 'plain', digits: 0 }), '-2');
});

test('the numbers of a memo become buttons that know their binding', () => {
  const text = '# A 🌊 of 1,200\n\nIt is about `runs/etf-1`: <b>-3.5</b>%.\n';
  const points = Array.from(text);
  const bind = (part, figure) => {
    const begin = Array.from(text.slice(0, text.indexOf(part))).length;
    return { text: part, begin, end: begin + Array.from(part).length, figure, value: 1 };
  };
  const bindings = [bind('-3.5', 'b'), bind('1,200', 'a'), bind('runs/etf-1', 'c')];
  assert.equal(points.slice(bindings[1].begin, bindings[1].end).join(''), '1,200');
  const [heading, paragraph, ...rest] = memoBlocks({ text, bindings });
  assert.deepEqual(rest, []);
  assert.match(heading, /^<h3 dir="auto">A 🌊 of <span class="bound" role="button" data-binding="1">1,200<\/span><\/h3>/);
  assert.match(paragraph, /<code dir="ltr"><span[^>]*data-binding="2">runs\/etf-1<\/span><\/code>/);
  assert.match(paragraph, /&lt;b&gt;<span[^>]*data-binding="0">-3\.5<\/span>&lt;\/b&gt;%/);
});

test('a memo whose bindings are not its own is shown as text', () => {
  const bindings = [{ begin: 3, end: 2 }, { begin: 0, end: 900 }, { begin: -1, end: 1 }, { begin: NaN, end: 1 }, {}];
  const [block] = memoBlocks({ text: 'a\ue0100\ue011b\ue012 ![x](y) [l](http://x)', bindings });
  assert.doesNotMatch(block, /bound|<img|<a /);
  assert.match(block, /a\ufffd0\ufffdb\ufffd/);
  const [spelled] = memoBlocks({ text: 'a&#xe010;0&#xe011;b&#xe012; &#55;', bindings: [] });
  assert.match(spelled, /a&amp;#xe010;0&amp;#xe011;b&amp;#xe012; &amp;#55;/);
});

test('figures of any kind are said or left out', () => {
  assert.equal(fixed('101234.5'), '101,234.50');
  assert.equal(fixed(-0.001), '0.00');
  for (const odd of [null, undefined, NaN, Infinity, 'x', {}, [1]]) assert.equal(fixed(odd), '–');
  assert.equal(percent(-0.12345, 1), '-12.3%');
  assert.equal(findingOf({ finding: 'nothing' }).words, 'Nothing found');
  assert.equal(findingOf({ finding: 'signal', ruined: '2020-01-01' }).words, 'Account ruined');
  assert.equal(healthOf(null).words, 'not checked yet');
  assert.equal(healthOf({ errors: 0, warnings: 31 }).words, 'no faults, 31 doubtful places');
  assert.equal(healthOf({ errors: 1, warnings: 0 }).words, '1 fault, 0 doubtful places');
  assert.equal(accountWords({ session: null }), 'No session has ended yet.');
  assert.equal(expectedWords({ came: 0.01, came_sessions: 11, expected: 0.0044, z: 0.17 }), 'The returns of 11 sessions add up to 1.00%; by the backtest 0.44% were expected, 0.17 standard errors less than what came.');
  assert.equal(expectedWords({ came: -0.01, came_sessions: 1, expected: 0.0004, z: null }), 'The return of 1 session is -1.00%; by the backtest 0.04% were expected.');
  assert.deepEqual(tryPlace({ kind: 'run', run: 'a', paper: null }), { words: 'a', at: ['runs', 'a'] });
  assert.deepEqual(tryPlace({ kind: 'paper', run: null, paper: 'a' }), { words: 'paper account a', at: ['paper', 'a'] });
  assert.deepEqual(tryPlace({ kind: 'paper', run: null, paper: null }), { words: 'paper account', at: null });
  assert.deepEqual(tryPlace({ kind: 'run', run: null, paper: null }), { words: 'kept outside of runs/', at: null });
  assert.deepEqual(tryPlace({ kind: 'deleted', run: null, paper: null }), { words: 'deleted', at: null });
  assert.deepEqual(axisTexts([9_950_000, 10_000_000, 10_050_000], 50_000, 'plain'), ['9.95M', '10.00M', '10.05M']);
  assert.deepEqual(axisTexts([-2e9, 0, 2e9], 2e9, 'plain'), ['-2B', '0', '2B']);
  assert.deepEqual(axisTexts([0, 500_000, 999_000], 500_000, 'plain'), ['0', '500000', '999000']);
  assert.deepEqual(axisTexts([10_000_000, 10_000_002], 2, 'plain'), ['10000000', '10000002']);
  assert.deepEqual(axisTexts([0, 0.025], 0.025, 'percent'), ['0.0%', '2.5%']);
  assert.deepEqual(axisTexts([], 1, 'plain'), []);
  assert.deepEqual(curveChart('t', 'n', [['a', 1], ['b', null], 'c', ['d', 2]]).labels, ['a', 'd']);
});

test('calls of a single flight never overlap, and the last to ask is answered with what came after', async () => {
  let at_once = 0, most = 0, calls = 0;
  const ask = singleFlight(async () => {
    calls += 1;
    most = Math.max(most, ++at_once);
    await new Promise((go) => setTimeout(go, 5));
    at_once -= 1;
    if (calls === 4) throw new Error('the fourth fails');
  });
  await Promise.all([ask(), ask(), ask()]);
  assert.deepEqual([calls, most], [2, 1]); // one for who came while the first ran
  await ask();
  assert.equal(calls, 3);
  await assert.rejects(ask());
  await ask();
  assert.deepEqual([calls, most], [5, 1]);
});
