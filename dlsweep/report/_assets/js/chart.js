// What all charts share: size, colours that follow the reader's, axes, the legend of the colours.

import { METRIC, RANK } from './data.js';
import { make } from './dom.js';
import { readTheme, theme } from './theme.js';

export const charts = [];

/**
 * A chart that follows the page's width and colours.
 *
 * `render(chart, width)` sets its options; `chart.draw()` calls it again. `height` is in pixels, or a
 * function of the width.
 */
export function makeChart(parent, label, height, render) {
  const element = make('div', { class: 'chart', role: 'img', 'aria-label': label });
  parent.append(element);
  const chart = { element, after: [] };
  const size = () => ({ width: element.clientWidth || 640, height: typeof height === 'function' ? height(element.clientWidth || 640) : height });
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
  chart.dispose = () => {
    chart.disposed = true;
    chart.echarts.dispose();
    charts.splice(charts.indexOf(chart), 1);
    element.remove();
  };
  new ResizeObserver(() => {
    if (!chart.disposed && element.clientWidth && element.clientWidth !== chart.width) chart.resize();
  }).observe(element);
  charts.push(chart);
  return chart;
}

export function redrawAll() {
  readTheme();
  charts.forEach((chart) => chart.draw());
}

/** Axes that look the same everywhere. */
export function axisStyle(name, extra = {}) {
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

/** The scale of colours, in words. */
export function rampLegend() {
  if (!RANK.some((rank) => rank != null)) return null;
  return make('div', { class: 'ramp', 'aria-hidden': 'true', title: METRIC.label },
    make('span', {}, 'worst'), make('i'), make('span', {}, 'best'));
}
