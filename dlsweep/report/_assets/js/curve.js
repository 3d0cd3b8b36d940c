// Curves of what runs logged while they ran, and the bands of runs that were repeated.

import { axisStyle } from './chart.js';
import { DATA, SETTINGS, extent, valueOf } from './data.js';
import { isFraction, result } from './format.js';
import { beginning, logTicks, ticksFor } from './axis.js';
import { theme } from './theme.js';

export const STEP = DATA.own ? 'epoch' : 'step';
const OUTSIDE = 0.03;

/** A run's values by epoch, up to the first that is no number; or by step, where all are numbers. */
export function curve(metric, run) {
  const values = (DATA.history[metric] || [])[run] || [];
  const columns = DATA.steps && (DATA.steps[metric] || DATA.steps['']);
  const epochs = (columns && columns[run]) || null;
  const points = [];
  for (let index = 0; index < values.length; index += 1) {
    if (values[index] == null) {
      if (points.length) break;
    } else points.push([epochs ? epochs[index] : index + 1, values[index]]);
  }
  return points;
}

/** Runs by the loss that they were trained with, where a metric's values depend on it. */
export function byLoss(metric, runs) {
  if (!DATA.own || !/loss$/.test(metric) || !SETTINGS.has('loss')) return [['', runs]];
  const found = new Map();
  for (const run of runs) {
    const loss = valueOf('loss', run);
    if (!found.has(loss)) found.set(loss, []);
    found.get(loss).push(run);
  }
  return found.size > 1 ? [...found].map(([loss, its]) => [String(loss), its]) : [['', runs]];
}

/** Runs of one configuration together, as means over the epochs that all of them have. */
export function means(metric, runs) {
  const found = new Map();
  for (const run of runs) {
    const group = DATA.configurations[run];
    if (!found.has(group)) found.set(group, []);
    found.get(group).push(run);
  }
  return [...found.values()].map((its) => {
    const curves = its.map((run) => curve(metric, run)).filter((points) => points.length);
    const places = curves.length ? curves[0].map(([at]) => at) : [];
    const columns = places.map((at) => curves.map((points) => (points.find((point) => point[0] === at) || [])[1]));
    const whole = columns.findIndex((column) => column.some((value) => value === undefined));
    const kept = whole < 0 ? columns : columns.slice(0, whole);
    return {
      runs: its,
      points: kept.map((column, index) => [places[index], column.reduce((a, b) => a + b, 0) / column.length]),
      low: kept.map((column, index) => [places[index], Math.min(...column)]),
      high: kept.map((column, index) => [places[index], Math.max(...column)]),
    };
  });
}

/**
 * Where a vertical axis ends: a few runs far outside must not flatten the others. Of fewer than so
 * many values none is a few, and fractions lie between 0 and 1 all.
 */
function limits(metric, values) {
  if (isFraction(metric) || OUTSIDE * values.length < 1) return { cut: 0 };
  const sorted = values.slice().sort((a, b) => a - b);
  const high = sorted[Math.floor((1 - OUTSIDE) * (sorted.length - 1))];
  const most = sorted[sorted.length - 1];
  if (most > 0 && high > 0 && most > 4 * high) return { max: Number((1.15 * high).toPrecision(2)), cut: most };
  return { cut: 0 };
}

/** How the values of a metric are laid out upwards: ends, marks, and what a reader must be told. */
function upwards(metric, values) {
  const log = /loss$/.test(metric) ? logTicks(values) : null;
  if (log) {
    return {
      min: log.min, max: log.max, to: Math.log10, note: 'The axis is logarithmic.',
      label: { customValues: log.ticks, formatter: (at) => result(metric, Number((10 ** at).toPrecision(3))) },
    };
  }
  const { max, cut } = limits(metric, values);
  const ticks = ticksFor(values.map((value) => Math.min(value, max ?? Infinity)));
  const cutNote = cut ? `The axis ends at ${result(metric, ticks.max, 0)}; the highest value is ${result(metric, cut, 0)}.` : '';
  return {
    ...ticks, to: (value) => value, note: cutNote || beginning(metric, ticks),
    label: { formatter: (value) => result(metric, value, ticks.interval < 0.01 ? 1 : 0) },
  };
}

/**
 * Draws curves on a chart; `shown` are `{ points, style, low, high }`, the last on top, with a band
 * where there are `low` and `high`. Returns what a reader must be told about the axis.
 */
export function drawCurves(chart, metric, shown) {
  const all = shown.flatMap(({ points, low = [], high = [] }) => [...points, ...low, ...high]);
  const scale = upwards(metric, all.map((point) => point[1]));
  chart.toPixel = ([at, value]) => chart.echarts.convertToPixel({ gridIndex: 0 }, [at, scale.to(value)]);
  const placed = (points) => points.map(([at, value]) => [at, scale.to(value)]);
  const [first, last] = extent(all.map((point) => point[0])) || [1, 2];
  const single = first === last;
  chart.echarts.setOption({
    animation: false,
    grid: { left: 52, right: 16, top: 14, bottom: 40 },
    xAxis: axisStyle(STEP, {
      type: 'value', minInterval: 1, nameLocation: 'middle', nameGap: 26, splitLine: { show: false },
      // A single epoch stands in the middle of an axis that has no other.
      ...(single ? { min: first - 0.5, max: first + 0.5, axisLabel: { customValues: [first] } } : { min: first, max: last }),
    }),
    yAxis: axisStyle('', {
      type: 'value', min: scale.min, max: scale.max, interval: scale.interval, axisLabel: scale.label,
    }),
    series: [{
      type: 'lines', zlevel: 0, coordinateSystem: 'cartesian2d', polyline: true, silent: true, progressive: 0, clip: true,
      data: single ? [] : shown.filter(({ points }) => points.length > 1).map(({ points, style }) => ({ coords: placed(points), lineStyle: style })),
    }, {
      type: 'scatter', silent: true, symbolSize: 8, clip: true,
      data: shown.filter(({ points }) => points.length === 1)
        .map(({ points, style }) => ({ value: placed(points)[0], itemStyle: { color: style.color, opacity: 0.7 } })),
    }],
  }, { notMerge: true });
  drawBands(chart, shown.filter(({ low = [] }) => low.length > 1));
  return scale.note;
}

function drawBands(chart, banded) {
  const zr = chart.echarts.getZr();
  (chart.bands || []).forEach((band) => zr.remove(band));
  chart.bands = banded.map(({ low, high, style }) => new echarts.graphic.Polygon({
    zlevel: 0, z: -1, silent: true,
    shape: { points: [...high.map(chart.toPixel), ...low.map(chart.toPixel).reverse()] },
    style: { fill: style.color || theme.data, opacity: 0.2 },
  }));
  chart.bands.forEach((band) => zr.add(band));
}

/** The run whose curve is closest to the pointer, among `{ run, points }`. */
export function nearestCurve(chart, shown, x, y) {
  if (!chart.echarts.containPixel({ gridIndex: 0 }, [x, y])) return null;
  const [epoch] = chart.echarts.convertFromPixel({ gridIndex: 0 }, [x, y]);
  let [found, least] = [null, 20];
  for (const { run, points } of shown) {
    const after = points.findIndex((point) => point[0] >= epoch);
    if (after >= 0) {
      const [b, a] = [points[after], points[Math.max(0, after - 1)]];
      const share = b[0] === a[0] ? 0 : (epoch - a[0]) / (b[0] - a[0]);
      const [, upper] = chart.toPixel(a);
      const [, lower] = chart.toPixel(b);
      const distance = Math.abs(upper + share * (lower - upper) - y);
      if (distance < least) [found, least] = [run, distance];
    }
  }
  return found;
}
