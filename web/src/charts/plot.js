// A chart as uPlot draws it.
import uPlot from 'uplot';
import { colour } from './look.js';
import { axisTexts } from './shown.js';

const kFont = '12px system-ui, sans-serif';
const kSteps = [1, 2, 5].flatMap((n) => [0, 1, 2, 3, 4, 5, 6].map((power) => n * 10 ** power)).sort((a, b) => a - b);

const kAxisWidth = 62; // the same for most, so that charts below each other show the same time at the same place
const kWidestLabel = 140;

const pen = document.createElement('canvas').getContext('2d');
function widthOf(texts) {
  pen.font = kFont;
  return Math.ceil(Math.max(0, ...texts.map((text) => pen.measureText(text).width)));
}

const grid = { stroke: () => colour('--rule'), width: 1 };
const faint = (name) => `color-mix(in srgb, ${colour(name)} 18%, transparent)`;

function lines({ curves, spans }) {
  const dashes = [undefined, [7, 3], [2, 3], [12, 4], [7, 3, 2, 3], [1, 5]]; // told apart without colours
  return curves.map(({ filled }, i) => ({
    stroke: () => colour(`--c${i}`),
    fill: filled ? () => faint(`--c${i}`) : undefined,
    dash: dashes[i],
    spanGaps: spans,
    width: 1.6,
    points: { show: false },
  }));
}

// Bars above zero and those below are two series, so that each has its colour.
function bars() {
  const paths = uPlot.paths.bars({ size: [0.8, 60] });
  return ['--c0', '--c1'].map((name) => ({
    stroke: () => colour(name),
    fill: () => colour(name),
    width: 0,
    paths,
    points: { show: false },
  }));
}

export function dataOf({ kind, at, curves }) {
  if (kind !== 'bars') return [at, ...curves.map((curve) => curve.values)];
  const part = (wanted) => curves[0].values.map((v) => (v !== null && wanted(v) ? v : null));
  return [at, part((v) => v >= 0), part((v) => v < 0)];
}

// `onPlace` is called with the number of the place under the cursor.
export function optionsOf(chart, width, onPlace) {
  const { kind, at, labels, height, with_zero, unit, nameOf } = chart;
  const isBars = kind === 'bars';
  const room = isBars || at.length < 2 ? 0.5 : 0;
  const numberAt = new Map(at.map((place, i) => [place, i]));
  const nearest = (place) => numberAt.get(place) ?? at.findIndex((other) => other >= place);
  // The last place may have its label, of which half stands beyond it; so may the first.
  const beyond = Math.min(kWidestLabel, widthOf([...labels.slice(0, 100), ...labels.slice(-1)])) / 2 + 2;
  const axis = { font: kFont, stroke: () => colour('--soft'), ticks: { show: false } };
  return {
    width,
    height,
    padding: [null, beyond, null, null],
    legend: { show: false },
    cursor: {
      drag: { x: false, y: false },
      y: false,
      points: { show: !isBars, size: 7 },
      // Charts over the same time show the same time.
      sync: isBars ? undefined : { key: 'time', scales: ['x', null] },
    },
    scales: {
      x: { time: false, range: () => [(at[0] ?? 0) - room, (at.at(-1) ?? 1) + room] },
      y: {
        range: (_, low, high) => {
          if (low === null) return [0, 1];
          if (isBars || with_zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
          return uPlot.rangeNum(low, high, 0.1, true);
        },
      },
    },
    series: [{}, ...(isBars ? bars() : lines(chart))],
    axes: [
      {
        ...axis,
        grid: { show: false },
        border: { show: true, stroke: () => colour('--rule'), width: 1 },
        incrs: kSteps,
        size: 30,
        space: 20 + 7 * Math.max(...labels.slice(0, 100).map((label) => Math.min(label.length, 20))),
        values: (_, places) => places.map((place) => (nameOf ? nameOf(place) : (labels[nearest(place)] ?? ''))),
      },
      {
        ...axis,
        grid,
        size: (_, texts) => Math.max(kAxisWidth, beyond, 12 + widthOf(texts ?? [])),
        values: (_, values, _axis, _space, step) => axisTexts(values, step, unit),
      },
    ],
    hooks: { setCursor: [(plot) => plot.cursor.idx !== null && plot.cursor.left >= 0 && onPlace(plot.cursor.idx)] },
  };
}
