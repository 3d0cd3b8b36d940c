// What a reader asks of the table of runs: words, and conditions such as `learning_rate<=0.01`.

import { DATA, METRIC, SETTINGS, resultOf, valueOf } from './data.js';
import { isFraction, words } from './format.js';

const CONDITION = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.*)$/;
const plainName = (text) => text.toLowerCase().replace(/[\s_-]+/g, '_');

/** What can be asked for: a name -> what a run has. */
function columns() {
  const found = new Map();
  const add = (name, value, fraction = false) => {
    const key = plainName(name);
    if (!found.has(key)) found.set(key, { value, fraction });
  };
  for (const name of SETTINGS.keys()) add(name, (run) => valueOf(name, run));
  const results = [...(METRIC.name ? [METRIC.name] : []), ...Object.keys(DATA.results)];
  for (const name of results) add(name, (run) => resultOf(name, run), isFraction(name));
  if (METRIC.name) add(METRIC.label, (run) => DATA.value[run], isFraction(METRIC.name));
  for (const name of [...SETTINGS.keys(), ...results]) add(words(name), found.get(plainName(name)).value, found.get(plainName(name)).fraction);
  add('status', (run) => DATA.status[run].replace('_', ' '));
  add('name', (run) => DATA.names[run]);
  add('run', (run) => DATA.names[run]);
  add('id', (run) => DATA.ids[run]);
  add('time', (run) => DATA.training[run]);
  add('training_time', (run) => DATA.training[run]);
  return found;
}

/** The column that is meant: by its name, or by a part of it that no other has. */
function meant(known, text) {
  const name = plainName(text.trim());
  if (known.has(name)) return known.get(name);
  const like = [...known.keys()].filter((key) => key.includes(name));
  const different = new Set(like.map((key) => known.get(key).value));
  return different.size === 1 ? known.get(like[0]) : null;
}

/** The terms of a question: separated by spaces, but not around a sign nor within quotes. */
function terms(question) {
  const joined = question.replace(/\s*(<=|>=|!=|=|<|>)\s*/g, '$1');
  return joined.match(/(?:"[^"]*"|[^\s"])+/g) || [];
}

/**
 * A question as a test of a run.
 *
 * `haystack(run)` is the text that words are looked for in, in small letters. Returns `{ test,
 * unknown }`, with the names that nothing has.
 */
export function asked(question, haystack) {
  const known = columns();
  const unknown = [];
  const tests = terms(question).map((term) => {
    const found = CONDITION.exec(term);
    const bare = (text) => text.replace(/"/g, '');
    if (!found) return (run) => haystack(run).includes(bare(term).toLowerCase());
    const [, name, sign, text] = found;
    const column = meant(known, bare(name));
    if (!column) {
      unknown.push(bare(name));
      return () => false;
    }
    return text === '' ? () => true : condition(column, sign, bare(text));
  });
  return { test: (run) => tests.every((one) => one(run)), unknown };
}

/** A number that a reader wrote: 90 % and 90 of fractions are 0.9; null for anything else. */
function number(text, fraction) {
  const found = /^([-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?)(%?)$/i.exec(text);
  if (!found) return null;
  const value = Number(found[1].replace(/,/g, ''));
  return found[2] || (fraction && Math.abs(value) > 1) ? value / 100 : value;
}

function condition({ value, fraction }, sign, text) {
  const wanted = number(text, fraction);
  const small = text.toLowerCase();
  if (sign === '=' || sign === '!=') {
    const same = (run) => {
      const has = value(run);
      if (has == null) return ['none', 'null'].includes(small);
      // A result is as equal as it is written: 0.9 is 0.9 and 0.904.
      if (typeof has === 'number' && wanted !== null) return has === wanted || (fraction && near(has, wanted, text));
      return String(has).toLowerCase().startsWith(small);
    };
    const exact = (run) => String(value(run)).toLowerCase() === small;
    const some = DATA.names.some((_, run) => exact(run));
    const holds = some ? exact : same;
    return sign === '=' ? holds : (run) => !holds(run);
  }
  const order = { '<': (a, b) => a < b, '>': (a, b) => a > b, '<=': (a, b) => a <= b, '>=': (a, b) => a >= b }[sign];
  return (run) => {
    const has = value(run);
    return typeof has === 'number' && wanted !== null && order(has, wanted);
  };
}

/** Whether a fraction is what was written, as precisely as it was written. */
function near(has, wanted, text) {
  const digits = (/\.(\d+)/.exec(text) || ['', ''])[1].length + (wanted * 10 > Number(text.replace('%', '')) ? 0 : 2);
  return Number(has.toFixed(digits)) === Number(wanted.toFixed(digits));
}
