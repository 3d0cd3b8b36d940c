// A run's facts next to the pointer.

import { DATA, DIFFERING, METRIC, valueOf } from './data.js';
import { make } from './dom.js';
import { plain, result, words } from './format.js';

const MOST = 12;
const tip = make('div', { class: 'tip', 'aria-hidden': 'true' });
document.body.append(tip);

/** Show a run's facts next to the pointer, with one more line if there is one; null hides them. */
export function showTip(run, x, y, line) {
  if (run == null) {
    tip.classList.remove('shown');
    return;
  }
  if (tip.dataset.run !== `${run} ${line || ''}`) {
    tip.dataset.run = `${run} ${line || ''}`;
    const fact = (name, value, kind = '') => make('div', { class: kind }, make('span', {}, name), make('span', {}, value));
    tip.replaceChildren(
      make('strong', {}, DATA.names[run]),
      ...(METRIC.name ? [fact(METRIC.label, result(METRIC.name, DATA.value[run]), 'key')] : []),
      ...(line ? [fact(line[0], line[1], 'key')] : []),
      ...DIFFERING.filter((name) => valueOf(name, run) !== undefined).slice(0, MOST)
        .map((name) => fact(words(name), plain(valueOf(name, run)))),
    );
  }
  tip.classList.add('shown');
  const box = tip.getBoundingClientRect();
  const left = x + 18 + box.width > innerWidth ? x - box.width - 18 : x + 18;
  tip.style.left = `${Math.max(6, left)}px`;
  tip.style.top = `${Math.max(6, Math.min(y - 20, innerHeight - box.height - 6))}px`;
}
