// The colours of the style sheet, for what is drawn on canvases.

import { METRIC, RANK } from './data.js';

export const theme = {};

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function channels(hex) {
  return [1, 3, 5].map((from) => parseInt(hex.slice(from, from + 2), 16));
}

export function readTheme() {
  for (const name of ['paper', 'ink', 'soft', 'rule', 'faint', 'accent', 'data', 'bad']) {
    theme[name] = css(`--${name}`);
  }
  theme.ramp = [0, 1, 2, 3, 4].map((step) => channels(css(`--ramp-${step}`)));
  theme.kinds = [0, 1, 2, 3, 4, 5, 6].map((step) => css(`--kind-${step}`));
  theme.font = getComputedStyle(document.querySelector('.sans') || document.body).fontFamily;
}

/** The colour of a share in [0, 1] on the page's one scale, from poor to good. */
function ramp(share) {
  const at = Math.max(0, Math.min(1, share)) * 4;
  const low = Math.min(3, Math.floor(at));
  const mixed = theme.ramp[low].map((channel, index) => (
    Math.round(channel + (theme.ramp[low + 1][index] - channel) * (at - low))
  ));
  return `rgb(${mixed.join(',')})`;
}

/** A run's colour: by its rank, because accuracies of a sweep crowd at both ends. */
export function colourOf(run) {
  if (!METRIC.name) return theme.data;
  return RANK[run] == null ? theme.bad : ramp(RANK[run]);
}

/** The colours of kinds, for things to be told apart. */
export function kind(place) {
  return theme.kinds[place % theme.kinds.length];
}
