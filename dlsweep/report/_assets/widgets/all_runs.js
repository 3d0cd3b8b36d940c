// Every run in a table that sorts, answers questions and follows the selection.

import { ALL, COUNT, DATA, DIFFERING, METRIC, SETTINGS, extent, valueOf } from '../js/data.js';
import { make, missing } from '../js/dom.js';
import { duration, plain, result, words } from '../js/format.js';
import { scrolling } from '../js/rows.js';
import { asked } from '../js/search.js';
import { choose, on, setFocus, state } from '../js/state.js';
import { colourOf } from '../js/theme.js';

export function fill(element) {
  if (!COUNT) {
    element.append(missing('There are no runs yet.'));
    return;
  }
  const table = scrolling(columns(), {
    label: 'All runs', sort: METRIC.name ? 'value' : null, down: METRIC.goal === 'maximize',
    decorate: (row, run) => {
      row.dataset.run = run;
      if (run === state.focus) row.classList.add('focus');
      row.addEventListener('click', () => setFocus(run));
    },
  });
  const longest = Math.max(4, ...(extent(DATA.names.map((name) => name.length)) || []));
  table.element.style.setProperty('--names', `${(0.58 * longest).toFixed(1)}rem`);
  const texts = new Map();
  const haystack = (run) => {
    if (!texts.has(run)) texts.set(run, textOf(run));
    return texts.get(run);
  };
  const search = make('input', { type: 'search', placeholder: `Search: ${example()}`, 'aria-label': 'Search the runs' });
  const count = make('span', { class: 'count', role: 'status' });
  const show = () => {
    const { test, unknown } = asked(search.value, haystack);
    const found = ALL.filter((run) => state.selected[run] && test(run));
    table.show(found);
    const all = `${plain(COUNT)} ${COUNT === 1 ? 'run' : 'runs'}`;
    const told = found.length === COUNT ? all : `${plain(found.length)} of ${all}`;
    count.textContent = unknown.length ? `${told}: no column is called ${unknown[0]}` : told;
  };
  search.addEventListener('input', show);
  on('selection', show);
  on('focus', table.draw);
  on('chosen', table.draw);
  element.append(
    make('div', { class: 'bar' }, search, count,
      make('button', { type: 'button', class: 'quiet', onclick: () => saveCsv(table.order()) }, 'Save as CSV')),
    table.element,
  );
  show();
}

function columns() {
  const [low, high] = extent(DATA.value) || [0, 0];
  const filled = (value) => (value == null ? 0 : 100 * (high > low ? (value - low) / (high - low) : 1));
  const numbers = (names) => names.filter((name) => name in DATA.results && name !== METRIC.name).map((name) => (
    { name: `result ${name}`, text: words(name), value: (run) => DATA.results[name][run], cell: (run) => result(name, DATA.results[name][run]) }
  ));
  const bad = (run) => (['failed', 'diverged'].includes(DATA.status[run]) ? 'status bad' : 'status');
  return [
    {
      name: 'compare', text: 'compare', words: true, pin: 'box',
      cell: (run) => make('input', {
        type: 'checkbox', 'aria-label': `Compare ${DATA.names[run]}`, checked: state.chosen.includes(run),
        onchange: (event) => choose(run, event.target.checked),
        onclick: (event) => event.stopPropagation(),
      }),
    },
    { name: 'name', text: 'run', value: (run) => DATA.names[run], words: true, header: true, pin: 'first', cell: nameCell },
    ...(METRIC.name ? [{
      name: 'value', text: METRIC.label, meter: true, pin: 'second', value: (run) => DATA.value[run],
      cell: (run) => make('span', { class: 'meter', vars: { '--fill': `${filled(DATA.value[run]).toFixed(1)}%`, '--meter': colourOf(run) } }, result(METRIC.name, DATA.value[run])),
    }] : []),
    ...numbers(DATA.own ? ['best_val_accuracy', 'test_accuracy'] : []),
    { name: 'status', text: 'status', value: (run) => DATA.status[run], words: true, cell: (run) => make('span', { class: bad(run) }, `${DATA.status[run].replace('_', ' ')}${DATA.beside[run] ? ', beside the sweep' : ''}`) },
    ...DIFFERING.map((name) => ({
      name: `setting ${name}`, text: words(name), value: (run) => valueOf(name, run),
      words: SETTINGS.get(name).values.some((value) => typeof value !== 'number'),
    })),
    ...numbers(DATA.own ? ['best_epoch'] : Object.keys(DATA.results)),
    ...(DATA.training.some((value) => value != null) ? [{ name: 'training', text: DATA.own ? 'training time' : 'time', value: (run) => DATA.training[run], cell: (run) => duration(DATA.training[run]) }] : []),
  ];
}

/** What words are looked for in. */
function textOf(run) {
  return [
    DATA.names[run], DATA.ids[run], DATA.status[run].replace('_', ' '), DATA.reasons[run] || '',
    ...DIFFERING.map((name) => `${valueOf(name, run) ?? ''} ${name}`),
  ].join(' ').toLowerCase();
}

/** A question, to show how to ask one. */
function example() {
  const numbers = DIFFERING.filter((name) => SETTINGS.get(name).values.every((value) => typeof value === 'number'));
  const texts = DIFFERING.filter((name) => !numbers.includes(name));
  const parts = [
    ...texts.slice(0, 1).map((name) => `${name}=${SETTINGS.get(name).values[0]}`),
    ...numbers.slice(0, 1).map((name) => `${name}>${SETTINGS.get(name).values[0]}`),
  ].filter((part) => part.length < 32);
  return [...parts, 'words'].join(' ');
}

/** A run's name; a link where the run has a page of its own. */
function nameCell(run) {
  const name = make('span', { class: 'name', title: DATA.names[run] }, DATA.names[run]);
  const url = DATA.urls[run];
  return url ? make('a', { href: url, rel: 'noreferrer', onclick: (event) => event.stopPropagation() }, name) : name;
}

function saveCsv(runs) {
  const cell = (value) => {
    const text = value == null ? '' : String(value);
    // A spreadsheet must not take a name for a formula.
    const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const results = Object.keys(DATA.results).filter((name) => name !== METRIC.name);
  const judged = METRIC.name ? [METRIC.name] : [];
  const lines = [['run', 'id', 'status', ...judged, ...results, ...DIFFERING]];
  for (const run of runs) {
    lines.push([DATA.names[run], DATA.ids[run], DATA.status[run], ...judged.map(() => DATA.value[run]),
      ...results.map((name) => DATA.results[name][run]), ...DIFFERING.map((name) => valueOf(name, run))]);
  }
  const text = lines.map((row) => row.map(cell).join(',')).join('\r\n');
  const link = make('a', { href: URL.createObjectURL(new Blob([text], { type: 'text/csv' })), download: 'runs.csv' });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
