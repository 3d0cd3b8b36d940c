// What the reader has done: filters, one run in focus, runs chosen for comparison.

import { axisOf } from './axis.js';
import { ALL, COUNT } from './data.js';

export const state = {
  filters: new Map(), // the name of an axis -> intervals of places on it
  selected: new Array(COUNT).fill(true),
  count: COUNT,
  focus: -1,
  chosen: [],
};
const listeners = { selection: [], focus: [], chosen: [] };
const pending = new Set();

/** Call `listener` after the selection, the focus or the choice has changed. */
export function on(event, listener) {
  listeners[event].push(listener);
}

function changed(event) {
  // Not for every move of the mouse: a brush reports them all.
  if (pending.has(event)) return;
  pending.add(event);
  setTimeout(() => {
    pending.delete(event);
    listeners[event].forEach((listener) => listener());
  }, COUNT > 300 ? 120 : 30);
}

function passes(run) {
  for (const [name, intervals] of state.filters) {
    const at = axisOf(name).at(run);
    if (at == null || !intervals.some(([low, high]) => low <= at && at <= high)) return false;
  }
  return true;
}

/** Keep only runs in these intervals of an axis; none at all lifts the filter. */
export function setFilter(name, intervals) {
  if (intervals && intervals.length) state.filters.set(name, intervals);
  else state.filters.delete(name);
  state.selected = ALL.map(passes);
  state.count = state.selected.filter(Boolean).length;
  changed('selection');
}

export function clearFilters() {
  state.filters.clear();
  setFilter('', null);
}

/** Highlight a run everywhere; once more lifts it. */
export function setFocus(run) {
  state.focus = state.focus === run ? -1 : run;
  changed('focus');
}

export function choose(run, wanted) {
  state.chosen = state.chosen.filter((other) => other !== run);
  if (wanted) state.chosen.push(run);
  changed('chosen');
}
