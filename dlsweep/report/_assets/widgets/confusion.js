// What a run takes for what.

import { make, missing, segments } from '../js/dom.js';
import { SPLITS, confusions, matrixOf, matrixTable } from '../js/matrix.js';

export function fill(element, { run }) {
  const found = SPLITS.map(([split, name]) => [matrixOf(split, run), name]).filter(([matrix]) => matrix);
  if (!found.length) {
    element.append(missing('The run has no confusion matrix; runs store one unless the setting figures is none.'));
    return;
  }
  const place = make('div', { class: 'pair' });
  const draw = (kind) => place.replaceChildren(...found.map(([matrix, name]) => matrixTable(matrix, name, kind === 'shares')));
  element.append(make('div', { class: 'bar' }, segments('What the cells show',
    [['shares', 'Percent of the true class'], ['counts', 'Number of images']], 'shares', draw)), place);
  draw('shares');
  const [matrix, name] = found[found.length - 1];
  const worst = confusions(matrix);
  if (worst.length) element.append(make('p', { class: 'note' }, `Most often, on the ${name.toLowerCase()} images: ${worst.join('; ')}.`));
}
