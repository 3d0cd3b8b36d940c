// Runs next to each other: what differs, curves, matrices.

import { makeChart } from './chart.js';
import { STEP, byLoss, curve, drawCurves } from './curve.js';
import { DATA, METRIC, resultOf, valueOf } from './data.js';
import { make, missing } from './dom.js';
import { duration, plain, result, words } from './format.js';
import { matrixOf, matrixTable } from './matrix.js';
import { kind } from './theme.js';

const COUNTS = /(^|\/)(epoch|step|global_step)$/; // as in Python: they say nothing of a run

/** Fills `element` with a comparison of these runs; the answer takes away its charts. */
export function compare(element, chosen) {
  element.append(facts(chosen));
  const made = curves(element, chosen);
  const split = chosen.some((run) => matrixOf('test', run)) ? 'test' : 'val';
  const matrices = chosen.filter((run) => matrixOf(split, run));
  if (matrices.length) {
    element.append(make('div', { class: 'pair' }, ...matrices.map((run) => (
      matrixTable(matrixOf(split, run), `${DATA.names[run]}, ${split === 'test' ? 'test' : 'validation'}`, true)
    ))));
  }
  return () => made.forEach((chart) => chart.dispose());
}

/** A table: results, then the settings that differ. */
function facts(chosen) {
  const swatch = (index) => make('i', { class: 'swatch', vars: { '--swatch': `var(--kind-${index % 7})` } });
  const row = (name, cells, kindOfRow = '') => make('tr', { class: kindOfRow }, make('th', { scope: 'row' }, name), ...cells.map((cell) => make('td', {}, cell)));
  const settings = DATA.settings.filter(({ name }) => new Set(chosen.map((run) => valueOf(name, run))).size > 1);
  const results = [...(METRIC.name ? [METRIC.name] : []), ...Object.keys(DATA.results).filter((name) => name !== METRIC.name)];
  const rows = [
    ...results.filter((name) => byLoss(name, chosen).length === 1 && chosen.some((run) => resultOf(name, run) != null)).map((name) => (
      row(name === METRIC.name ? METRIC.label : words(name), chosen.map((run) => result(name, resultOf(name, run))), name === METRIC.name ? 'main' : '')
    )),
    row('status', chosen.map((run) => DATA.status[run].replace('_', ' '))),
    ...(chosen.some((run) => DATA.training[run] != null) ? [row(DATA.own ? 'training time' : 'time', chosen.map((run) => duration(DATA.training[run])))] : []),
    make('tr', { class: 'divider' }, make('th', { scope: 'rowgroup', colspan: chosen.length + 1 }, settings.length ? 'Settings that differ' : 'These runs differ in no setting')),
    ...settings.map(({ name }) => row(words(name), chosen.map((run) => plain(valueOf(name, run))))),
  ];
  return make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Comparison' },
    make('table', { class: 'versus' },
      make('thead', {}, make('tr', {}, make('td'), ...chosen.map((run, index) => make('th', { scope: 'col' }, swatch(index), DATA.names[run])))),
      make('tbody', {}, ...rows)));
}

/** Their curves: one chart for a metric, or for each loss where its values cannot be compared. */
function curves(element, chosen) {
  const logged = [METRIC.name, ...Object.keys(DATA.history).filter((name) => name !== METRIC.name && !COUNTS.test(name))];
  const names = (DATA.own ? ['val_accuracy', 'val_loss'] : logged).filter((name) => chosen.some((run) => curve(name, run).length)).slice(0, 2);
  const pair = make('div', { class: 'pair' });
  element.append(pair);
  if (!names.length) pair.append(missing(`These runs have logged no ${STEP}s.`));
  return names.flatMap((metric) => byLoss(metric, chosen).map(([loss, runs]) => {
    const note = make('p', { class: 'note' });
    const place = make('div', {}, make('p', { class: 'caption' }, make('strong', {}, [words(metric), words(loss)].filter(Boolean).join(', '))));
    pair.append(place);
    const chart = makeChart(place, `${words(metric)} of the compared runs`, 260, () => {
      note.textContent = drawCurves(chart, metric, runs.map((run) => (
        { points: curve(metric, run), style: { color: kind(chosen.indexOf(run)), width: 2.2, opacity: 1 } }
      )));
    });
    place.append(note);
    chart.draw();
    return chart;
  }));
}
