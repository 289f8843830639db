import { readEvents } from './sse.js';

// What went wrong, in words for the person at the keyboard. kind: 'offline' (nobody answered), 'broken' (the answer
// ended early), 'refused' (the server said why; `code` is its word for it).
export class ApiFailure extends Error {
  constructor(kind, message, code = null) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

const kOffline = 'The server cannot be reached. Is “hadal serve” still running?';
const kBroken = 'The connection broke before the answer was complete.';

export async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiFailure('offline', kOffline);
  }
  if (response.ok) return response;
  const error = (await response.json().catch(() => null))?.error;
  throw new ApiFailure('refused', error?.message ?? `The server answered with status ${response.status}.`, error?.code);
}

// The model that is served: {id, context_length, thinking}; the last says whether it can think.
export async function fetchModel(signal) {
  const response = await request('/v1/models', { signal });
  return (await response.json()).data[0];
}

// Only what differs from the server's own defaults is sent.
function bodyOf(messages, settings, model) {
  const system = settings.system.trim();
  const body = {
    messages: system ? [{ role: 'system', content: system }, ...messages] : messages,
    stream: true,
    stream_options: { include_usage: true },
  };
  if (settings.temperature !== null) body.temperature = settings.temperature;
  if (settings.maxTokens !== null) body.max_tokens = settings.maxTokens;
  if (settings.thinking !== null && model?.thinking) body.thinking = { type: settings.thinking ? 'enabled' : 'disabled' };
  return JSON.stringify(body);
}

// Streams an answer. onText(text) and onThought(text) get each piece; resolves to {finish, usage}; throws ApiFailure,
// or an AbortError after signal.abort().
export async function streamChat(messages, settings, model, signal, { onText, onThought }) {
  const response = await request('/v1/chat/completions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: bodyOf(messages, settings, model),
    signal,
  });
  const end = { finish: null, usage: null };
  try {
    for await (const data of readEvents(response.body)) {
      if (data === '[DONE]') return end;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ApiFailure('refused', chunk.error.message, chunk.error.code);
      const choice = chunk.choices[0];
      if (choice?.delta.reasoning_content) onThought(choice.delta.reasoning_content);
      if (choice?.delta.content) onText(choice.delta.content);
      end.finish = choice?.finish_reason ?? end.finish;
      end.usage = chunk.usage ?? end.usage;
    }
  } catch (error) {
    if (error instanceof ApiFailure || error.name === 'AbortError') throw error;
    throw new ApiFailure('broken', kBroken);
  }
  throw new ApiFailure('broken', kBroken);
}
