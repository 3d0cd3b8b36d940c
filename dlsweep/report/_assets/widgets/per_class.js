// Precision, recall and F1 of each class.

import { make, missing, segments } from '../js/dom.js';
import { result } from '../js/format.js';
import { SPLITS, classNames } from '../js/matrix.js';
import { sortable } from '../js/table.js';

/** `scores` holds precision, recall, F1 and support of each class, by split; `totals` those of all. */
export function fill(element, { scores, totals }) {
  const found = SPLITS.filter(([split]) => scores[split]);
  if (!found.length) {
    element.append(missing('Without a confusion matrix of the run there is nothing to say about its classes.'));
    return;
  }
  const place = make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Results per class' });
  const draw = (split) => {
    const names = classNames(scores[split].length);
    const rows = scores[split].map(([precision, recall, f1, support], label) => ({ class: names[label], precision, recall, f1, support }));
    const all = totals[split].map(([name, precision, recall, f1, support]) => ({ class: name, precision, recall, f1, support }));
    const least = Math.min(...rows.flatMap((row) => [row.precision, row.recall, row.f1]).filter((value) => value != null));
    const floor = Math.max(0, Math.floor(10 * least - 0.5) / 10);
    const share = (name) => ({
      name,
      text: name === 'f1' ? 'F1' : name,
      meter: true,
      value: (row) => row[name],
      cell: (row) => row[name] === '' ? '' : make('span', { class: 'meter', vars: { '--fill': `${(100 * Math.max(0, ((row[name] || 0) - floor) / (1 - floor || 1))).toFixed(1)}%` } }, result('f1', row[name], 1)),
    });
    place.replaceChildren(sortable([
      { name: 'class', text: 'class', value: (row) => row.class, words: true },
      share('precision'), share('recall'), share('f1'),
      { name: 'support', text: 'images', value: (row) => row.support },
    ], rows, 'Precision, recall and F1 of each class', all));
    note.textContent = `Bars begin at ${(100 * floor).toFixed(0)} %.`;
  };
  const note = make('p', { class: 'note' });
  const [last] = found[found.length - 1];
  element.append(make('div', { class: 'bar' }, segments('Images', found, last, draw)), place, note);
  draw(last);
}
