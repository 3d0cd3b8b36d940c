// One ROC curve per class, one against the rest.

import { axisStyle, makeChart } from '../js/chart.js';
import { make } from '../js/dom.js';
import { classNames } from '../js/matrix.js';
import { theme } from '../js/theme.js';

export function fill(element, { curves, auc }) {
  const names = classNames(curves.length);
  const order = curves.map((_, label) => label).sort((a, b) => (auc[a] ?? 2) - (auc[b] ?? 2));
  let picked = order[0];
  const place = make('div', { class: 'roc-chart' });
  const list = make('ul', { class: 'roc-list' });
  element.append(make('div', { class: 'roc-pair' }, place, list));
  const chart = makeChart(place, 'ROC curve of each class', (width) => Math.min(440, width), () => {
    chart.echarts.setOption({
      animation: false,
      grid: { left: 52, right: 16, top: 14, bottom: 44 },
      xAxis: axisStyle('false positive rate', { type: 'value', min: 0, max: 1, nameLocation: 'middle', nameGap: 28, splitLine: { show: false }, axisLabel: { formatter: (value) => `${Math.round(100 * value)} %` } }),
      yAxis: axisStyle('', { type: 'value', min: 0, max: 1, axisLabel: { formatter: (value) => `${Math.round(100 * value)} %` } }),
      series: [
        { type: 'line', silent: true, symbol: 'none', data: [[0, 0], [1, 1]], lineStyle: { color: theme.soft, width: 1, type: [4, 4] } },
        ...curves.map(({ fpr, tpr }, label) => ({
          type: 'line', silent: true, symbol: 'none', z: label === picked ? 5 : 2,
          data: fpr.map((x, index) => [x, tpr[index]]),
          lineStyle: { color: label === picked ? theme.accent : theme.data, width: label === picked ? 2.5 : 1.2, opacity: label === picked ? 1 : 0.55 },
        })),
      ],
    }, { notMerge: true });
  });
  const known = auc.filter((value) => value != null);
  const floor = Math.min(...known, 1) < 0.5 ? 0 : Math.floor(20 * Math.min(...known, 1)) / 20;
  const buttons = order.map((label) => make('button', {
    type: 'button',
    'data-label': label,
    onclick: () => { picked = label; press(); chart.draw(); },
  }, make('span', {}, names[label]), make('span', { class: 'meter', vars: { '--fill': `${auc[label] == null ? 0 : 100 * (auc[label] - floor) / (1 - floor || 1)}%` } }, auc[label] == null ? '–' : auc[label].toFixed(4))));
  const press = () => buttons.forEach((button) => button.setAttribute('aria-pressed', String(Number(button.dataset.label) === picked)));
  list.append(make('li', { class: 'head' }, make('span', {}, 'class'), make('span', {}, 'area under the curve')), ...buttons.map((button) => make('li', {}, button)));
  press();
  chart.draw();
}
