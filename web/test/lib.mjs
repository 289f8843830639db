import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEvents } from '../src/lib/sse.js';
import { splitThinking } from '../src/lib/thinking.js';

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
  assert.deepEqual(splitThinking('plain'), { thoughts: '', answer: 'plain', open: false });
  assert.deepEqual(splitThinking('<think>hm</think>\n\nyes'), { thoughts: 'hm', answer: 'yes', open: false });
  assert.deepEqual(splitThinking('hm</think>yes'), { thoughts: 'hm', answer: 'yes', open: false });
  assert.deepEqual(splitThinking('<think>hm, so'), { thoughts: 'hm, so', answer: '', open: true });
  assert.deepEqual(splitThinking('<thi'), { thoughts: '', answer: '', open: false });
  assert.deepEqual(splitThinking('yes', 'hm'), { thoughts: 'hm', answer: 'yes', open: false });
  assert.deepEqual(splitThinking('', 'hm'), { thoughts: 'hm', answer: '', open: true });
});
