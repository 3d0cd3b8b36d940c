// The highlight of the best run, the run in focus and the run under the pointer.

import { BEST, DATA } from './data.js';
import { on, setFocus, state } from './state.js';
import { theme } from './theme.js';
import { showTip } from './tip.js';

/**
 * Draws the highlight above a chart on a canvas of its own: the thousand lines below need not be
 * drawn again.
 *
 * `pointsOf(run)` gives its pixels, none if it is not shown; `nearest(x, y)` the run that the pointer
 * means, or null; `lineOf(run, x)` one more line for the tip.
 */
export function highlight(chart, { pointsOf, nearest, lineOf = () => null, labels = true }) {
  const zr = chart.echarts.getZr();
  const marks = ['best', 'focus', 'hover'].map((what, index) => makeMark(zr, what, 100 + index));
  let hovered = null;
  const update = () => {
    if (chart.disposed) return;
    const points = (run) => (run == null || run < 0 ? [] : pointsOf(run));
    const shown = [BEST === state.focus ? -1 : BEST, state.focus, hovered];
    marks.forEach((mark, index) => {
      const named = labels && mark.what !== 'hover' && !(mark.what === 'best' && state.focus >= 0);
      drawMark(chart, mark, points(shown[index]), named ? nameOf(mark.what, shown[index]) : '');
    });
  };
  chart.after.push(update);
  on('focus', update);

  const leave = () => {
    if (hovered == null) return;
    hovered = null;
    showTip(null);
    update();
  };
  zr.on('mousemove', (event) => {
    const run = nearest(event.offsetX, event.offsetY);
    if (run == null) { leave(); return; }
    if (run !== hovered) {
      hovered = run;
      update();
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

function nameOf(what, run) {
  return what === 'best' ? 'best' : (DATA.names[run] || '').slice(0, 40);
}

function makeMark(zr, what, z) {
  const { Polyline, Circle, Text } = echarts.graphic;
  const mark = {
    what,
    line: new Polyline({ zlevel: 1, z, silent: true, style: { fill: 'none' } }),
    dot: new Circle({ zlevel: 1, z, silent: true, style: {} }),
    text: new Text({ zlevel: 1, z: z + 10, silent: true, style: {} }),
  };
  [mark.line, mark.dot, mark.text].forEach((shape) => zr.add(shape));
  return mark;
}

function drawMark(chart, mark, points, name) {
  const colour = { best: theme.ink, focus: theme.accent, hover: theme.ink }[mark.what];
  const last = points[points.length - 1];
  const many = points.length > 1;
  mark.line.attr({
    ignore: !many,
    shape: { points },
    style: { stroke: colour, lineWidth: mark.what === 'hover' ? 2 : 2.5, fill: 'none' },
  });
  mark.dot.attr({
    ignore: !last,
    shape: last ? { cx: last[0], cy: last[1], r: many ? 3.5 : 6 } : {},
    style: { fill: many ? colour : 'none', stroke: many ? theme.paper : colour, lineWidth: many ? 1 : 2.5 },
  });
  const right = last && last[0] > chart.width - 150;
  mark.text.attr({
    ignore: !last || !name,
    x: last ? last[0] + (right ? -10 : 10) : 0,
    y: last ? Math.max(8, last[1] - 12) : 0,
    style: {
      text: name,
      fill: colour,
      stroke: theme.paper,
      lineWidth: 4,
      align: right ? 'right' : 'left',
      verticalAlign: 'middle',
      font: `600 12px ${theme.font}`,
    },
  });
}
