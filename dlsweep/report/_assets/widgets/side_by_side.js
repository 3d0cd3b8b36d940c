// Runs that the reader chooses, next to each other.

import { compare } from '../js/compare.js';
import { COUNT, DATA, METRIC, WORST_FIRST } from '../js/data.js';
import { make, missing } from '../js/dom.js';
import { result } from '../js/format.js';
import { choose, on, state } from '../js/state.js';

const MOST_NAMES = 100; // that are offered; any may be typed

export function fill(element, { runs }) {
  if (COUNT < 2) {
    element.append(missing('A comparison needs at least two runs.'));
    return;
  }
  const most = 6;
  const chips = make('div', { class: 'chips' });
  const place = make('div');
  const names = make('datalist', { id: 'run-names' }, ...WORST_FIRST.slice(-MOST_NAMES).reverse().map((run) => make('option', { value: DATA.names[run] }, METRIC.name ? result(METRIC.name, DATA.value[run]) : '')));
  const field = make('input', {
    type: 'search', list: 'run-names', placeholder: 'Add a run by its name …', 'aria-label': 'Add a run to the comparison',
    onchange: () => {
      const run = DATA.names.indexOf(field.value);
      if (run >= 0 && !state.chosen.includes(run)) {
        field.value = '';
        choose(run, true);
      }
    },
  });
  let dispose = () => {};
  const draw = () => {
    dispose();
    dispose = () => {};
    place.replaceChildren();
    const chosen = state.chosen.slice(0, most);
    chips.replaceChildren(...chosen.map((run, index) => make('button', {
      type: 'button', 'aria-label': `Remove ${DATA.names[run]}`, onclick: () => choose(run, false),
    }, make('i', { class: 'swatch', vars: { '--swatch': `var(--kind-${index % 7})` } }), DATA.names[run], ' ×')));
    if (chosen.length < 2) place.append(missing('Choose two or more runs: here by name, or by their boxes in the table of all runs.'));
    else dispose = compare(place, chosen);
    if (state.chosen.length > most) place.append(missing(`The first ${most} of the ${state.chosen.length} chosen runs are shown.`));
  };
  element.append(make('div', { class: 'bar' }, chips, field, names), place);
  on('chosen', draw);
  state.chosen = runs.slice();
  draw();
}
