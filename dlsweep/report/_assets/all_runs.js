// Every run in a table that sorts, searches and follows the selection.

WIDGETS.all_runs = (element) => {
  if (!COUNT) {
    element.append(missing('There are no runs yet.'));
    return;
  }
  const known = DATA.value.filter((value) => value != null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const fill = (value) => (value == null ? 0 : 100 * (high > low ? (value - low) / (high - low) : 1));
  const has = (values) => values.some((value) => value != null);
  const numbers = (names) => names.filter((name) => name in DATA.results && name !== METRIC.name).map((name) => (
    { name: `result ${name}`, text: words(name), value: (run) => DATA.results[name][run], cell: (run) => result(name, DATA.results[name][run]) }
  ));
  const columns = [
    {
      name: 'compare', text: 'compare', words: true,
      cell: (run) => make('input', {
        type: 'checkbox', 'aria-label': `Compare ${DATA.names[run]}`, checked: state.chosen.includes(run),
        onchange: (event) => choose(run, event.target.checked),
        onclick: (event) => event.stopPropagation(),
      }),
    },
    { name: 'name', text: 'run', value: (run) => DATA.names[run], words: true, header: true, cell: nameCell },
    ...(METRIC.name ? [{
      name: 'value', text: METRIC.label, meter: true, value: (run) => DATA.value[run],
      cell: (run) => make('span', { class: 'meter', vars: { '--fill': `${fill(DATA.value[run]).toFixed(1)}%`, '--meter': colourOf(run) } }, result(METRIC.name, DATA.value[run])),
    }] : []),
    ...numbers(DATA.own ? ['best_val_accuracy', 'test_accuracy'] : []),
    { name: 'status', text: 'status', value: (run) => DATA.status[run], words: true, cell: (run) => make('span', { class: `status ${['failed', 'diverged'].includes(DATA.status[run]) ? 'bad' : ''}` }, `${DATA.status[run].replace('_', ' ')}${DATA.beside[run] ? ', beside the sweep' : ''}`) },
    ...SWEPT.map((name) => ({
      name: `setting ${name}`, text: words(name), value: (run) => valueOf(name, run),
      words: SETTINGS.get(name).values.some((value) => typeof value !== 'number'),
    })),
    ...numbers(DATA.own ? ['best_epoch'] : Object.keys(DATA.results)),
    ...(has(DATA.seconds) ? [{ name: 'seconds', text: 'wall time', value: (run) => DATA.seconds[run], cell: (run) => duration(DATA.seconds[run]) }] : []),
  ];
  const haystack = ALL.map((run) => [
    DATA.names[run], DATA.ids[run], DATA.status[run], DATA.reasons[run] || '',
    ...DATA.settings.map(({ name }) => `${name}=${valueOf(name, run)} ${words(name)}`),
  ].join(' ').toLowerCase());
  const search = make('input', { type: 'search', placeholder: `Search: a name, a status, ${example()} …`, 'aria-label': 'Search the runs' });
  const matches = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return ALL.filter((run) => state.selected[run] && wanted.every((word) => haystack[run].includes(word)));
  };
  const table = sortable(columns, ALL, {
    label: 'All runs', size: 25, sort: METRIC.name ? 'value' : null, descending: METRIC.goal === 'maximize',
    rowOf: (line, run) => {
      line.dataset.run = run;
      if (run === state.focus) line.classList.add('focus');
      line.addEventListener('click', () => setFocus(run));
    },
  });
  const count = make('span', { class: 'count', role: 'status' });
  const show = () => {
    const found = matches();
    table.show(found);
    const all = `${plain(COUNT)} ${COUNT === 1 ? 'run' : 'runs'}`;
    count.textContent = found.length === COUNT ? all : `${plain(found.length)} of ${all}`;
  };
  search.addEventListener('input', show);
  on('selection', show);
  on('focus', table.draw);
  on('chosen', table.draw);
  element.append(
    make('div', { class: 'bar' }, search, count,
      make('button', { type: 'button', class: 'quiet', onclick: () => saveCsv(table.order()) }, 'Save as CSV')),
    make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'All runs' }, table.element),
    table.pager,
  );
  show();
};

/** A setting with a value, to show how to search for one. */
function example() {
  if (DATA.own || !SWEPT.length) return 'optimizer=adam';
  const found = SWEPT.flatMap((name) => SETTINGS.get(name).values.map((value) => `${name}=${value}`));
  return found.reduce((a, b) => (b.length < a.length ? b : a)).slice(0, 30);
}

/** A run's name; a link where the run has a page of its own. */
function nameCell(run) {
  const name = make('span', { class: 'name', title: DATA.names[run] }, DATA.names[run]);
  const url = DATA.urls[run];
  return url ? make('a', { href: url, rel: 'noreferrer', onclick: (event) => event.stopPropagation() }, name) : name;
}

function saveCsv(runs) {
  const names = [...DATA.settings.map(({ name }) => name)];
  const cell = (value) => {
    const text = value == null ? '' : String(value);
    // A spreadsheet must not take a name for a formula.
    const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const results = Object.keys(DATA.results);
  const judged = METRIC.name ? [METRIC.name] : [];
  const lines = [['run', 'id', 'status', ...judged, ...results.filter((name) => name !== METRIC.name), ...names]];
  for (const run of runs) {
    lines.push([DATA.names[run], DATA.ids[run], DATA.status[run], ...judged.map(() => DATA.value[run]),
      ...results.filter((name) => name !== METRIC.name).map((name) => DATA.results[name][run]),
      ...names.map((name) => valueOf(name, run))]);
  }
  const text = lines.map((line) => line.map(cell).join(',')).join('\r\n');
  const link = make('a', { href: URL.createObjectURL(new Blob([text], { type: 'text/csv' })), download: 'runs.csv' });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
