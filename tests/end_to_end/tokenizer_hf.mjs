// The tokenizer that Hadal trains and saves, read by Hugging Face's own engine: the same ids for the same text.
// HADAL_TEXT names a file to take more text from.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Tokenizer } from '@huggingface/tokenizers';

const root = new URL('../..', import.meta.url).pathname;
const binary = process.env.HADAL_BINARY ?? `${root}build/hadal`;
const model = process.env.HADAL_TEST_MODEL ?? `${root}models/pilot`;
const read = (name) => JSON.parse(readFileSync(join(model, name), 'utf8'));
const reference = new Tokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
const folder = mkdtempSync(join(tmpdir(), 'hadal-tokenizer-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

function ids(text, special) {
  const file = join(folder, 'text');
  writeFileSync(file, text);
  const answer = execFileSync(binary, ['tokenize', '--model', model, '--json', '--file', file, ...(special ? ['--special'] : [])],
    { encoding: 'utf8', maxBuffer: 1 << 28 });
  return JSON.parse(answer).ids;
}

function check(text) {
  // --special recognises special tokens; the reference always does.
  assert.deepEqual(ids(text, true), Array.from(reference.encode(text).ids, Number), JSON.stringify(text.slice(0, 200)));
}

test('prose and code', () => {
  for (const name of ['README.md', 'CONTRIBUTING.md', 'src/tokenizer/tokenizer.cc', 'recipes/smoke.toml']) {
    check(readFileSync(join(root, name), 'utf8'));
  }
  if (process.env.HADAL_TEXT) check(readFileSync(process.env.HADAL_TEXT, 'utf8'));
});

test('every kind of character', () => {
  const parts = ['a', 'Word', "'s", "'LL", ' ', '  ', '\n', '\r\n', '\t', '\u3000', '1', '23', '4567', '.', '!?', '#x', '$', '+', 'é', 'e\u0301', 'ß',
    '世界', 'かな', '한글', 'العربية', '😀', '👩‍👩‍👧', '½', '²', '\u200b', '\u0001', '<', '>', '_', '/', '\\', '"'];
  let state = 1;
  const below = (n) => (state = (state * 48271) % 2147483647) % n;
  let text = '';
  for (let line = 0; line < 1000; ++line) {
    for (let n = below(30); n > 0; --n) text += parts[below(parts.length)];
    text += '\n';
  }
  check(text);
});

test('special tokens', () => {
  const specials = read('tokenizer.json').added_tokens.map((token) => token.content);
  check(`a${specials.join('b ')} c\n${specials.join('')}`);
});
