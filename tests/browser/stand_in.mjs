// A server that shows the page and answers when the test says so: no test waits for a model, or for the clock.
import { readFileSync } from 'node:fs';
import http from 'node:http';

const html = readFileSync(new URL('../../web/dist/index.html', import.meta.url));

// One question that came: `body` is what was sent, `gone` resolves when the page has hung up.
class Call {
  #reply;
  constructor(body, reply) {
    this.body = body;
    this.#reply = reply;
    this.isGone = false;
    this.gone = new Promise((resolve) => reply.on('close', () => resolve((this.isGone = true))));
  }
  get question() {
    return this.body.messages.at(-1).content;
  }
  #event(data) {
    if (!this.#reply.headersSent) this.#reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
    this.#reply.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
  }
  #delta(delta, finish_reason = null) {
    this.#event({ choices: [{ index: 0, delta, finish_reason }] });
  }
  say(content) {
    this.#delta({ content });
    return this;
  }
  think(reasoning_content) {
    this.#delta({ reasoning_content });
    return this;
  }
  end(finish = 'stop') {
    this.#delta({}, finish);
    this.#event({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 7, total_tokens: 10 } });
    this.#event('[DONE]');
    this.#reply.end();
  }
  answer(text) {
    this.say(text).end();
  }
  break() {
    this.#reply.destroy();
  }
  refuse(message, code, status = 400) {
    this.#reply.writeHead(status, { 'Content-Type': 'application/json' });
    this.#reply.end(JSON.stringify({ error: { message, code } }));
  }
}

// {url, port, model, thinking, calls, next(), stop()}: the port is a free one unless it is given; `model`, and whether it
// can think, may be changed; `next()` gives the calls one after another and waits for one that has not come.
export async function startStandIn(wanted = 0) {
  const calls = [];
  const waiting = [];
  const own = { model: 'stand-in', thinking: false };
  let given = 0;
  const server = http.createServer(async (request, reply) => {
    if (request.url === '/') return reply.setHeader('Content-Type', 'text/html; charset=utf-8').end(html);
    if (request.url === '/v1/chat/completions') {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      calls.push(new Call(JSON.parse(Buffer.concat(pieces)), reply));
      return waiting.shift()?.(calls[given++]);
    }
    const models = { object: 'list', data: [{ id: own.model, object: 'model', context_length: 4096, thinking: own.thinking }] };
    reply.setHeader('Content-Type', 'application/json').end(JSON.stringify(models));
  });
  await new Promise((resolve) => server.listen(wanted, '127.0.0.1', resolve));
  const { port } = server.address();
  const next = () =>
    given < calls.length ? Promise.resolve(calls[given++]) : new Promise((resolve) => waiting.push(resolve));
  const stop = () => (server.closeAllConnections(), server.close());
  return Object.assign(own, { url: `http://127.0.0.1:${port}`, port, calls, next, stop });
}
