import { ApiFailure, request } from './api.js';

// What the server researches, and the run that is looked at. `there`: whether this server does research at all.
export const research = $state({ there: false, sources: [], model: false, runs: [], run: null, failure: '' });

let events = null; // of the run that is looked at

const json = async (path, options) => (await request(path, options)).json();
const words = (error) => (error instanceof ApiFailure ? error.message : String(error));

export async function findResearch() {
  try {
    const { runs, sources, model } = await json('/v1/research');
    Object.assign(research, { runs, sources, model, there: sources.length > 0 || runs.length > 0 });
  } catch {
    research.there = false; // an older server, or one that was started without sources
  }
}

export async function startResearch(question, { seconds, model }) {
  research.failure = '';
  try {
    const body = JSON.stringify({ question, budget: { seconds }, no_model: !model });
    const { id } = await json('/v1/research', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    await openRun(id);
    findResearch();
    return true;
  } catch (error) {
    research.failure = words(error);
    return false;
  }
}

export async function openRun(id) {
  closeRun();
  research.failure = '';
  try {
    const summary = await json(`/v1/research/${id}`);
    research.run = { ...summary, events: [], report: null };
    const run = research.run;
    events = new EventSource(`/v1/research/${id}/events`); // comes back by itself, from where it was
    events.onmessage = ({ data }) => take(run, JSON.parse(data));
  } catch (error) {
    research.failure = words(error);
  }
}

export function closeRun() {
  events?.close();
  events = null;
  research.run = null;
}

function take(run, event) {
  if (event.kind === 'progress' || event.kind === 'end') {
    const { kind, ...summary } = event;
    Object.assign(run, summary);
    if (kind === 'end') end(run);
  } else if (event.number > (run.events.at(-1)?.number ?? 0)) {
    run.events.push(event);
  }
}

async function end(run) {
  events?.close();
  events = null;
  if (run.state !== 'failed') {
    try {
      run.report = await json(`/v1/research/${run.id}/report.json`);
    } catch (error) {
      run.error = words(error);
    }
  }
  findResearch();
}

export async function stopRun(id) {
  try {
    await request(`/v1/research/${id}/stop`, { method: 'POST' });
  } catch (error) {
    research.failure = words(error);
  }
}

// What stands around a cite in its snapshot: {before, quote, after}. Positions count bytes of UTF-8.
export async function openCite(run, cite, around = 600) {
  const bytes = new Uint8Array(await (await request(`/v1/research/${run.id}/sources/${cite.source}`)).arrayBuffer());
  const isInside = (at) => at > 0 && at < bytes.length && (bytes[at] & 0xc0) === 0x80;
  let begin = Math.max(0, cite.start - around);
  let end = Math.min(bytes.length, cite.end + around);
  while (isInside(begin)) begin--;
  while (isInside(end)) end++;
  const text = (from, to) => new TextDecoder().decode(bytes.subarray(from, to));
  return {
    before: (begin > 0 ? '…' : '') + text(begin, cite.start),
    quote: text(cite.start, cite.end),
    after: text(cite.end, end) + (end < bytes.length ? '…' : ''),
  };
}
