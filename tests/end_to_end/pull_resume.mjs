// A download that is killed with SIGKILL in the middle goes on where it stopped; then the model is listed, renamed and
// removed.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const binary = process.env.HADAL_BINARY ?? new URL('../../build/hadal', import.meta.url).pathname;
const models = mkdtempSync(join(tmpdir(), 'hadal_pull_'));
const weights = randomBytes(8 << 20);
const config = Buffer.from('{"model_type": "deepseek_v3"}');
const commit = 'c0ffee';
const ranges = [];
let patient = false; // the server gives half of the weights, then nothing

const sha256 = createHash('sha256').update(weights).digest('hex');
const blob = createHash('sha1').update(`blob ${config.length}\0`).update(config).digest('hex');
const list = [
  { type: 'file', path: 'config.json', size: config.length, oid: blob },
  { type: 'file', path: 'model.safetensors', size: 134, oid: 'x', lfs: { oid: sha256, size: weights.length } },
];

function sendWeights(request, response) {
  ranges.push(request.headers.range);
  const first = Number(request.headers.range?.match(/bytes=(\d+)-/)[1] ?? 0);
  const headers = { ETag: '"w"', 'Content-Length': weights.length - first };
  if (first > 0) headers['Content-Range'] = `bytes ${first}-${weights.length - 1}/${weights.length}`;
  response.writeHead(first > 0 ? 206 : 200, headers);
  if (patient) response.end(weights.subarray(first));
  else response.write(weights.subarray(0, weights.length / 2));
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (pathname === '/api/models/org/tiny/revision/main') response.end(JSON.stringify({ sha: commit }));
  else if (pathname === `/api/models/org/tiny/tree/${commit}`) response.end(JSON.stringify(list));
  else if (pathname === `/org/tiny/resolve/${commit}/config.json`) response.end(config);
  else if (pathname === `/org/tiny/resolve/${commit}/model.safetensors`) sendWeights(request, response);
  else response.writeHead(404).end();
}).listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => {
  server.closeAllConnections?.();
  server.close();
  rmSync(models, { recursive: true, force: true });
});

function start(...words) {
  const endpoint = `http://127.0.0.1:${server.address().port}`;
  const env = { ...process.env, HADAL_MODELS: models, HF_ENDPOINT: endpoint, HF_TOKEN: 'hf_x', NO_PROXY: '*' };
  const child = spawn(binary, words, { env, cwd: models, stdio: ['ignore', 'pipe', 'pipe'] });
  child.out = child.err = '';
  child.stdout.on('data', (text) => (child.out += text));
  child.stderr.on('data', (text) => (child.err += text));
  child.exited = once(child, 'close');
  return child;
}
async function run(...words) {
  const child = start(...words);
  const [code] = await child.exited;
  assert.strictEqual(code, 0, child.err);
  return child;
}
async function listed() {
  const { models } = JSON.parse((await run('models', '--json')).out);
  return models.map(({ name, kind, finished }) => [name, kind, finished]);
}

test('killed in the middle, resumed, listed, renamed, removed', async () => {
  const part = join(models, '.tiny.partial/files/model.safetensors.part');
  const killed = start('pull', '--anyway', 'hf:org/tiny');
  for (let i = 0; !(existsSync(part) && statSync(part).size === weights.length / 2); ++i) {
    assert.ok(i < 1000, `half of the weights did not come\n${killed.err}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  killed.kill('SIGKILL');
  await killed.exited;
  assert.ok(!existsSync(join(models, 'tiny')));
  assert.deepStrictEqual(await listed(), [['tiny', 'unfinished', false]]);

  patient = true;
  const done = JSON.parse((await run('pull', '--anyway', 'hf:org/tiny', '--json')).out);
  assert.deepStrictEqual(ranges, [undefined, `bytes=${weights.length / 2}-`]);
  assert.strictEqual(done.name, 'tiny');
  assert.strictEqual(done.path, join(models, 'tiny'));
  assert.strictEqual(done.bytes, weights.length + config.length);
  assert.deepStrictEqual(done.files[1], { path: 'model.safetensors', bytes: weights.length, sha256 });
  assert.ok(readFileSync(join(models, 'tiny/model.safetensors')).equals(weights));

  const again = start('pull', '--anyway', 'hf:org/tiny');
  assert.deepStrictEqual(await again.exited, [1, null]);
  assert.match(again.err, /is there already/);

  await run('models', 'rename', 'tiny', 'small');
  assert.deepStrictEqual(await listed(), [['small', 'folder', true]]);
  const unasked = start('models', 'remove', 'small');
  assert.deepStrictEqual(await unasked.exited, [1, null]);
  assert.match(unasked.err, /--yes/);
  await run('models', 'remove', 'small', '--yes');
  assert.deepStrictEqual(await listed(), []);
});
