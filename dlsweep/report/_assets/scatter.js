// The metric of every run against a setting, a result or time.

const TIME = 'time:'; // a setting may be called time

WIDGETS.scatter = (element, { against }) => {
  if (!DATA.value.some((value) => value != null)) {
    element.append(missing(`No run has a value of ${METRIC.label}, so there is nothing to scatter.`));
    return;
  }
  const choices = [];
  if (DATA.started.some((at) => at != null)) choices.push([TIME, 'time']);
  for (const { name } of DATA.settings) choices.push([name, words(name)]);
  for (const name of Object.keys(DATA.results)) {
    if (name !== METRIC.name) choices.push([resultAxis(name), words(name)]);
  }
  if (!choices.length) {
    element.append(missing('The runs do not differ in any setting, and no times are known.'));
    return;
  }
  const first = against === 'time' ? TIME : against;
  let horizontal = choices.some(([name]) => name === first) ? first : choices[0][0];
  let coloured = '';
  const kinds = DATA.settings.filter((setting) => axisOf(setting.name).category && setting.values.length <= 7);
  const legend = make('div', { class: 'legend' });
  element.append(make('div', { class: 'bar' },
    select('Against', choices, horizontal, (name) => { horizontal = name; chart.draw(); }),
    select('Colour', [['', 'rank'], ...kinds.map(({ name }) => [name, words(name)])], '', (name) => {
      coloured = name;
      chart.draw();
    }),
    legend));

  const hours = Math.max(...DATA.started.map((at, run) => (at == null ? 0 : at + (DATA.seconds[run] || 0))));
  const [unit, unitName] = hours > 7200 ? [3600, 'hours'] : hours > 120 ? [60, 'minutes'] : [1, 'seconds'];
  const time = {
    name: TIME,
    label: `${unitName} since the sweep began, when the run ended`,
    category: false,
    min: 0,
    at: (run) => (DATA.started[run] == null ? null : (DATA.started[run] + (DATA.seconds[run] || 0)) / unit),
    format: plain,
  };
  const across = () => (horizontal === TIME ? time : axisOf(horizontal));
  const place = (run) => {
    const axis = across();
    const at = axis.at(run);
    if (at == null || DATA.value[run] == null) return null;
    return [axis.category ? at + 0.3 * jitter(run) : at, DATA.value[run]];
  };
  const colour = (run) => {
    if (!coloured) return colourOf(run);
    const at = axisOf(coloured).at(run);
    return at == null ? theme.soft : theme.kinds[at % theme.kinds.length];
  };

  const chart = makeChart(element, `${METRIC.label} of every run`, (width) => (width < 560 ? 300 : 400), () => {
    const axis = across();
    const drawn = WORST_FIRST.filter((run) => place(run));
    const chosen = drawn.filter((run) => state.selected[run]);
    const ticks = grid(drawn.map((run) => DATA.value[run]));
    const others = drawn.filter((run) => !state.selected[run]);
    const series = [
      { type: 'scatter', silent: true, symbolSize: 5, progressive: 0, data: others.map(place), itemStyle: { color: theme.soft, opacity: 0.14 } },
      {
        type: 'scatter', silent: true, symbolSize: chosen.length > 400 ? 6 : 8, progressive: 0,
        data: chosen.map((run) => ({ value: place(run), itemStyle: { color: colour(run), opacity: 0.8 } })),
      },
    ];
    if (axis.category) {
      const middles = axis.labels.map((_, at) => median(chosen.filter((run) => axis.at(run) === at).map((run) => DATA.value[run])));
      series.push({
        type: 'lines', zlevel: 0, coordinateSystem: 'cartesian2d', polyline: true, silent: true,
        lineStyle: { color: theme.ink, width: 2.5, opacity: 1 },
        data: middles.flatMap((middle, at) => (middle == null ? [] : [{ coords: [[at - 0.36, middle], [at + 0.36, middle]] }])),
      });
    } else if (horizontal === TIME) {
      let top = null;
      const steps = [];
      for (const run of chosen.slice().sort((a, b) => axis.at(a) - axis.at(b))) {
        if (top == null || better * (DATA.value[run] - top) > 0) {
          top = DATA.value[run];
          steps.push([axis.at(run), top]);
        }
      }
      if (steps.length) steps.push([Math.max(...chosen.map(axis.at)), top]);
      series.push({ type: 'line', step: 'end', silent: true, symbol: 'none', data: steps, lineStyle: { color: theme.ink, width: 1.5 } });
    }
    chart.echarts.setOption({
      animation: false,
      grid: { left: 52, right: 16, top: 14, bottom: 44 },
      xAxis: axisStyle(axis.label, {
        type: 'value', min: axis.min, max: axis.max, nameLocation: 'middle', nameGap: 28,
        interval: axis.category ? 1 : undefined,
        splitLine: { show: false },
        axisLabel: axis.category
          ? { customValues: axis.labels.map((_, at) => at), formatter: axis.format, interval: 0 }
          : axis.ticks ? { formatter: axis.format, customValues: axis.ticks } : { formatter: axis.format, showMinLabel: axis.name === TIME, showMaxLabel: false },
      }),
      yAxis: axisStyle('', { type: 'value', ...ticks, axisLabel: { formatter: (value) => result(METRIC.name, value, ticks.interval < 0.01 ? 1 : 0) } }),
      series,
    }, { notMerge: true });
    legend.replaceChildren(...(coloured
      ? axisOf(coloured).labels.map((label, at) => make('span', { vars: { '--swatch': theme.kinds[at % theme.kinds.length] } }, make('i'), label))
      : [rampLegend()]));
    note.textContent = axis.category
      ? 'Thick lines are medians; dots are spread sideways only to be seen.'
      : horizontal === TIME && chosen.length > 1 ? 'The line is the best so far.' : '';
  });
  const note = make('p', { class: 'note' });
  element.append(note);
  const pixels = (run) => {
    const at = place(run);
    return at ? [chart.echarts.convertToPixel({ gridIndex: 0 }, at)] : [];
  };
  highlight(chart, {
    pointsOf: pixels,
    nearest: (x, y) => {
      let [found, least] = [null, 14];
      for (const run of ALL) {
        if (state.selected[run]) {
          for (const at of pixels(run)) {
            const distance = Math.hypot(at[0] - x, at[1] - y);
            if (distance < least) [found, least] = [run, distance];
          }
        }
      }
      return found;
    },
  });
  chart.draw();
  on('selection', chart.draw);
};
