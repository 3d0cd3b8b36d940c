// How settings, results and times are laid out along an axis, and where its lines stand.

import { ALL, BETTER, DATA, METRIC, SETTINGS, extent, median, valueOf } from './data.js';
import { isFraction, plain, result, words } from './format.js';

const MANY = 8; // as statistics have it
const WIDE = 30; // so many times the least is the greatest of a logarithmic axis
const known = new Map();

/** Axes of the metric, of results and of times; a setting's has its own name, which may be the same. */
export const VALUE = 'value:';
export const TIME = 'time:';
export const ORDER = 'order:';
export const resultAxis = (name) => `result:${name}`;

/**
 * How something is laid out along an axis.
 *
 * A setting with few values becomes categories at 0, 1, 2 …: numbers in their order, words from the
 * worst to the best median. Many numbers stay numbers, or their logarithms over a wide range.
 * `at(run)` is the place or null, `format(place)` its label.
 */
export function axisOf(name) {
  if (!known.has(name)) known.set(name, makeAxis(name));
  return known.get(name);
}

function makeAxis(name) {
  if (name === VALUE) return continuous(name, METRIC.name, METRIC.label, DATA.value);
  if (name === TIME) return timed(name);
  if (name === ORDER) {
    return { ...continuous(name, name, 'runs in the order in which they were made', ALL.map((run) => run + 1)), log: false };
  }
  const setting = SETTINGS.get(name);
  if (!setting) {
    const its = name.slice(resultAxis('').length);
    return continuous(name, its, words(its), DATA.results[its]);
  }
  const numeric = setting.values.every((value) => typeof value === 'number');
  if (numeric && setting.values.length > MANY) {
    return continuous(name, name, words(name), ALL.map((run) => valueOf(name, run)));
  }
  return categories(name, setting, numeric);
}

function categories(name, setting, numeric) {
  const grouped = setting.values.map(() => []);
  for (const run of ALL) if (setting.codes[run] >= 0) grouped[setting.codes[run]].push(DATA.value[run]);
  const middles = grouped.map((values) => {
    const middle = median(values);
    return middle == null ? -Infinity : BETTER * middle;
  });
  const order = setting.values.map((_, code) => code);
  order.sort((a, b) => (numeric ? setting.values[a] - setting.values[b] : middles[a] - middles[b]));
  const place = new Map(order.map((code, index) => [code, index]));
  const labels = order.map((code) => plain(setting.values[code]));
  return {
    name,
    label: words(name),
    category: true,
    labels,
    min: -0.5,
    max: labels.length - 0.5,
    at: (run) => (setting.codes[run] < 0 ? null : place.get(setting.codes[run])),
    format: (at) => (Number.isInteger(at) && labels[at] !== undefined ? labels[at] : ''),
  };
}

function timed(name) {
  const most = (extent(DATA.training) || [0, 0])[1];
  const [unit, said] = most > 7200 ? [3600, 'hours'] : most > 120 ? [60, 'minutes'] : [1, 'seconds'];
  const values = DATA.training.map((seconds) => (seconds == null ? null : seconds / unit));
  const what = DATA.own ? 'training time' : 'time that the run took';
  return continuous(name, name, `${what}, ${said}`, values);
}

function continuous(name, what, label, values) {
  const found = extent(values);
  const [low, high] = found || [0, 1];
  const log = found !== null && low > 0 && high / low > WIDE && !isFraction(what) && what !== ORDER;
  const to = log ? Math.log10 : (value) => value;
  const from = log ? (at) => 10 ** at : (at) => at;
  const [min, max] = [to(low), to(high)];
  const pad = (max - min || Math.abs(max) || 1) * 0.03;
  return {
    name,
    label,
    category: false,
    log,
    min: min - pad,
    max: max + pad,
    ticks: log ? roundTicks(min - pad, max + pad) : undefined,
    at: (run) => (values[run] == null ? null : to(values[run])),
    format: (at) => (isFraction(what) ? result(what, at, 0) : plain(Number(from(at).toPrecision(3)))),
  };
}

/** The logarithms of round numbers between two logarithms, the fewer the further these are apart. */
function roundTicks(min, max) {
  const digits = max - min < 1.3 ? [1, 2, 5] : max - min < 3 ? [1, 3] : [1];
  const step = Math.ceil((max - min) / 8);
  const powers = [];
  for (let power = Math.floor(min); power <= max; power += step) powers.push(power);
  return powers.flatMap((power) => digits.map((digit) => power + Math.log10(digit))).filter((at) => min <= at && at <= max);
}

/** Ends and distance of the lines of a grid around values, at round numbers. */
export function ticksFor(values, lines = 5) {
  const found = extent(values);
  if (!found) return { min: 0, max: 1, interval: 0.2 };
  const [low, high] = found;
  const spread = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(spread / lines));
  const interval = [1, 2, 5, 10].map((step) => step * power).find((step) => spread / step <= lines);
  const round = (value) => Number(value.toPrecision(12));
  return {
    min: round(Math.floor(round(low / interval)) * interval),
    max: round(Math.ceil(round(high / interval)) * interval),
    interval,
  };
}

/** The logarithmic axis of these numbers, or null where they are better looked at as they are. */
export function logTicks(values) {
  const found = extent(values);
  if (!found || found[0] <= 0 || found[1] / found[0] <= WIDE) return null;
  const [min, max] = found.map(Math.log10);
  const pad = (max - min) * 0.03;
  return { min: min - pad, max: max + pad, ticks: roundTicks(min - pad, max + pad) };
}

/** That an axis of fractions does not begin at 0; empty where it does. */
export function beginning(metric, ticks) {
  return isFraction(metric) && ticks.min > 0
    ? `The axis begins at ${result(metric, ticks.min, ticks.interval < 0.01 ? 1 : 0)}, not at 0.`
    : '';
}
