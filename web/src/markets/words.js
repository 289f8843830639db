// What the view of markets says of figures. Figures come from files: what is missing or of another kind is "–".
export const kNone = '–';

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
// Amounts are decimal texts.
const numberOf = (value) => (typeof value === 'string' && /^[-+]?[\d.]+$/.test(value) ? Number(value) : value);

function grouped(value, digits) {
  const text = Number(value.toFixed(digits)).toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return /[1-9]/.test(text) ? text : text.replace('-', '');
}
export function fixed(value, digits = 2) {
  const number = numberOf(value);
  return isNumber(number) ? grouped(number, digits) : kNone;
}
export const percent = (value, digits = 2) => (isNumber(value) ? `${grouped(value * 100, digits)}%` : kNone);
// A quantity or a price as the file says it, with its own digits.
export const exact = (value) => (value === null || value === undefined || value === '' ? kNone : String(value));

export const counted = (n, one, many = `${one}s`) => `${isNumber(n) ? n.toLocaleString('en-US') : kNone} ${n === 1 ? one : many}`;
export const span = (first, last) => (first && last ? `${first} to ${last}` : kNone);

// What a run found, before anything else is said of it: {kind, words}.
export function findingOf({ finding, ruined, trained, damage }) {
  if (damage) return { kind: 'damaged', words: 'Cannot be read' };
  if (ruined) return { kind: 'ruined', words: 'Account ruined' };
  if (finding === 'signal') return { kind: 'signal', words: 'Signal' };
  if (finding === 'nothing') return { kind: 'nothing', words: 'Nothing found' };
  return { kind: 'held', words: trained ? 'Trained' : 'No forecast' };
}

export function healthOf(health) {
  if (!health) return { kind: 'unknown', words: 'not checked yet' };
  const { errors, warnings } = health;
  if (errors > 0) return { kind: 'faults', words: `${counted(errors, 'fault')}, ${counted(warnings, 'doubtful place')}` };
  if (warnings > 0) return { kind: 'doubts', words: `no faults, ${counted(warnings, 'doubtful place')}` };
  return { kind: 'sound', words: 'no faults found' };
}

export const codeWords = (code) => code.replaceAll('_', ' ');

export const tryWords = (run) => (isNumber(run.try) && isNumber(run.trials) ? `Try ${run.try} of ${run.trials} on these dates` : '');

// Where an account stands, in a sentence.
export function accountWords(status) {
  if (!status.session) return 'No session has ended yet.';
  const orders = status.orders_next?.length ?? 0;
  return `${status.session}: equity ${fixed(status.equity)}, ${counted(status.positions?.length ?? 0, 'position')}, ${counted(orders, 'order')} for the next session.`;
}

// What came on paper beside what a backtest made one expect; both are sums of the sessions' returns.
export function expectedWords({ came, came_sessions, expected, z }) {
  const came_words = came_sessions === 1 ? 'The return of 1 session is' : `The returns of ${counted(came_sessions, 'session')} add up to`;
  const distance = isNumber(z) ? `, ${fixed(Math.abs(z))} standard errors ${z < 0 ? 'more' : 'less'} than what came` : '';
  return `${came_words} ${percent(came)}; by the backtest ${percent(expected)} were expected${distance}.`;
}

// Where a try of a market is kept: {words, at: the view that shows it and its name there, or null}.
export function tryPlace({ kind, run, paper }) {
  if (kind === 'paper') return { words: paper ? `paper account ${paper}` : 'paper account', at: paper ? ['paper', paper] : null };
  if (kind === 'run') return { words: run ?? 'kept outside of runs/', at: run ? ['runs', run] : null };
  return { words: 'deleted', at: null };
}

// Points [label, value] as a chart (charts/shown.js).
export function curveChart(title, name, points, of_labels = 'Session') {
  const kept = (Array.isArray(points) ? points : []).filter((point) => Array.isArray(point) && isNumber(point[1]));
  return {
    id: title,
    title,
    of_labels,
    kind: 'lines',
    unit: 'plain',
    digits: 2,
    height: 220,
    with_zero: false,
    at: kept.map((_, i) => i),
    labels: kept.map(([label]) => String(label)),
    curves: [{ name, values: kept.map(([, value]) => value), filled: false }],
  };
}
