// A table whose columns sort with the mouse or the keyboard.

/**
 * columns: { name, text, value(row), cell(row)?, words? }; `size` rows at a time.
 * Returns the element, `show(rows)` and `order()`.
 */
function sortable(columns, rows, { label, size = Infinity, sort = null, descending = true, rowOf = null } = {}) {
  let [by, down, page, now] = [sort, descending, 0, rows];
  const head = make('tr');
  const body = make('tbody');
  const pager = make('div', { class: 'pager' });
  const headers = new Map();
  for (const column of columns) {
    const text = column.value
      ? make('button', {
        type: 'button',
        onclick: () => {
          down = by === column.name ? !down : !column.words;
          by = column.name;
          page = 0;
          draw();
        },
      }, capital(column.text))
      : capital(column.text);
    const cell = make('th', { scope: 'col', class: column.words || column.meter ? 'words' : 'number' }, text);
    headers.set(column.name, cell);
    head.append(cell);
  }
  const ordered = () => {
    const column = columns.find(({ name }) => name === by);
    if (!column) return now.slice();
    const compare = (a, b) => {
      const [x, y] = [column.value(a), column.value(b)];
      // What is not there comes last, whatever the direction.
      if (x == null || y == null) return (x == null) - (y == null);
      const less = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), 'en', { numeric: true });
      return down ? -less : less;
    };
    return now.slice().sort(compare);
  };
  const draw = () => {
    const all = ordered();
    const pages = Math.max(1, Math.ceil(all.length / size));
    page = Math.min(page, pages - 1);
    const shown = size === Infinity ? all : all.slice(page * size, (page + 1) * size);
    body.replaceChildren(...shown.map((row) => {
      const cells = columns.map((column) => {
        const content = column.cell ? column.cell(row) : plain(column.value(row));
        return make(column.header ? 'th' : 'td', { class: column.words || column.meter ? 'words' : 'number', scope: column.header ? 'row' : null }, content);
      });
      const line = make('tr', {}, ...cells);
      if (rowOf) rowOf(line, row);
      return line;
    }));
    for (const [name, cell] of headers) {
      cell.setAttribute('aria-sort', name !== by ? 'none' : down ? 'descending' : 'ascending');
    }
    if (pages > 1) {
      const turn = (text, to, label) => make('button', { type: 'button', disabled: to < 0 || to >= pages, 'aria-label': label, onclick: () => { page = to; draw(); } }, text);
      pager.replaceChildren(turn('←', page - 1, 'Previous page'), make('span', {}, `${plain(page * size + 1)}–${plain(Math.min(all.length, (page + 1) * size))} of ${plain(all.length)}`), turn('→', page + 1, 'Next page'));
    } else pager.replaceChildren();
  };
  draw();
  const table = make('table', { class: 'sortable' }, label ? make('caption', { class: 'unseen' }, label) : null, make('thead', {}, head), body);
  return {
    element: table,
    pager,
    draw,
    show: (next) => { now = next; page = 0; draw(); },
    order: ordered,
  };
}
