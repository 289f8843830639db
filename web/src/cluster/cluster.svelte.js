// What the daemon says, asked for again every two seconds while the page is looked at.
const kEveryMs = 2000;
const kMostCurves = 6;

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

async function curvesOf(runs, key) {
  const curves = [];
  for (const run of runs.slice(0, kMostCurves)) {
    const { points } = await ask(`runs/${segment(run.run)}/metrics?key=${segment(key)}`);
    if (points.length) curves.push({ name: run.label ?? run.run, points });
  }
  return curves;
}

// The metric that is drawn: the ladder's, else the first that a run has.
function keyOf(metrics, wanted) {
  const keys = Object.keys(metrics ?? {});
  return keys.includes(wanted) ? wanted : (keys.find((k) => /^validation\/.*bits_per_byte$/.test(k)) ?? keys.find((k) => /loss/.test(k)) ?? keys[0]);
}

async function refreshDetail() {
  const place = placeOf(location.hash);
  if (!place) {
    Object.assign(cluster, { idea: null, run: null, curves: [], log: '' });
    return;
  }
  if (place.kind === 'idea') {
    const idea = await ask(`ideas/${segment(place.name)}`);
    const runs = idea.runs ?? [];
    const key = keyOf(runs.find((r) => Object.keys(r.metrics ?? {}).length)?.metrics, idea.metric);
    const curves = key ? await curvesOf(runs.filter((r) => r.metrics?.[key]), key) : [];
    Object.assign(cluster, { idea, run: null, log: '', curves, curveTitle: key ?? '' });
    return;
  }
  const run = await ask(`runs/${segment(place.name)}`);
  const key = keyOf(run.metrics, run.metric);
  const curves = key ? await curvesOf([{ run: run.run }], key) : [];
  const { text } = await ask(`runs/${segment(place.name)}/log?tail=8192`).catch(() => ({ text: '' }));
  Object.assign(cluster, { run, idea: null, curves, curveTitle: key ?? '', log: text });
}

export async function refresh() {
  clearTimeout(timer);
  try {
    const [status, { ideas }, { decisions, last }] = await Promise.all([
      ask('status'), ask('ideas'), ask(`decisions?after=${lastDecision}`),
    ]);
    lastDecision = last ?? lastDecision;
    cluster.decisions = [...decisions.reverse(), ...cluster.decisions].slice(0, 200);
    Object.assign(cluster, { status, ideas, failure: '', locked: false, now: Date.now() / 1000 });
    await refreshDetail();
  } catch (error) {
    cluster.failure = error instanceof Refusal ? error.message : 'The daemon does not answer. What runs goes on; trying again…';
  }
  if (!document.hidden && !cluster.locked) timer = setTimeout(refresh, kEveryMs);
}

document.addEventListener('visibilitychange', () => !document.hidden && !cluster.locked && refresh());
addEventListener('hashchange', refresh);
