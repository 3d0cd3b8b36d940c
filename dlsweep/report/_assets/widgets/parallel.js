// Every run as a line through its settings and the metric; brushing an axis selects.

import { VALUE, axisOf } from '../js/axis.js';
import { makeChart } from '../js/chart.js';
import { COUNT, DATA, METRIC, SETTINGS, WORST_FIRST, jitter, sampled } from '../js/data.js';
import { make, missing } from '../js/dom.js';
import { plain, words } from '../js/format.js';
import { highlight } from '../js/highlight.js';
import { on, setFilter, state } from '../js/state.js';
import { colourOf, theme } from '../js/theme.js';

const MOST_LINES = 1500;

export function fill(element, { order }) {
  const names = order.filter((name) => SETTINGS.has(name) && SETTINGS.get(name).values.length > 1);
  if (!names.length || COUNT < 2) {
    element.append(missing('Parallel coordinates need at least two runs that differ in a setting.'));
    return;
  }
  const dimensions = [...names, VALUE].map(axisOf);
  // Few runs need little room to be told apart, and stand near the names of their values.
  const apart = 0.24 * Math.min(1, Math.sqrt(COUNT / 100));
  const places = (run) => dimensions.map((axis) => {
    const at = axis.at(run);
    return at == null ? '-' : axis.category ? at + apart * jitter(run + 7 * names.length) : at;
  });
  // What has not ended yet has nowhere to go.
  const ended = WORST_FIRST.filter((run) => DATA.value[run] != null || ['failed', 'diverged'].includes(DATA.status[run]));
  const drawn = sampled(ended, MOST_LINES);
  const data = drawn.map(places);
  const upright = (width) => width < 640;

  const chart = makeChart(element, `Parallel coordinates: ${names.map(words).join(', ')} and ${METRIC.label}`,
    (width) => (upright(width) ? 74 * dimensions.length + 30 : 440), () => {
      const standing = upright(chart.width);
      const opacity = Math.max(0.25, Math.min(0.85, 8 / Math.sqrt(drawn.length)));
      chart.echarts.setOption({
        animation: false,
        parallel: standing
          ? { layout: 'vertical', left: 26, right: 26, top: 34, bottom: 36 }
          : { layout: 'horizontal', left: 46, right: 56, top: 60, bottom: 26 },
        parallelAxis: dimensions.map((axis, dim) => ({
          dim,
          id: `axis-${dim}`,
          zlevel: 2, // above the lines, the highlighted one too
          type: 'value',
          min: axis.min,
          max: axis.max,
          name: standing ? axis.label : twoLines(axis.label),
          nameLocation: standing ? 'start' : 'end',
          nameGap: standing ? 0 : 18,
          nameTextStyle: {
            color: theme.ink, fontFamily: theme.font, fontSize: 12, fontWeight: 600,
            textBorderColor: theme.paper, textBorderWidth: 4,
            ...(standing ? { align: 'left', verticalAlign: 'bottom', padding: [0, 0, 6, 0] } : { lineHeight: 15 }),
          },
          axisLine: { lineStyle: { color: theme.soft, width: 1 } },
          axisTick: { show: false },
          splitLine: { show: false },
          interval: axis.category ? 1 : undefined,
          axisLabel: {
            color: theme.ink, fontFamily: theme.font, fontSize: 12,
            textBorderColor: theme.paper, textBorderWidth: 4,
            formatter: axis.format,
            ...(axis.category ? { customValues: axis.labels.map((_, at) => at) } : axis.ticks ? { customValues: axis.ticks } : { showMinLabel: false, showMaxLabel: false }),
          },
          areaSelectStyle: { width: 22, borderWidth: 1, borderColor: theme.accent, color: theme.accent, opacity: 0.22 },
        })),
        series: [{
          type: 'parallel',
          progressive: 0,
          silent: true,
          inactiveOpacity: 0.03,
          activeOpacity: Math.min(0.9, 1.6 * opacity),
          lineStyle: { width: 1.2, opacity },
          data: data.map((value, index) => ({ value, lineStyle: { color: colourOf(drawn[index]), opacity } })),
        }],
      }, { notMerge: true });
      showBrushes();
    });

  /** The categories that a brush touches are selected as a whole. */
  const snapped = (axis, intervals) => {
    if (!axis.category) return intervals;
    return intervals.map(([low, high]) => {
      const touched = axis.labels.map((_, at) => at).filter((at) => at + 0.3 >= low && at - 0.3 <= high);
      return touched.length ? [touched[0] - 0.4, touched[touched.length - 1] + 0.4] : null;
    }).filter(Boolean);
  };
  const showBrushes = () => {
    const stale = dimensions.map((axis, dim) => dim).filter((dim) => {
      const model = chart.echarts.getModel().queryComponents({ mainType: 'parallelAxis', id: `axis-${dim}` })[0];
      return JSON.stringify(model.activeIntervals) !== JSON.stringify(state.filters.get(dimensions[dim].name) || []);
    });
    // An axis shows what it was told with the next news for another one, hence one more.
    const last = stale[stale.length - 1];
    if (last !== undefined) stale.push(last ? 0 : 1);
    for (const dim of stale) {
      const intervals = state.filters.get(dimensions[dim].name) || [];
      chart.echarts.dispatchAction({ type: 'axisAreaSelect', parallelAxisId: `axis-${dim}`, intervals, ours: true }, { silent: true });
    }
  };
  // Brushes take the size of what they select as soon as the pointer is up: one that is moved
  // must not be replaced under the reader's hand.
  let pressed = false;
  let settle = 0;
  const settleBrushes = () => {
    clearTimeout(settle);
    if (!pressed) settle = setTimeout(showBrushes, 60);
  };
  chart.element.addEventListener('pointerdown', () => { pressed = true; });
  for (const end of ['pointerup', 'pointercancel']) {
    addEventListener(end, () => {
      if (pressed) {
        pressed = false;
        settleBrushes();
      }
    });
  }
  chart.echarts.on('axisareaselected', (event) => {
    const dim = dimensions.findIndex((_, index) => event.parallelAxisId === `axis-${index}`);
    if (dim < 0 || event.ours) return;
    setFilter(dimensions[dim].name, snapped(dimensions[dim], event.intervals));
  });

  const cached = new Map();
  chart.after.unshift(() => cached.clear());
  const pixels = (run) => {
    if (!cached.has(run)) {
      const system = chart.echarts.getModel().getComponent('parallel').coordinateSystem;
      cached.set(run, places(run).flatMap((at, dim) => (at === '-' ? [] : [system.dataToPoint(at, system.dimensions[dim])])));
    }
    return cached.get(run);
  };
  highlight(chart, {
    labels: false,
    pointsOf: pixels,
    nearest: (x, y) => {
      const [along, beside] = upright(chart.width) ? [1, 0] : [0, 1];
      const at = [x, y];
      let [found, least] = [null, 8];
      for (const run of drawn) {
        if (state.selected[run]) {
          const points = pixels(run);
          for (let index = 1; index < points.length; index += 1) {
            const [a, b] = [points[index - 1], points[index]];
            // Near an axis the pointer means the axis, which can be brushed there.
            if (at[along] > a[along] + 14 && at[along] < b[along] - 14) {
              const share = (at[along] - a[along]) / (b[along] - a[along]);
              const distance = Math.abs(a[beside] + share * (b[beside] - a[beside]) - at[beside]);
              if (distance < least) [found, least] = [run, distance];
            }
          }
        }
      }
      return found;
    },
  });
  element.append(filterList(dimensions.filter((axis) => axis.category)));
  if (drawn.length < ended.length) {
    element.append(make('p', { class: 'note' }, `Drawn are ${plain(drawn.length)} of ${plain(ended.length)} runs, evenly by their rank; a selection is of all.`));
  }
  chart.draw();
  on('selection', settleBrushes);
}

/** A name over two lines, broken near its middle. */
function twoLines(name) {
  if (name.length < 13 || !name.includes(' ')) return name;
  const breaks = [...name.matchAll(/ /g)].map((found) => found.index);
  const [at] = breaks.sort((a, b) => Math.abs(a - name.length / 2) - Math.abs(b - name.length / 2));
  return `${name.slice(0, at)}\n${name.slice(at + 1)}`;
}

/** The same filters as buttons, for the keyboard and for small screens. */
function filterList(listed) {
  const rows = listed.map((axis) => {
    const buttons = axis.labels.map((label, at) => make('button', {
      type: 'button',
      onclick: () => {
        const inside = (place) => (state.filters.get(axis.name) || []).some(([low, high]) => low <= place && place <= high);
        const kept = axis.labels.map((_, place) => place).filter((place) => (place === at) !== inside(place));
        setFilter(axis.name, kept.map((place) => [place - 0.4, place + 0.4]));
      },
    }, label));
    const show = () => buttons.forEach((button, at) => {
      const on = (state.filters.get(axis.name) || []).some(([low, high]) => low <= at && at <= high);
      button.setAttribute('aria-pressed', String(on));
    });
    show();
    on('selection', show);
    return make('div', { class: 'filter' }, make('span', {}, axis.label), make('div', {}, ...buttons));
  });
  return make('details', { class: 'filters' }, make('summary', {}, 'Select by values'), ...rows);
}
