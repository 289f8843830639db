// What a chart says of its values in words. A chart is
//   { id, title, kind: 'lines' | 'bars', unit: 'plain' | 'percent', digits, height, with_zero,
//     at: places on the axis, labels: of each place, curves: [{ name, values: numbers or null, filled }],
//     spans: a curve goes on past what is null, nameOf: the words of any place on the axis }

// As the program writes it into its tables.
export function shown(value, { unit, digits }) {
  if (value === null) return '-';
  const text = (unit === 'percent' ? value * 100 : value).toFixed(digits);
  return (/[1-9]/.test(text) ? text : text.replace('-', '')) + (unit === 'percent' ? '%' : '');
}

// How many digits behind the point tell multiples of `step` apart: 3 for 0.025.
export function digitsOf(step) {
  let digits = 0;
  while (digits < 9 && Math.abs(step - Number(step.toFixed(digits))) > step * 1e-6) ++digits;
  return digits;
}

// What an axis says of its values, which are multiples of `step`: millions and more in short, where that is shorter.
const kScales = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M']];
export function axisTexts(values, step, unit) {
  const most = Math.max(...values.map(Math.abs));
  const [scale, suffix] = (unit !== 'percent' && kScales.find(([least]) => most >= least && digitsOf(step / least) <= 3)) || [1, ''];
  const digits = digitsOf((unit === 'percent' ? step * 100 : step) / scale);
  return values.map((value) => shown(value / scale, { unit, digits }) + (value ? suffix : ''));
}

// [{ name, text }]: each curve at the place of number `i`.
export const valuesAt = (chart, i) =>
  chart.curves.map(({ name, values }) => ({ name, text: shown(values[i], chart) }));

export const sentenceAt = (chart, i) =>
  `${chart.labels[i]}: ${valuesAt(chart, i)
    .map(({ name, text }) => `${name} ${text}`)
    .join(', ')}`;

// Where a key leads from number `i` of `count`; null: it is no key of a chart.
export function placeAfter(key, i, count) {
  const leap = Math.max(1, Math.round(count / 10));
  const to = {
    ArrowLeft: i - 1,
    ArrowDown: i - 1,
    ArrowRight: i + 1,
    ArrowUp: i + 1,
    PageDown: i - leap,
    PageUp: i + leap,
    Home: 0,
    End: count - 1,
  }[key];
  return to === undefined ? null : Math.min(Math.max(to, 0), count - 1);
}
