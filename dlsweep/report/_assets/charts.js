// What all charts share: colours from the style sheet, size, the highlight of a run, hovering.

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const theme = {};

function readTheme() {
  for (const name of ['paper', 'ink', 'soft', 'rule', 'faint', 'accent', 'data', 'bad']) {
    theme[name] = css(`--${name}`);
  }
  theme.ramp = [0, 1, 2, 3, 4].map((step) => channels(css(`--ramp-${step}`)));
  theme.kinds = [0, 1, 2, 3, 4, 5, 6].map((step) => css(`--kind-${step}`));
  theme.font = getComputedStyle(document.querySelector('.sans') || document.body).fontFamily;
}

function channels(hex) {
  return [1, 3, 5].map((from) => parseInt(hex.slice(from, from + 2), 16));
}

/** The colour of a share in [0, 1] on the page's one scale, from poor to good. */
function ramp(share) {
  const at = Math.max(0, Math.min(1, share)) * 4;
  const low = Math.min(3, Math.floor(at));
  const mixed = theme.ramp[low].map((channel, index) => (
    Math.round(channel + (theme.ramp[low + 1][index] - channel) * (at - low))
  ));
  return `rgb(${mixed.join(',')})`;
}

/** A run's colour: by its rank, because accuracies of a sweep crowd at both ends. */
function colourOf(run) {
  if (!METRIC.name) return theme.data;
  return RANK[run] == null ? theme.bad : ramp(RANK[run]);
}

const charts = [];

/**
 * A chart that follows the page's width and colours.
 *
 * `render(chart, width)` sets its options; `chart.draw()` calls it again.
 */
function makeChart(parent, label, height, render) {
  const element = make('div', { class: 'chart', role: 'img', 'aria-label': label });
  parent.append(element);
  const chart = { element, after: [] };
  const size = () => ({ width: element.clientWidth || 640, height: typeof height === 'function' ? height(element.clientWidth) : height });
  const first = size();
  element.style.height = `${first.height}px`;
  chart.echarts = echarts.init(element, null, { renderer: 'canvas', ...first });
  chart.width = first.width;
  chart.draw = () => {
    render(chart, chart.width);
    chart.after.forEach((update) => update());
    // At once, not with the next frame: paper shows what is drawn now.
    chart.echarts.getZr().flush();
  };
  chart.resize = () => {
    const now = size();
    element.style.height = `${now.height}px`;
    chart.width = now.width;
    chart.echarts.resize(now);
    chart.draw();
  };
  new ResizeObserver(() => {
    if (element.clientWidth && element.clientWidth !== chart.width) chart.resize();
  }).observe(element);
  charts.push(chart);
  return chart;
}

function redrawAll() {
  readTheme();
  charts.forEach((chart) => chart.draw());
}

/** Axes that look the same everywhere. */
function axisStyle(name, extra = {}) {
  return {
    name,
    nameTextStyle: { color: theme.soft, fontFamily: theme.font, fontSize: 12 },
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: theme.rule, width: 1 } },
    ...extra,
    axisLabel: { color: theme.soft, fontFamily: theme.font, fontSize: 12, hideOverlap: true, ...extra.axisLabel },
  };
}

/**
 * The highlight of the best run, the run in focus and the run under the pointer, drawn above a chart
 * on a canvas of its own: the thousand lines below need not be drawn again.
 *
 * `pointsOf(run)` gives its pixels, none if it is not shown; `nearest(x, y)` the run that the pointer
 * means, or null; `lineOf(run, x)` one more line for the tip.
 */
function highlight(chart, { pointsOf, nearest, lineOf = () => null, labels = true }) {
  const { Polyline, Circle, Text } = echarts.graphic;
  const zr = chart.echarts.getZr();
  const marks = ['best', 'focus', 'hover'].map((kind, index) => {
    const z = 100 + index;
    const mark = {
      kind,
      line: new Polyline({ zlevel: 1, z, silent: true, style: { fill: 'none' } }),
      dot: new Circle({ zlevel: 1, z, silent: true, style: {} }),
      text: new Text({ zlevel: 1, z: z + 10, silent: true, style: {} }),
    };
    [mark.line, mark.dot, mark.text].forEach((shape) => zr.add(shape));
    return mark;
  });
  let hovered = null;

  const draw = (mark, run) => {
    const points = run == null || run < 0 ? [] : pointsOf(run);
    const colour = { best: theme.ink, focus: theme.accent, hover: theme.ink }[mark.kind];
    const last = points[points.length - 1];
    mark.line.attr({
      ignore: points.length < 2,
      shape: { points },
      style: { stroke: colour, lineWidth: mark.kind === 'hover' ? 2 : 2.5, fill: 'none' },
    });
    mark.dot.attr({
      ignore: !last,
      shape: last ? { cx: last[0], cy: last[1], r: points.length > 1 ? 3.5 : 6 } : {},
      style: { fill: points.length > 1 ? colour : 'none', stroke: points.length > 1 ? theme.paper : colour, lineWidth: points.length > 1 ? 1 : 2.5 },
    });
    const named = labels && last && mark.kind !== 'hover' && !(mark.kind === 'best' && state.focus >= 0);
    const right = last && last[0] > chart.width - 150;
    mark.text.attr({
      ignore: !named,
      x: last ? last[0] + (right ? -8 : 8) : 0,
      y: last ? last[1] - 12 : 0,
      style: {
        text: named ? (mark.kind === 'best' ? 'best' : DATA.names[run].slice(0, 40)) : '',
        fill: colour,
        stroke: theme.paper,
        lineWidth: 4,
        align: right ? 'right' : 'left',
        verticalAlign: 'middle',
        font: `600 12px ${theme.font}`,
      },
    });
  };
  const update = () => {
    draw(marks[0], BEST === state.focus ? -1 : BEST);
    draw(marks[1], state.focus);
    draw(marks[2], hovered);
  };
  chart.after.push(update);
  on('focus', update);

  const leave = () => {
    if (hovered == null) return;
    hovered = null;
    showTip(null);
    draw(marks[2], null);
  };
  zr.on('mousemove', (event) => {
    const run = nearest(event.offsetX, event.offsetY);
    if (run == null) { leave(); return; }
    if (run !== hovered) {
      hovered = run;
      draw(marks[2], run);
    }
    const pointer = event.event;
    const from = pointer.touches && pointer.touches[0] ? pointer.touches[0] : pointer;
    showTip(run, from.clientX, from.clientY, lineOf(run, event.offsetX));
    zr.setCursorStyle('pointer');
  });
  zr.on('globalout', leave);
  zr.on('click', (event) => {
    const run = nearest(event.offsetX, event.offsetY);
    if (run != null) setFocus(run);
  });
}

/** The scale of colours, in words. */
function rampLegend() {
  if (!RANK.some((rank) => rank != null)) return null;
  return make('div', { class: 'ramp', 'aria-hidden': 'true' },
    make('span', {}, `${METRIC.label}: worst run`), make('i'), make('span', {}, 'best run'));
}
