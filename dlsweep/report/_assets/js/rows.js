// A table of any number of rows, of which those in view alone are drawn.

import { make } from './dom.js';
import { heads, line, ordered } from './table.js';

const SPARE = 8; // rows drawn beyond the view, on each side
const GUESS = 33; // pixels of a row, before one was measured
const MOST_ON_PAPER = 200;

/**
 * columns: as `sortable` has them, with `pin` for those that stay in view.
 *
 * `decorate(line, row)` finishes a drawn row. Returns the element, `show(rows)`, `draw()` and `order()`.
 */
export function scrolling(columns, { label, sort, down, decorate }) {
  let [by, descending, rows, all] = [sort, down, [], []];
  let [height, drawn, paper] = [GUESS, '', false];
  const body = make('tbody');
  const spacer = () => make('tr', { class: 'spacer', 'aria-hidden': 'true' }, make('td', { colspan: columns.length }));
  const [above, below] = [spacer(), spacer()];
  const head = heads(columns, (column) => {
    descending = by === column.name ? !descending : !column.words;
    by = column.name;
    sortRows();
    element.scrollTop = 0;
    draw();
  });
  const table = make('table', { class: 'sortable' }, make('caption', { class: 'unseen' }, label), make('thead', {}, head.row), body);
  const element = make('div', { class: 'rows', tabindex: '0', role: 'region', 'aria-label': label }, table);

  const sortRows = () => {
    all = ordered(rows, columns.find(({ name }) => name === by), descending);
    head.mark(by, descending);
  };
  const view = () => {
    if (paper) return [0, Math.min(all.length, MOST_ON_PAPER)];
    const first = Math.max(0, Math.floor(element.scrollTop / height) - SPARE);
    return [first, Math.min(all.length, first + Math.ceil((element.clientHeight || 600) / height) + 2 * SPARE)];
  };
  const draw = () => {
    const [first, last] = view();
    drawn = `${first} ${last}`;
    above.firstChild.style.height = `${first * height}px`;
    below.firstChild.style.height = `${paper ? 0 : (all.length - last) * height}px`;
    body.replaceChildren(...(first ? [above] : []), ...all.slice(first, last).map((row, index) => {
      const made = line(columns, row);
      made.setAttribute('aria-rowindex', String(first + index + 2));
      decorate(made, row);
      return made;
    }), ...(last < all.length ? [below] : []));
    table.setAttribute('aria-rowcount', String(all.length + 1));
    const one = body.querySelector('tr:not(.spacer)');
    const measured = one ? one.getBoundingClientRect().height : 0;
    if (measured && Math.abs(measured - height) > 0.5) {
      height = measured;
      draw();
    }
  };
  element.addEventListener('scroll', () => {
    if (view().join(' ') !== drawn) draw();
  }, { passive: true });
  new ResizeObserver(() => { if (view().join(' ') !== drawn) draw(); }).observe(element);
  const print = (on) => () => { paper = on; draw(); };
  addEventListener('beforeprint', print(true));
  addEventListener('afterprint', print(false));
  return {
    element,
    draw,
    show: (next) => {
      rows = next;
      sortRows();
      element.scrollTop = 0;
      draw();
    },
    order: () => all.slice(),
  };
}
