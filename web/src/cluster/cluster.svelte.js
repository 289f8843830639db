// What the daemon says, asked for again every two seconds while the page is looked at.
import { singleFlight } from '../lib/single_flight.js';

const kEveryMs = 2000;
const kMostCurves = 6;
const kShownDecisions = 200;

export const cluster = $state({
  status: null, ideas: [], decisions: [],
  failure: '', // in words, while the daemon does not answer
  locked: false, // it wants a token
  idea: null, run: null, curves: [], curveTitle: '', log: '',
  now: Date.now() / 1000,
});

let token = sessionStorage.getItem('hadal.cluster.token') ?? '';
let timer = 0;
let lastDecision = 0;

class Refusal extends Error {}

async function ask(path) {
  const response = await fetch(`/api/cluster/${path}`, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
  if (response.status === 401) {
    cluster.locked = true;
    throw new Refusal(token ? 'The cluster does not know this token.' : '');
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(answer?.error ?? `The daemon answered with status ${response.status}.`);
  return answer;
}

export async function unlock(text) {
  token = text.trim();
  cluster.locked = false;
  await refresh();
  if (!cluster.locked) sessionStorage.setItem('hadal.cluster.token', token);
}

// Where the page is: #idea/NAME, #run/r12, or nothing.
export function placeOf(hash) {
  const [kind, ...rest] = hash.replace(/^#/, '').split('/');
  const name = decodeURIComponent(rest.join('/'));
  return (kind === 'idea' || kind === 'run') && name ? { kind, name } : null;
}

const segment = encodeURIComponent;

// Of the first runs that have any; the key is the one that each run is compared by.
async function curvesOf(runs) {
  const curves = [];
  for (const { run } of runs.slice(0, kMostCurves)) {
    const { points } = await ask(`runs/${segment(run)}/metrics`);
    if (points.length) curves.push({ name: run, points });
  }
  return curves;
}

async function refreshDetail() {
  const place = placeOf(location.hash);
  if (!place) {
    Object.assign(cluster, { idea: null, run: null, curves: [], log: '' });
    return;
  }
  if (place.kind === 'idea') {
    const idea = await ask(`ideas/${segment(place.name)}`);
    const measured = idea.runs.filter((run) => run.last !== null);
    const curves = await curvesOf(measured);
    const curveTitle = curves.length ? (await ask(`runs/${segment(measured[0].run)}`)).metric : '';
    Object.assign(cluster, { idea, run: null, log: '', curves, curveTitle });
    return;
  }
  const run = await ask(`runs/${segment(place.name)}`);
  const curves = await curvesOf([run]);
  const { text } = await ask(`runs/${segment(place.name)}/log?from=-8192`);
  Object.assign(cluster, { run, idea: null, curves, curveTitle: run.metric, log: text });
}

async function refreshOnce() {
  clearTimeout(timer);
  try {
    const [status, { ideas }, { decisions, last }] = await Promise.all([
      ask('status'), ask('ideas'), ask(`decisions?after=${lastDecision || -kShownDecisions}`),
    ]);
    lastDecision = last ?? lastDecision;
    cluster.decisions = [...decisions.reverse(), ...cluster.decisions].slice(0, kShownDecisions);
    Object.assign(cluster, { status, ideas, failure: '', locked: false, now: Date.now() / 1000 });
    await refreshDetail();
  } catch (error) {
    cluster.failure = error instanceof Refusal ? error.message : 'The daemon does not answer. What runs goes on; trying again…';
  }
  if (!document.hidden && !cluster.locked) timer = setTimeout(refresh, kEveryMs);
}

// The clock, the address and the reader may ask at once; two at a time would take the same decisions in twice.
export const refresh = singleFlight(refreshOnce);

document.addEventListener('visibilitychange', () => !document.hidden && !cluster.locked && refresh());
addEventListener('hashchange', refresh);
