// Confusion matrices, and what follows from them.

/** A run's matrix, rows are true classes; null where it has none. */
function matrixOf(split, run) {
  const flat = DATA.matrices[split] && DATA.matrices[split][run];
  if (!flat) return null;
  const size = Math.round(Math.sqrt(flat.length));
  return Array.from({ length: size }, (_, row) => flat.slice(row * size, (row + 1) * size));
}

function classNames(size) {
  return DATA.classes.length === size ? DATA.classes : Array.from({ length: size }, (_, label) => String(label));
}

function total(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

/** A confusion matrix as a table: counts, or shares of each true class in percent. */
function matrixTable(matrix, caption, shares) {
  const names = classNames(matrix.length);
  const sums = matrix.map(total);
  const right = total(matrix.map((row, label) => row[label])) / (total(sums) || 1);
  const head = make('tr', {}, make('td', { class: 'corner' }),
    ...names.map((name) => make('th', { scope: 'col' }, make('span', {}, name))));
  const body = matrix.map((row, label) => make('tr', {}, make('th', { scope: 'row' }, names[label]),
    ...row.map((count, predicted) => {
      const share = count / (sums[label] || 1);
      const percent = 100 * share;
      const text = shares ? (percent === 0 ? '' : percent < 0.95 ? '<1' : percent.toFixed(0)) : String(count || '');
      // Errors are rare: their colour grows with the root of their share, or nobody would see them.
      const strength = label === predicted ? 10 + 55 * share : Math.min(100, 14 + 120 * Math.sqrt(Math.max(0, share - 0.002)));
      return make('td', {
        class: label === predicted ? 'hit' : count ? 'miss' : '',
        vars: count ? { '--strength': `${strength.toFixed(0)}%` } : {},
        title: `${names[label]} taken for ${names[predicted]}: ${count} of ${sums[label]} (${percent.toFixed(1)} %)`,
      }, text);
    })));
  return make('div', { class: 'matrix' },
    make('p', { class: 'caption' }, make('strong', {}, caption), ` ${(100 * right).toFixed(2)}\u202f% right of ${plain(total(sums))}`),
    make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Confusion matrix, ${caption}` },
      make('table', { class: names.every((name) => name.length < 3) ? 'short' : 'long' }, make('thead', {}, head), make('tbody', {}, ...body))),
    make('p', { class: 'axes' }, 'rows: true class · columns: predicted class'));
}

/** The largest errors of a matrix in words. */
function confusions(matrix, most = 3) {
  const names = classNames(matrix.length);
  const errors = matrix.flatMap((row, label) => row.map((count, predicted) => ({ count, label, predicted, of: total(row) })))
    .filter(({ count, label, predicted }) => count && label !== predicted)
    .sort((a, b) => b.count - a.count).slice(0, most);
  return errors.map(({ count, label, predicted, of }) => `${names[label]} taken for ${names[predicted]} (${count} of ${of})`);
}

const SPLITS = [['val', 'Validation'], ['test', 'Test']];

WIDGETS.confusion = (element, { run }) => {
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
};

/** `scores` holds precision, recall, F1 and support of each class, by split. */
WIDGETS.per_class = (element, { scores }) => {
  const found = SPLITS.filter(([split]) => scores[split]);
  if (!found.length) {
    element.append(missing('Without a confusion matrix of the run there is nothing to say about its classes.'));
    return;
  }
  const place = make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Results per class' });
  const draw = (split) => {
    const names = classNames(scores[split].length);
    const rows = scores[split].map(([precision, recall, f1, support], label) => ({ class: names[label], precision, recall, f1, support }));
    const least = Math.min(...rows.flatMap((row) => [row.precision, row.recall, row.f1]).filter((value) => value != null));
    const floor = Math.max(0, Math.floor(10 * least - 0.5) / 10);
    const share = (name) => ({
      name,
      text: name === 'f1' ? 'F1' : name,
      meter: true,
      value: (row) => row[name],
      cell: (row) => make('span', { class: 'meter', vars: { '--fill': `${(100 * Math.max(0, ((row[name] || 0) - floor) / (1 - floor || 1))).toFixed(1)}%` } }, result('f1', row[name], 1)),
    });
    place.replaceChildren(sortable([
      { name: 'class', text: 'class', value: (row) => row.class, words: true },
      share('precision'), share('recall'), share('f1'),
      { name: 'support', text: 'images', value: (row) => row.support },
    ], rows, { label: 'Precision, recall and F1 of each class' }).element);
    note.textContent = `Bars begin at ${(100 * floor).toFixed(0)} %.`;
  };
  const note = make('p', { class: 'note' });
  const [last] = found[found.length - 1];
  element.append(make('div', { class: 'bar' }, segments('Images', found, last, draw)), place, note);
  draw(last);
};
