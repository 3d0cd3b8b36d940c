// The runs, decoded once: everything else reads them through these functions.

export const DATA = JSON.parse(document.getElementById('data').textContent);
export const COUNT = DATA.names.length;
export const METRIC = DATA.metric;
export const BEST = DATA.best;
export const ALL = Array.from({ length: COUNT }, (_, run) => run);

export const SETTINGS = new Map(DATA.settings.map((setting) => [setting.name, setting]));
/** Every setting in which runs differ, seeds too; those that the sweep varied first. */
export const DIFFERING = DATA.settings.map((setting) => setting.name);

/** A run's value of a setting that varies; undefined where the run does not have it. */
export function valueOf(name, run) {
  const setting = SETTINGS.get(name);
  return setting.codes[run] < 0 ? undefined : setting.values[setting.codes[run]];
}

/** A result of a run, the metric too; null where it has none. */
export function resultOf(name, run) {
  if (name === METRIC.name) return DATA.value[run];
  return (DATA.results[name] || [])[run] ?? null;
}

/** 1 where more of the metric is better, else −1. */
export const BETTER = METRIC.goal === 'maximize' ? 1 : -1;

/** Runs from worst to best; those without a value first. */
export const WORST_FIRST = ALL.slice().sort((a, b) => {
  const [x, y] = [DATA.value[a], DATA.value[b]];
  if (x == null || y == null) return (y == null) - (x == null) || b - a;
  return BETTER * (x - y) || b - a;
});

/** The share of runs that a run beats, from 0 to 1; null without a value. */
export const RANK = ranks();

function ranks() {
  const found = new Array(COUNT).fill(null);
  const valued = WORST_FIRST.filter((run) => DATA.value[run] != null);
  for (let from = 0, to; from < valued.length; from = to) {
    for (to = from; to < valued.length && DATA.value[valued[to]] === DATA.value[valued[from]];) to += 1;
    // Equal runs share the middle of their ranks, so that they have one colour.
    const rank = valued.length > 1 ? (from + to - 1) / 2 / (valued.length - 1) : 1;
    for (const run of valued.slice(from, to)) found[run] = rank;
  }
  return found;
}

/** At most so many of these runs, in their order: evenly chosen, the last and the best among them. */
export function sampled(runs, most) {
  if (runs.length <= most) return runs;
  const every = runs.length / most;
  const kept = new Set(Array.from({ length: most }, (_, place) => runs[Math.floor(place * every)]));
  kept.add(runs[runs.length - 1]);
  if (runs.includes(BEST)) kept.add(BEST);
  return runs.filter((run) => kept.has(run));
}

/** A number in [-1, 1] that depends on the run alone, to keep equal values apart. */
export function jitter(run) {
  let hash = Math.imul(run + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2147483647.5 - 1;
}

export function median(values) {
  const sorted = values.filter((value) => value != null).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (!sorted.length) return null;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The least and the greatest of these numbers; null without any. */
export function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value != null && Number.isFinite(value)) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : null;
}
