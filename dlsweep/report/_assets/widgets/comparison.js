// Two runs that a block compares.

import { compare } from '../js/compare.js';

export function fill(element, { runs }) {
  compare(element, runs);
}
