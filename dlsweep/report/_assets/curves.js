// What every run logged while it ran, overlaid.

/** A run's values by epoch, up to the first that is no number; or by step, where all are numbers. */
function curve(metric, run) {
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

const STEP = DATA.own ? 'epoch' : 'step';
const OUTSIDE = 0.03;

/**
 * Where a vertical axis ends: a few runs far outside must not flatten the others. Of fewer than so
 * many values none is a few, and fractions lie between 0 and 1 all.
 */
function limits(metric, curves) {
  const values = curves.flat().map((point) => point[1]).sort((a, b) => a - b);
  if (isFraction(metric) || OUTSIDE * values.length < 1) return { cut: 0 };
  const high = values[Math.floor((1 - OUTSIDE) * (values.length - 1))];
  const most = values[values.length - 1];
  if (most > 0 && high > 0 && most > 4 * high) return { max: Number((1.15 * high).toPrecision(2)), cut: most };
  return { cut: 0 };
}

/** Draws curves on a chart and returns where its axis ends; `shown` are runs, the last on top. */
function drawCurves(chart, metric, shown, styleOf) {
  const curves = shown.map((run) => curve(metric, run));
  const { max } = limits(metric, curves);
  const ticks = grid(curves.flat().map((point) => Math.min(point[1], max ?? Infinity)));
  const epochs = curves.flat().map((point) => point[0]);
  const [first, last] = epochs.length ? epochs.reduce(([a, b], at) => [Math.min(a, at), Math.max(b, at)], [Infinity, -Infinity]) : [1, 2];
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
      type: 'value', ...ticks, axisLabel: { formatter: (value) => result(metric, value, ticks.interval < 0.01 ? 1 : 0) },
    }),
    series: [{
      type: 'lines', zlevel: 0, coordinateSystem: 'cartesian2d', polyline: true, silent: true, progressive: 0, clip: true,
      data: single ? [] : shown.map((run, index) => ({ coords: curves[index], lineStyle: styleOf(run) })).filter((item) => item.coords.length > 1),
    }, {
      type: 'scatter', silent: true, symbolSize: 8, clip: true,
      data: curves.flatMap((points, index) => (
        points.length === 1 ? [{ value: points[0], itemStyle: { color: styleOf(shown[index]).color, opacity: 0.7 } }] : []
      )),
    }],
  }, { notMerge: true });
  return ticks.max;
}

function curvePixels(chart, metric, run) {
  return curve(metric, run).map((point) => chart.echarts.convertToPixel({ gridIndex: 0 }, point));
}

/** The run whose curve is closest to the pointer, among these. */
function nearestCurve(chart, metric, shown, x, y) {
  if (!chart.echarts.containPixel({ gridIndex: 0 }, [x, y])) return null;
  const [epoch] = chart.echarts.convertFromPixel({ gridIndex: 0 }, [x, y]);
  let [found, least] = [null, 20];
  for (const run of shown) {
    const points = curve(metric, run);
    const after = points.findIndex((point) => point[0] >= epoch);
    if (after >= 0) {
      const [b, a] = [points[after], points[Math.max(0, after - 1)]];
      const share = b[0] === a[0] ? 0 : (epoch - a[0]) / (b[0] - a[0]);
      const at = chart.echarts.convertToPixel({ gridIndex: 0 }, [epoch, a[1] + share * (b[1] - a[1])]);
      const distance = Math.abs(at[1] - y);
      if (distance < least) [found, least] = [run, distance];
    }
  }
  return found;
}

const MOST_BUTTONS = 5;

WIDGETS.curves = (element, { metrics }) => {
  const offered = metrics.filter((metric) => (DATA.history[metric] || []).some((values) => values && values.length));
  if (!offered.length) {
    element.append(missing(`No run has logged its ${STEP}s, so there are no curves to show.`));
    return;
  }
  let metric = offered.includes(METRIC.name) ? METRIC.name : offered[0];
  element.append(make('div', { class: 'bar' },
    (offered.length > MOST_BUTTONS ? select : segments)('What the curves show', offered.map((name) => [name, capital(words(name))]), metric, (chosen) => {
      metric = chosen;
      chart.draw();
    }),
    rampLegend()));
  const shown = () => WORST_FIRST.filter((run) => state.selected[run]);
  const chart = makeChart(element, `${words(metric)} of every run for each ${STEP}`,
    (width) => (width < 560 ? 300 : 420), () => {
      const now = shown();
      const opacity = Math.max(0.22, Math.min(0.9, 9 / Math.sqrt(now.length || 1)));
      const end = drawCurves(chart, metric, now, (run) => ({ color: colourOf(run), width: now.length > 200 ? 1 : 1.4, opacity }));
      const { cut } = limits(metric, now.map((run) => curve(metric, run)));
      cutNote.textContent = cut ? `The axis ends at ${result(metric, end, 0)}; the highest value is ${result(metric, cut, 0)}.` : '';
    });
  const cutNote = make('p', { class: 'note' });
  element.append(cutNote);
  highlight(chart, {
    pointsOf: (run) => {
      const bottom = chart.echarts.getHeight() - 40;
      return curvePixels(chart, metric, run).map(([x, y]) => [x, Math.max(14, Math.min(bottom, y))]);
    },
    nearest: (x, y) => nearestCurve(chart, metric, shown(), x, y),
    lineOf: (run, x) => {
      const [epoch] = chart.echarts.convertFromPixel({ gridIndex: 0 }, [x, 0]);
      const points = curve(metric, run);
      const close = points.reduce((a, b) => (Math.abs(b[0] - epoch) < Math.abs(a[0] - epoch) ? b : a), points[0]);
      return close && [`${words(metric)}, ${STEP} ${close[0]}`, result(metric, close[1])];
    },
  });
  chart.draw();
  on('selection', chart.draw);
};
