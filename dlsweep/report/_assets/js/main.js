// Puts the widgets into the page and connects what concerns the page as a whole.

import { charts, redrawAll } from './chart.js';
import { ALL, COUNT, DATA, METRIC, median } from './data.js';
import { make } from './dom.js';
import { plain, result } from './format.js';
import { choose, clearFilters, on, setFocus, state } from './state.js';
import { readTheme } from './theme.js';

const AT_ONCE = 2000; // runs of a page whose figures are all drawn before anybody looks at them
const waiting = new Set();

function fill(element, widgets) {
  waiting.delete(element);
  widgets[element.dataset.widget].fill(element, JSON.parse(element.dataset.options));
}

/** Fill every place that stands for a widget: of very many runs, when it comes near the window. */
export function start(widgets) {
  readTheme();
  const places = document.querySelectorAll('[data-widget]');
  if (COUNT <= AT_ONCE) places.forEach((element) => fill(element, widgets));
  else {
    const seen = new IntersectionObserver((entries) => entries.forEach(({ isIntersecting, target }) => {
      if (isIntersecting && waiting.has(target)) fill(target, widgets);
    }), { rootMargin: '400px' });
    places.forEach((element) => { waiting.add(element); seen.observe(element); });
    addEventListener('beforeprint', () => [...waiting].forEach((element) => fill(element, widgets)), { capture: true });
  }
  document.documentElement.dataset.ready = 'true';
}

// The bar at the bottom: what is selected, which run is in focus.
const bar = make('div', { class: 'chosen-bar', role: 'status' });
document.body.append(bar);
function drawBar() {
  const parts = [];
  if (state.filters.size) {
    const values = ALL.filter((run) => state.selected[run]).map((run) => DATA.value[run]);
    parts.push(make('span', { class: 'part' },
      make('strong', { id: 'selected-count' }, `${plain(state.count)} of ${plain(COUNT)} runs`),
      state.count && METRIC.name ? ` · median ${result(METRIC.name, median(values), 1)} ` : ' ',
      make('button', { type: 'button', onclick: clearFilters }, 'Show all')));
  }
  if (state.focus >= 0) {
    const run = state.focus;
    parts.push(make('span', { class: 'part' }, make('i', { class: 'dot' }), make('strong', { class: 'name' }, DATA.names[run]),
      METRIC.name ? ` ${result(METRIC.name, DATA.value[run])} ` : ' ',
      state.chosen.includes(run) ? null : make('button', { type: 'button', onclick: () => { choose(run, true); drawBar(); } }, 'Compare'),
      make('button', { type: 'button', 'aria-label': 'Stop highlighting', onclick: () => setFocus(run) }, '×')));
  }
  bar.replaceChildren(...parts);
  bar.classList.toggle('shown', parts.length > 0);
}
on('selection', drawBar);
on('focus', drawBar);
addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && state.focus >= 0) setFocus(state.focus);
});

// Copying, dark and light, paper.
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      // A page opened from a file may not write to the clipboard: mark the text instead.
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      button.textContent = 'Marked: press Ctrl+C';
    }
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}

const dark = matchMedia('(prefers-color-scheme: dark)');
dark.addEventListener('change', redrawAll);
const toggle = document.getElementById('toggle-theme');
toggle.hidden = false;
toggle.addEventListener('click', () => {
  const now = document.documentElement.dataset.theme || (dark.matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = now === 'dark' ? 'light' : 'dark';
  redrawAll();
});

let screenTheme;
addEventListener('beforeprint', () => {
  screenTheme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = 'light';
  readTheme();
  // Paper is narrower than most screens: charts are drawn anew for it, so that words keep their size.
  const narrower = Math.min(1, 680 / document.querySelector('main').clientWidth);
  for (const chart of charts) {
    chart.width = Math.round(chart.width * narrower);
    chart.echarts.resize({ width: chart.width, height: Math.round(chart.echarts.getHeight() * Math.max(0.75, narrower)) });
    chart.draw();
    // One picture of all its layers: of several canvases browsers print the last one only.
    const paper = chart.echarts.renderToCanvas({ pixelRatio: 2 });
    paper.className = 'paper';
    paper.removeAttribute('style');
    chart.element.append(paper);
  }
});
addEventListener('afterprint', () => {
  if (screenTheme) document.documentElement.dataset.theme = screenTheme;
  else delete document.documentElement.dataset.theme;
  readTheme();
  for (const chart of charts) {
    chart.element.querySelector('.paper')?.remove();
    chart.resize();
  }
});
