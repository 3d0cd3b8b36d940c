// The runs, decoded once: everything else reads them through these functions.

const DATA = JSON.parse(document.getElementById('data').textContent);
const COUNT = DATA.names.length;
const METRIC = DATA.metric;
const BEST = DATA.best;
const WIDGETS = {}; // what can stand in the page: a name -> a function that fills an element
const ALL = Array.from({ length: COUNT }, (_, run) => run);

const WORDS = { val: 'validation', train: 'training', lr: 'learning rate', num: 'number of' };

/** A name of a setting or a result as people say it; those of a program stay as they are. */
function words(name) {
  if (!DATA.own) return name;
  return name.split('_').map((word) => WORDS[word] || word).join(' ');
}

function capital(text) {
  if (!DATA.own) return text;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Accuracies are fractions; people read them as percentages. Of a program nothing is known. */
function isFraction(name) {
  return DATA.own && /accuracy|precision|recall|^f1$/.test(name);
}

function plain(value) {
  if (typeof value !== 'number') return value == null ? '–' : String(value);
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-6 || size >= (Number.isInteger(value) ? 1e12 : 1e7))) {
    const [digits, power] = value.toExponential(2).replace(/\.?0+e/, 'e').split('e');
    const raised = String(Number(power)).replace(/[-\d]/g, (sign) => (sign === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[sign]));
    return digits === '1' ? `10${raised}` : `${digits} × 10${raised}`;
  }
  if (size < 1e-4 && size !== 0) return value.toFixed(3 - Math.floor(Math.log10(size))).replace(/0+$/, '');
  const shown = Number.isInteger(value) ? value : Number(value.toPrecision(4));
  return Number.isInteger(shown) ? shown.toLocaleString('en-GB') : String(shown);
}

/** A result as text: a percentage where it is a fraction. */
function result(name, value, digits = 1) {
  if (value == null || !Number.isFinite(value)) return '–';
  return isFraction(name) ? `${(100 * value).toFixed(digits)}\u202f%` : plain(value);
}

function duration(seconds) {
  if (seconds == null) return '–';
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function median(values) {
  const sorted = values.filter((value) => value != null).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (!sorted.length) return null;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const SETTINGS = new Map(DATA.settings.map((setting) => [setting.name, setting]));
const SWEPT = DATA.settings.filter((setting) => setting.swept).map((setting) => setting.name);

/** A run's value of a setting that varies; undefined where the run does not have it. */
function valueOf(name, run) {
  const setting = SETTINGS.get(name);
  return setting.codes[run] < 0 ? undefined : setting.values[setting.codes[run]];
}

const better = METRIC.goal === 'maximize' ? 1 : -1;

/** Runs from worst to best; those without a value first. */
const WORST_FIRST = ALL.slice().sort((a, b) => {
  const [x, y] = [DATA.value[a], DATA.value[b]];
  if (x == null || y == null) return (y == null) - (x == null) || b - a;
  return better * (x - y) || b - a;
});

/** The share of runs that a run beats, from 0 to 1; null without a value. */
const RANK = new Array(COUNT).fill(null);
{
  const valued = WORST_FIRST.filter((run) => DATA.value[run] != null);
  for (let from = 0, to; from < valued.length; from = to) {
    for (to = from; to < valued.length && DATA.value[valued[to]] === DATA.value[valued[from]];) to += 1;
    // Equal runs share the middle of their ranks, so that they have one colour.
    const rank = valued.length > 1 ? (from + to - 1) / 2 / (valued.length - 1) : 1;
    for (const run of valued.slice(from, to)) RANK[run] = rank;
  }
}

/** A number in [-1, 1] that depends on the run alone, to keep equal values apart. */
function jitter(run) {
  let hash = Math.imul(run + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2147483647.5 - 1;
}

const MANY = 8; // as statistics have it
const axes = new Map();

/** The axes of the metric and of a result; a setting's has its own name, which may be the same. */
const VALUE = 'value:';
const resultAxis = (name) => `result:${name}`;

/**
 * How something is laid out along an axis.
 *
 * A setting with few values becomes categories at 0, 1, 2 …: numbers in their order, words from the
 * worst to the best median. Many numbers stay numbers, or their logarithms over a wide range.
 * `at(run)` is the place or null, `format(place)` its label.
 */
function axisOf(name) {
  if (!axes.has(name)) axes.set(name, makeAxis(name));
  return axes.get(name);
}

function makeAxis(name) {
  if (name === VALUE) return continuous(name, METRIC.name, METRIC.label, DATA.value);
  const setting = SETTINGS.get(name);
  if (!setting) {
    const its = name.slice(resultAxis('').length);
    return continuous(name, its, words(its), DATA.results[its]);
  }
  const numeric = setting.values.every((value) => typeof value === 'number');
  if (numeric && setting.values.length > MANY) {
    return continuous(name, name, words(name), ALL.map((run) => valueOf(name, run)));
  }
  const middles = setting.values.map((value) => {
    const middle = median(ALL.filter((run) => valueOf(name, run) === value).map((run) => DATA.value[run]));
    return middle == null ? -Infinity : better * middle;
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

function continuous(name, what, label, values) {
  const known = values.filter((value) => value != null && Number.isFinite(value));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const log = low > 0 && high / low > 30 && !isFraction(what);
  const to = log ? Math.log10 : (value) => value;
  const from = log ? (at) => 10 ** at : (at) => at;
  const [min, max] = known.length ? [to(low), to(high)] : [0, 1];
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
function grid(values, lines = 5) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return { min: 0, max: 1, interval: 0.2 };
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
