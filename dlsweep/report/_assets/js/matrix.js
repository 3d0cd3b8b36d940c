// Confusion matrices, and what follows from them.

import { DATA } from './data.js';
import { make } from './dom.js';
import { plain } from './format.js';

/** A run's matrix, rows are true classes; null where it has none. */
export function matrixOf(split, run) {
  const flat = DATA.matrices[split] && DATA.matrices[split][run];
  if (!flat) return null;
  const size = Math.round(Math.sqrt(flat.length));
  return Array.from({ length: size }, (_, row) => flat.slice(row * size, (row + 1) * size));
}

export function classNames(size) {
  return DATA.classes.length === size ? DATA.classes : Array.from({ length: size }, (_, label) => String(label));
}

function total(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

/** A confusion matrix as a table: counts, or shares of each true class in percent. */
export function matrixTable(matrix, caption, shares) {
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
    make('p', { class: 'caption' }, make('strong', {}, caption), ` ${(100 * right).toFixed(1)}\u202f% right of ${plain(total(sums))}`),
    make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Confusion matrix, ${caption}` },
      make('table', { class: names.every((name) => name.length < 3) ? 'short' : 'long' }, make('thead', {}, head), make('tbody', {}, ...body))),
    make('p', { class: 'axes' }, 'rows: true class · columns: predicted class'));
}

/** The largest errors of a matrix in words. */
export function confusions(matrix, most = 3) {
  const names = classNames(matrix.length);
  const errors = matrix.flatMap((row, label) => row.map((count, predicted) => ({ count, label, predicted, of: total(row) })))
    .filter(({ count, label, predicted }) => count && label !== predicted)
    .sort((a, b) => b.count - a.count).slice(0, most);
  return errors.map(({ count, label, predicted, of }) => `${names[label]} taken for ${names[predicted]} (${plain(count)} of ${plain(of)})`);
}

/** The images that a run was judged by, as summaries name them and as people do. */
export const SPLITS = [['val', 'Validation'], ['test', 'Test']];
