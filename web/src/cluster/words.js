// What the page says of numbers.
export function span(seconds) {
  if (seconds === null || seconds === undefined) return 'no promise';
  if (seconds < 1) return 'now';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export const ago = (time, now) => (time ? `${span(Math.max(1, now - time))} ago` : '');

export function tokensText(n) {
  for (const [size, unit] of [[1e9, 'B'], [1e6, 'M'], [1e3, 'k']])
    if (n >= size) return `${Number((n / size).toPrecision(3))}${unit}`;
  return String(n);
}

export const valueText = (v) => (typeof v === 'number' ? Number(v.toPrecision(5)).toString() : (v ?? '–'));

export function costText(cost) {
  if (!cost) return '';
  const parts = [`${Number(cost.core_hours.toPrecision(3))} core hours`];
  if (cost.money !== null && cost.money !== undefined) parts.push(`${cost.money.toFixed(2)} ${cost.currency ?? ''}`.trim());
  return parts.join(', ');
}

// Curves over common places for a chart (charts/shown.js): [{ name, points: [[step, value, tokens, time]] }] become one
// axis of tokens, or of steps where a point has none. Missing values are null.
export function chartOf(title, curves) {
  const byTokens = curves.every(({ points }) => points.every(([, , tokens]) => tokens !== null && tokens >= 0));
  const placeOf = ([step, , tokens]) => (byTokens ? tokens : step);
  const places = [...new Set(curves.flatMap(({ points }) => points.map(placeOf)))].sort((a, b) => a - b);
  const nameOf = (place) => (byTokens ? `${tokensText(place)} tokens` : `step ${place}`);
  const numberOf = new Map(places.map((place, i) => [place, i]));
  return {
    id: title,
    title,
    kind: 'lines',
    unit: 'plain',
    digits: 4,
    height: 240,
    with_zero: false,
    spans: true,
    at: places,
    labels: places.map(nameOf),
    nameOf,
    curves: curves.map(({ name, points }) => {
      const values = new Array(places.length).fill(null);
      for (const point of points) values[numberOf.get(placeOf(point))] = Number.isFinite(point[1]) ? point[1] : null;
      return { name, values };
    }),
  };
}
