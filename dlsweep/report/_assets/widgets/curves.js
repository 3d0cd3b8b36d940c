// What every run logged while it ran, overlaid; or means with bands where runs were repeated.

import { makeChart, rampLegend } from '../js/chart.js';
import { STEP, byLoss, curve, drawCurves, means, nearestCurve } from '../js/curve.js';
import { BEST, DATA, METRIC, WORST_FIRST, sampled } from '../js/data.js';
import { make, missing, segments, select } from '../js/dom.js';
import { capital, plain, result, words } from '../js/format.js';
import { highlight } from '../js/highlight.js';
import { on, state } from '../js/state.js';
import { colourOf } from '../js/theme.js';

const MOST_BUTTONS = 5;
const MOST_CURVES = 1000;
const MOST_BANDS = 12;
const [RUNS, MEANS] = ['runs', 'means'];

export function fill(element, { metrics }) {
  const offered = metrics.filter((metric) => (DATA.history[metric] || []).some((values) => values && values.length));
  if (!offered.length) {
    element.append(missing(`No run has logged its ${STEP}s, so there are no curves to show.`));
    return;
  }
  const groups = new Set(DATA.configurations).size;
  const repeated = groups < DATA.names.length;
  let metric = offered.includes(METRIC.name) ? METRIC.name : offered[0];
  let how = 2 * groups <= DATA.names.length ? MEANS : RUNS;
  const place = make('div', { class: 'facets' });
  const note = make('p', { class: 'note' });
  let panels = [];

  const draw = () => {
    panels.forEach((panel) => panel.dispose());
    const shown = sampled(WORST_FIRST.filter((run) => state.selected[run]), MOST_CURVES);
    const facets = byLoss(metric, shown);
    place.classList.toggle('pair', facets.length > 1);
    const notes = [];
    const boxes = facets.map(([loss]) => (
      make('div', {}, loss ? make('p', { class: 'caption' }, make('strong', {}, `${words(metric)}, ${words(loss)}`)) : null)
    ));
    place.replaceChildren(...boxes);
    panels = facets.map(([, runs], index) => facet(boxes[index], metric, runs, how, notes));
    if (shown.length < state.count) notes.push(`Drawn are ${plain(shown.length)} of ${plain(state.count)} runs, evenly by their rank.`);
    if (how === MEANS) notes.push('Lines are means over the runs of a configuration, bands reach from the least to the greatest of them.');
    note.textContent = [...new Set(notes)].join(' ');
  };
  element.append(make('div', { class: 'bar' },
    (offered.length > MOST_BUTTONS ? select : segments)('What the curves show', offered.map((name) => [name, capital(words(name))]), metric, (chosen) => {
      metric = chosen;
      draw();
    }),
    repeated ? segments('What a curve is', [[RUNS, 'Every run'], [MEANS, 'Means']], how, (chosen) => { how = chosen; draw(); }) : null,
    rampLegend()), place, note);
  draw();
  on('selection', draw);
}

/** One chart of some runs. */
function facet(parent, metric, runs, how, notes) {
  const opacity = Math.max(0.22, Math.min(0.9, 9 / Math.sqrt(runs.length || 1)));
  const style = (run, width) => ({ color: colourOf(run), width, opacity });
  let curves = [];
  const chart = makeChart(parent, `${words(metric)} of every run for each ${STEP}`, (width) => (width < 560 ? 280 : 400), () => {
    if (how === MEANS) {
      const found = means(metric, runs);
      // Too many bands hide each other: then the last, which are the best, alone have one.
      curves = found.map((mean, index) => ({
        ...mean,
        run: mean.runs.includes(BEST) ? BEST : mean.runs[mean.runs.length - 1],
        ...(mean.runs.length < 2 || index < found.length - MOST_BANDS ? { low: [], high: [] } : {}),
      }));
    } else curves = runs.map((run) => ({ run, points: curve(metric, run) }));
    const width = runs.length > 200 ? 1 : 1.4;
    curves = curves.map((one) => ({ ...one, style: style(one.run, how === MEANS ? 2 : width) }));
    notes.push(drawCurves(chart, metric, curves));
  });
  const of = new Map();
  chart.after.unshift(() => {
    of.clear();
    for (const one of curves) for (const run of one.runs || [one.run]) of.set(run, one.points);
  });
  highlight(chart, {
    pointsOf: (run) => {
      const bottom = chart.echarts.getHeight() - 40;
      return (of.get(run) || []).map(chart.toPixel).map(([x, y]) => [x, Math.max(14, Math.min(bottom, y))]);
    },
    nearest: (x, y) => nearestCurve(chart, curves, x, y),
    lineOf: (run, x) => {
      const [epoch] = chart.echarts.convertFromPixel({ gridIndex: 0 }, [x, 0]);
      const points = of.get(run) || [];
      const close = points.reduce((a, b) => (Math.abs(b[0] - epoch) < Math.abs(a[0] - epoch) ? b : a), points[0]);
      return close && [`${words(metric)}, ${STEP} ${close[0]}`, result(metric, close[1])];
    },
  });
  chart.draw();
  return chart;
}
