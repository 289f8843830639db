// The page of `hadal market report`. The program writes the text, the tables and, as JSON, the charts; this draws the
// charts above their tables.
import { mount } from 'svelte';
import 'uplot/dist/uPlot.min.css';
import Chart from '../charts/Chart.svelte';
import { keepLook } from '../charts/look.js';
import './report.css';

keepLook();
for (const chart of JSON.parse(document.getElementById('charts').textContent)) {
  const figure = document.getElementById(chart.id);
  const place = document.createElement('div');
  figure.querySelector('figcaption').after(place);
  mount(Chart, { target: place, props: { chart } });
  figure.querySelector('details').open = false;
}

// On paper nothing can be opened: tables stand there as the program wrote them.
let closed = [];
addEventListener('beforeprint', () => {
  closed = [...document.querySelectorAll('details:not([open])')];
  for (const table of closed) table.open = true;
});
addEventListener('afterprint', () => {
  for (const table of closed) table.open = false;
});
