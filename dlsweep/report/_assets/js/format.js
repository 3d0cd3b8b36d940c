// Names and numbers as people write them.

import { DATA } from './data.js';

const WORDS = { val: 'validation', train: 'training', lr: 'learning rate', num: 'number of' };

/** A name of a setting or a result as people say it; those of a program stay as they are. */
export function words(name) {
  if (!DATA.own) return name;
  return name.split('_').map((word) => WORDS[word] || word).join(' ');
}

export function capital(text) {
  return DATA.own ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** Accuracies are fractions; people read them as percentages. Of a program nothing is known. */
export function isFraction(name) {
  return DATA.own && /accuracy|precision|recall|^f1$/.test(name);
}

export function plain(value) {
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
export function result(name, value, digits = 1) {
  if (value == null || !Number.isFinite(value)) return '–';
  return isFraction(name) ? `${(100 * value).toFixed(digits)}\u202f%` : plain(value);
}

export function duration(seconds) {
  if (seconds == null) return '–';
  if (seconds < 60) return `${seconds < 1 ? plain(Number(seconds.toPrecision(2))) : seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
