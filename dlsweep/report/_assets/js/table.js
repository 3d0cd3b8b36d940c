// A table whose columns sort with the mouse or the keyboard.

import { make } from './dom.js';
import { capital, plain } from './format.js';

/** Rows in the order of a column; what is not there comes last, whatever the direction. */
export function ordered(rows, column, down) {
  if (!column) return rows.slice();
  const keys = new Map(rows.map((row) => [row, column.value(row)]));
  const collator = new Intl.Collator('en', { numeric: true });
  return rows.slice().sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    if (x == null || y == null) return (x == null) - (y == null);
    const less = typeof x === 'number' && typeof y === 'number' ? x - y : collator.compare(String(x), String(y));
    return down ? -less : less;
  });
}

/**
 * The head of a table, with a button for each column that sorts.
 *
 * `pick(column)` is called with the one that was pressed; `mark(name, down)` says which one it is.
 */
export function heads(columns, pick) {
  const cells = new Map(columns.map((column) => {
    const text = column.value
      ? make('button', { type: 'button', onclick: () => pick(column) }, capital(column.text))
      : make('span', { class: column.name === 'compare' ? 'unseen' : '' }, capital(column.text));
    return [column.name, make('th', { scope: 'col', class: kindOf(column) }, text)];
  }));
  const mark = (by, down) => cells.forEach((cell, name) => {
    cell.setAttribute('aria-sort', name !== by ? 'none' : down ? 'descending' : 'ascending');
  });
  return { row: make('tr', {}, ...cells.values()), mark };
}

/** A row of a table. */
export function line(columns, row) {
  return make('tr', {}, ...columns.map((column) => {
    const content = column.cell ? column.cell(row) : plain(column.value(row));
    return make(column.header ? 'th' : 'td', { class: kindOf(column), scope: column.header ? 'row' : null }, content);
  }));
}

function kindOf(column) {
  return [column.words || column.meter ? 'words' : 'number', column.pin ? `pin ${column.pin}` : ''].join(' ').trim();
}

/** A table of a few rows. Columns are `{ name, text, value(row), cell(row)?, words? }`. */
export function sortable(columns, rows, label, totals = []) {
  let [by, down] = [null, true];
  const body = make('tbody');
  const draw = () => {
    body.replaceChildren(...ordered(rows, columns.find(({ name }) => name === by), down).map((row) => line(columns, row)));
    head.mark(by, down);
  };
  const head = heads(columns, (column) => {
    down = by === column.name ? !down : !column.words;
    by = column.name;
    draw();
  });
  draw();
  return make('table', { class: 'sortable' }, make('caption', { class: 'unseen' }, label), make('thead', {}, head.row), body,
    make('tfoot', {}, ...totals.map((row) => line(columns, row))));
}
