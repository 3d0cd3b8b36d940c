// The metric of every run against a setting, a result, its training time or its place in the order.

import { ORDER, TIME, axisOf, beginning, resultAxis, ticksFor } from '../js/axis.js';
import { axisStyle, makeChart, rampLegend } from '../js/chart.js';
import { ALL, BETTER, DATA, METRIC, WORST_FIRST, jitter, median } from '../js/data.js';
import { make, missing, select } from '../js/dom.js';
import { byLoss } from '../js/curve.js';
import { result, words } from '../js/format.js';
import { highlight } from '../js/highlight.js';
import { on, state } from '../js/state.js';
import { colourOf, kind, theme } from '../js/theme.js';

const NEAR = 14;
const MANY = 400;
const VERY_MANY = 3000;
const SHADES = 12;

/** `against` is what stands on the horizontal axis at first, `order` the settings as they are offered. */
export function fill(element, { against, order, compact }) {
  if (!DATA.value.some((value) => value != null)) {
    element.append(missing(`No run has a value of ${METRIC.label}, so there is nothing to draw.`));
    return;
  }
  const choices = offered(order);
  if (!choices.length) {
    element.append(missing('The runs do not differ in any setting, and no times are known.'));
    return;
  }
  const wanted = { time: TIME, order: ORDER }[against] || against;
  let horizontal = choices.some(([name]) => name === wanted) ? wanted : choices[0][0];
  let coloured = '';
  const kinds = DATA.settings.filter((setting) => axisOf(setting.name).category && setting.values.length <= 7);
  const legend = make('div', { class: 'legend' });
  const note = make('p', { class: 'note' });

  const place = (run) => {
    const axis = axisOf(horizontal);
    const at = axis.at(run);
    if (at == null || DATA.value[run] == null) return null;
    return [axis.category ? at + 0.3 * jitter(run) : at, DATA.value[run]];
  };
  const colour = (run) => {
    if (!coloured) return colourOf(run);
    const at = axisOf(coloured).at(run);
    return at == null ? theme.soft : kind(at);
  };
  let pixels = new Map();
  const chart = makeChart(element, `${METRIC.label} of every run`, (width) => (compact ? (width < 560 ? 215 : 320) : width < 560 ? 300 : 400), () => {
    const axis = axisOf(horizontal);
    const drawn = WORST_FIRST.filter((run) => place(run));
    const ticks = ticksFor([...drawn.map((run) => DATA.value[run]), ...(DATA.chance == null ? [] : [DATA.chance])]);
    chart.echarts.setOption({
      animation: false,
      grid: { left: 52, right: 16, top: 14, bottom: axis.category ? 50 : 44 },
      xAxis: across(axis, chart.width),
      yAxis: axisStyle('', { type: 'value', ...ticks, axisLabel: { formatter: (value) => result(METRIC.name, value, ticks.interval < 0.01 ? 1 : 0) } }),
      series: [...points(drawn, place, colour, coloured), ...chanceLine(axis), ...over(axis, drawn.filter((run) => state.selected[run]))],
    }, { notMerge: true });
    legend.replaceChildren(...(coloured
      ? axisOf(coloured).labels.map((label, at) => make('span', { vars: { '--swatch': kind(at) } }, make('i'), label))
      : [rampLegend()].filter(Boolean)));
    const lines = axis.category ? 'Thick lines are medians; dots are spread sideways only to be seen.' : axis.name === ORDER ? 'The line is the best so far.' : '';
    const guessing = DATA.chance == null ? '' : 'The dashed line is always answering one class.';
    note.textContent = [lines, guessing, beginning(METRIC.name, ticks)].filter(Boolean).join(' ');
    // The axes are linear: two points tell where all others are.
    const [[left, bottom], [right, top]] = [[axis.min, ticks.min], [axis.max, ticks.max]]
      .map((corner) => chart.echarts.convertToPixel({ gridIndex: 0 }, corner));
    const [wide, high] = [(right - left) / (axis.max - axis.min), (top - bottom) / (ticks.max - ticks.min)];
    pixels = new Map(drawn.map((run) => {
      const [x, y] = place(run);
      return [run, [left + wide * (x - axis.min), bottom + high * (y - ticks.min)]];
    }));
  });
  chart.element.before(make('div', { class: 'bar' },
    select('Against', choices, horizontal, (name) => { horizontal = name; chart.draw(); }),
    ...(compact ? [] : [select('Colour', [['', 'rank'], ...kinds.map(({ name }) => [name, words(name)])], '', (name) => {
      coloured = name;
      chart.draw();
    }), legend])));
  element.append(note);
  highlight(chart, {
    pointsOf: (run) => (pixels.has(run) ? [pixels.get(run)] : []),
    nearest: (x, y) => {
      let [found, least] = [null, NEAR];
      for (const [run, at] of pixels) {
        if (state.selected[run]) {
          const distance = Math.hypot(at[0] - x, at[1] - y);
          if (distance < least) [found, least] = [run, distance];
        }
      }
      return found;
    },
  });
  chart.draw();
  on('selection', chart.draw);
}

function offered(order) {
  const choices = [...new Set([...order, ...DATA.settings.map(({ name }) => name)])].map((name) => [name, words(name)]);
  if (DATA.training.some((seconds) => seconds != null)) choices.push([TIME, DATA.own ? 'training time' : 'time']);
  choices.push([ORDER, 'order of the runs']);
  for (const name of Object.keys(DATA.results)) {
    // Values of different losses cannot stand on one axis.
    if (name !== METRIC.name && byLoss(name, ALL).length === 1) choices.push([resultAxis(name), words(name)]);
  }
  return choices;
}

function across(axis, width) {
  const each = (width - 68) / (axis.labels || ['']).length;
  const label = axis.category
    ? { customValues: axis.labels.map((_, at) => at), formatter: axis.format, interval: 0, hideOverlap: each < 30, width: each - 4, overflow: 'break' }
    : { formatter: axis.format, ...(axis.ticks ? { customValues: axis.ticks } : { showMinLabel: false, showMaxLabel: false }) };
  return axisStyle(axis.label, {
    type: 'value', min: axis.min, max: axis.max, nameLocation: 'middle', nameGap: axis.category ? 34 : 28,
    interval: axis.category ? 1 : undefined,
    splitLine: { show: false },
    axisLabel: label,
  });
}

function points(drawn, place, colour, coloured) {
  const chosen = drawn.filter((run) => state.selected[run]);
  const common = { type: 'scatter', silent: true, progressive: 0 };
  const others = { ...common, symbolSize: 5, data: drawn.filter((run) => !state.selected[run]).map(place), itemStyle: { color: theme.soft, opacity: 0.14 } };
  if (chosen.length <= VERY_MANY) {
    const size = chosen.length > MANY ? 6 : 8;
    return [others, { ...common, symbolSize: size, data: chosen.map((run) => ({ value: place(run), itemStyle: { color: colour(run), opacity: 0.8 } })) }];
  }
  // Very many are drawn at once, those of about one colour together.
  const every = Math.ceil(chosen.length / SHADES);
  const shades = coloured ? [...new Set(chosen.map(colour))].map((one) => chosen.filter((run) => colour(run) === one))
    : Array.from({ length: SHADES }, (_, shade) => chosen.slice(shade * every, (shade + 1) * every));
  return [{ ...others, large: true }, ...shades.filter((runs) => runs.length).map((runs) => (
    { ...common, large: true, largeThreshold: 1, symbolSize: 4, data: runs.map(place), itemStyle: { color: colour(runs[runs.length >> 1]), opacity: 0.5 } }
  ))];
}

function chanceLine(axis) {
  if (DATA.chance == null) return [];
  return [{
    type: 'line', silent: true, symbol: 'none', data: [[axis.min, DATA.chance], [axis.max, DATA.chance]],
    lineStyle: { color: theme.soft, width: 1, type: [4, 4] },
  }];
}

/** What is drawn over the dots: medians, or the best so far. */
function over(axis, chosen) {
  if (axis.category) {
    const grouped = axis.labels.map(() => []);
    for (const run of chosen) grouped[axis.at(run)].push(DATA.value[run]);
    const middles = grouped.map(median);
    return [{
      type: 'lines', zlevel: 0, coordinateSystem: 'cartesian2d', polyline: true, silent: true,
      lineStyle: { color: theme.ink, width: 2.5, opacity: 1 },
      data: middles.flatMap((middle, at) => (middle == null ? [] : [{ coords: [[at - 0.36, middle], [at + 0.36, middle]] }])),
    }];
  }
  if (axis.name !== ORDER) return [];
  let top = null;
  const steps = [];
  for (const run of chosen.slice().sort((a, b) => a - b)) {
    if (top == null || BETTER * (DATA.value[run] - top) > 0) {
      top = DATA.value[run];
      steps.push([axis.at(run), top]);
    }
  }
  if (steps.length) steps.push([Math.max(...chosen) + 1, top]);
  return [{ type: 'line', step: 'end', silent: true, symbol: 'none', data: steps, lineStyle: { color: theme.ink, width: 1.5 } }];
}
