// The `openai` npm client against a running `hadal serve`: what other people's programs will do with it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { eventually, startServer, stopServer } from './serve.mjs';

const question = [{ role: 'user', content: 'Hello! Who are you?' }];
const endless = { messages: question, ignore_eos: true }; // as long as the context
let server, client, model;

before(async () => {
  server = await startServer();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  model = (await client.models.list()).data[0].id;
});
after(() => stopServer(server));

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const choices = chunks.flatMap((c) => c.choices);
  return {
    chunks,
    text: choices.map((c) => c.delta.content ?? '').join(''),
    finish: choices.at(-1)?.finish_reason,
    usage: chunks.at(-1)?.usage,
  };
}

test('lists the model', async () => {
  const found = await client.models.retrieve(model);
  assert.equal(found.id, model);
  assert.equal(found.object, 'model');
});

test('answers', async () => {
  const answer = await client.chat.completions.create({ model, messages: question, seed: 1, max_tokens: 60 });
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.choices[0].message.role, 'assistant');
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.ok(['stop', 'length'].includes(answer.choices[0].finish_reason));
  assert.ok(answer.usage.prompt_tokens > 0);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test('streams the same text as it answers', async () => {
  const call = { model, messages: question, seed: 7, max_tokens: 60 };
  const whole = await client.chat.completions.create(call);
  const stream = await client.chat.completions.create({ ...call, stream: true, stream_options: { include_usage: true } });
  const streamed = await collect(stream);
  assert.equal(streamed.text, whole.choices[0].message.content);
  assert.equal(streamed.finish, whole.choices[0].finish_reason);
  assert.deepEqual(streamed.usage, whole.usage);
  assert.equal(streamed.chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(new Set(streamed.chunks.map((c) => c.id)).size, 1);
});

test('stops at the limit and at a stop string', async () => {
  const call = { model, messages: question, seed: 3 };
  const short = await client.chat.completions.create({ ...endless, model, max_tokens: 5 });
  assert.equal(short.choices[0].finish_reason, 'length');
  assert.equal(short.usage.completion_tokens, 5);
  const whole = (await client.chat.completions.create({ ...call, max_tokens: 40 })).choices[0].message.content;
  const stop = [...whole].slice(1, 4).join('');
  const cut = await client.chat.completions.create({ ...call, max_tokens: 40, stop: [stop] });
  assert.equal(cut.choices[0].message.content, whole.slice(0, whole.indexOf(stop)));
  assert.equal(cut.choices[0].finish_reason, 'stop');
});

test('completes plain text', async () => {
  const answer = await client.completions.create({ model, prompt: 'The sea is', max_tokens: 8, seed: 1 });
  assert.equal(answer.object, 'text_completion');
  assert.ok(answer.usage.completion_tokens <= 8);
});

test('refuses with what is wrong', async () => {
  const refused = (fields) => client.chat.completions.create({ model, messages: question, ...fields });
  await assert.rejects(refused({ temperature: 9 }), (e) => e instanceof OpenAI.BadRequestError && e.param === 'temperature');
  await assert.rejects(refused({ messages: [] }), (e) => e.status === 400 && e.param === 'messages');
  await assert.rejects(refused({ n: 0 }), (e) => e.status === 400 && e.param === 'n');
  await assert.rejects(refused({ model: 'other' }), (e) => e instanceof OpenAI.NotFoundError && e.code === 'model_not_found');
  const long = [{ role: 'user', content: 'deep '.repeat(200_000) }];
  await assert.rejects(refused({ messages: long }), (e) => e.status === 400 && e.code === 'context_length_exceeded');
  await assert.rejects(refused({ messages: long, stream: true }), (e) => e.status === 400 && /tokens/.test(e.message));
});

test('gives several answers, and what else each token might have been', async () => {
  const asked = { model, messages: question, n: 3, seed: 5, max_tokens: 8, logprobs: true, top_logprobs: 2 };
  const reply = await client.chat.completions.create(asked);
  assert.deepEqual(reply.choices.map((choice) => choice.index), [0, 1, 2]);
  for (const { logprobs, message } of reply.choices) {
    assert.equal(logprobs.content.map((token) => token.token).join(''), message.content);
    for (const { logprob, top_logprobs } of logprobs.content) {
      assert.ok(logprob <= 0 && top_logprobs.length === 2 && top_logprobs[0].logprob >= top_logprobs[1].logprob);
    }
  }
});

test('serves several at once, each with its own answer', async () => {
  const alone = [];
  for (const seed of [1, 2, 3, 4]) {
    alone.push(await client.chat.completions.create({ model, messages: question, seed, max_tokens: 30 }));
  }
  const together = await Promise.all(
    [1, 2, 3, 4].map((seed) => client.chat.completions.create({ model, messages: question, seed, max_tokens: 30 })),
  );
  assert.deepEqual(together.map((a) => a.choices[0].message.content), alone.map((a) => a.choices[0].message.content));
});

test('gives up an answer whose client is gone', async () => {
  const running = async () => (await (await fetch(`${server.url}/health`)).json()).running;
  const stream = await client.chat.completions.create({ ...endless, model, stream: true });
  for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
  await eventually(async () => (await running()) === 0, 'the abandoned answer ends');
});

test('finishes what is in flight on SIGTERM', async () => {
  const own = await startServer();
  const asking = new OpenAI({ baseURL: `${own.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const stream = await asking.chat.completions.create({ ...endless, model, max_tokens: 200, stream: true });
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  own.child.kill('SIGTERM');
  let last;
  for (let item = await iterator.next(); !item.done; item = await iterator.next()) last = item.value;
  assert.equal(last.choices[0].finish_reason !== null, true);
  const [code] = await own.exited;
  assert.equal(code, 0);
});
