// Runs next to each other: what differs, curves, matrices.

/** Fills `element` with a comparison of these runs. */
function compare(element, chosen) {
  const colours = () => chosen.map((_, index) => theme.kinds[index % theme.kinds.length]);
  const swatch = (index) => make('i', { class: 'swatch', vars: { '--swatch': `var(--kind-${index % 7})` } });
  const row = (name, cells, kind = '') => make('tr', { class: kind }, make('th', { scope: 'row' }, name), ...cells.map((cell) => make('td', {}, cell)));

  const settings = DATA.settings.filter(({ name }) => new Set(chosen.map((run) => valueOf(name, run))).size > 1);
  const results = [...(METRIC.name ? [METRIC.name] : []), ...Object.keys(DATA.results).filter((name) => name !== METRIC.name)];
  const valueIn = (name, run) => (name === METRIC.name ? DATA.value[run] : DATA.results[name][run]);
  const rows = [
    ...results.filter((name) => chosen.some((run) => valueIn(name, run) != null)).map((name) => (
      row(name === METRIC.name ? METRIC.label : words(name), chosen.map((run) => result(name, valueIn(name, run))), name === METRIC.name ? 'main' : '')
    )),
    row('status', chosen.map((run) => DATA.status[run].replace('_', ' '))),
    ...(chosen.some((run) => DATA.seconds[run] != null) ? [row('wall time', chosen.map((run) => duration(DATA.seconds[run])))] : []),
    make('tr', { class: 'divider' }, make('th', { scope: 'rowgroup', colspan: chosen.length + 1 }, settings.length ? 'Settings that differ' : 'These runs differ in no setting')),
    ...settings.map(({ name }) => row(words(name), chosen.map((run) => plain(valueOf(name, run))))),
  ];
  element.append(make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Comparison' },
    make('table', { class: 'versus' },
      make('thead', {}, make('tr', {}, make('td'), ...chosen.map((run, index) => make('th', { scope: 'col' }, swatch(index), DATA.names[run])))),
      make('tbody', {}, ...rows))));

  const made = [];
  // Losses of different kinds have different scales: side by side they would say nothing.
  const kinds = SETTINGS.has('loss') ? new Set(chosen.map((run) => valueOf('loss', run))).size : 1;
  const own = ['val_accuracy', kinds > 1 ? 'train_accuracy' : 'val_loss'];
  const counts = /(^|\/)(epoch|step|global_step)$/; // as in Python: they say nothing of a run
  const logged = [METRIC.name, ...Object.keys(DATA.history).filter((name) => name !== METRIC.name && !counts.test(name))];
  const metrics = (DATA.own ? own : logged).filter((name) => chosen.some((run) => curve(name, run).length)).slice(0, 2);
  const pair = make('div', { class: 'pair' });
  element.append(pair);
  for (const metric of metrics) {
    const place = make('div', {}, make('p', { class: 'caption' }, make('strong', {}, words(metric))));
    pair.append(place);
    const chart = makeChart(place, `${words(metric)} of the compared runs`, 260, () => {
      const colour = colours();
      drawCurves(chart, metric, chosen, (run) => ({ color: colour[chosen.indexOf(run)], width: 2.2, opacity: 1 }));
    });
    chart.draw();
    made.push(chart);
  }
  if (!metrics.length) pair.append(missing(`These runs have logged no ${STEP}s.`));

  const split = chosen.some((run) => matrixOf('test', run)) ? 'test' : 'val';
  const matrices = chosen.filter((run) => matrixOf(split, run));
  if (matrices.length) {
    element.append(make('div', { class: 'pair' }, ...matrices.map((run) => (
      matrixTable(matrixOf(split, run), `${DATA.names[run]}, ${split === 'test' ? 'test' : 'validation'}`, true)
    ))));
  } else if (DATA.own) element.append(missing('These runs have no confusion matrices.'));
  return () => made.forEach((chart) => {
    chart.echarts.dispose();
    charts.splice(charts.indexOf(chart), 1);
  });
}

WIDGETS.comparison = (element, { runs }) => { compare(element, runs); };

WIDGETS.side_by_side = (element, { runs }) => {
  if (COUNT < 2) {
    element.append(missing('A comparison needs at least two runs.'));
    return;
  }
  const most = 6;
  const chips = make('div', { class: 'chips' });
  const place = make('div');
  const names = make('datalist', { id: 'run-names' }, ...WORST_FIRST.slice().reverse().map((run) => make('option', { value: DATA.names[run] }, METRIC.name ? result(METRIC.name, DATA.value[run]) : '')));
  const field = make('input', {
    type: 'search', list: 'run-names', placeholder: 'Add a run by its name …', 'aria-label': 'Add a run to the comparison',
    onchange: () => {
      const run = DATA.names.indexOf(field.value);
      if (run >= 0 && !state.chosen.includes(run)) {
        field.value = '';
        choose(run, true);
      }
    },
  });
  let dispose = () => {};
  const draw = () => {
    dispose();
    dispose = () => {};
    place.replaceChildren();
    const chosen = state.chosen.slice(0, most);
    chips.replaceChildren(...chosen.map((run, index) => make('button', {
      type: 'button', 'aria-label': `Remove ${DATA.names[run]}`, onclick: () => choose(run, false),
    }, make('i', { class: 'swatch', vars: { '--swatch': `var(--kind-${index % 7})` } }), DATA.names[run], ' ×')));
    if (chosen.length < 2) place.append(missing('Choose two or more runs: here by name, or by their boxes in the table of all runs.'));
    else dispose = compare(place, chosen);
    if (state.chosen.length > most) place.append(missing(`The first ${most} of the ${state.chosen.length} chosen runs are shown.`));
  };
  element.append(make('div', { class: 'bar' }, chips, field, names), place);
  on('chosen', draw);
  state.chosen = runs.slice();
  draw();
};
