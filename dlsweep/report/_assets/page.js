// Small means for making parts of the page; text always goes in as text.

/** An element: `make('td', { class: 'number' }, 'text', child)`. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'vars') Object.entries(value).forEach(([key, to]) => element.style.setProperty(key, to));
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Buttons of which one is pressed; `pick` is called with its value. */
function segments(label, options, chosen, pick) {
  const group = make('div', { class: 'segments', role: 'group', 'aria-label': label });
  const press = (value) => [...group.children].forEach((button) => {
    button.setAttribute('aria-pressed', String(button.dataset.value === value));
  });
  for (const [value, text] of options) {
    group.append(make('button', {
      type: 'button',
      'data-value': value,
      onclick: () => { press(value); pick(value); },
    }, text));
  }
  press(chosen);
  return group;
}

/** A labelled choice. */
function select(label, options, chosen, pick) {
  const list = make('select', { onchange: (event) => pick(event.target.value) });
  for (const [value, text] of options) {
    list.append(make('option', { value, selected: value === chosen }, text));
  }
  return make('label', { class: 'choice' }, `${label} `, list);
}

function missing(sentence) {
  return make('p', { class: 'missing' }, sentence);
}

const tip = make('div', { class: 'tip', 'aria-hidden': 'true' });
document.body.append(tip);

/** Show a run's facts next to the pointer; null hides them. */
function showTip(run, x, y, line) {
  if (run == null) {
    tip.classList.remove('shown');
    return;
  }
  if (tip.dataset.run !== `${run} ${line || ''}`) {
    tip.dataset.run = `${run} ${line || ''}`;
    const facts = SWEPT.filter((name) => valueOf(name, run) !== undefined).slice(0, 12).map((name) => (
      make('div', {}, make('span', {}, words(name)), make('span', {}, plain(valueOf(name, run))))
    ));
    tip.replaceChildren(
      make('strong', {}, DATA.names[run]),
      METRIC.name ? make('div', { class: 'key' }, make('span', {}, METRIC.label), make('span', {}, result(METRIC.name, DATA.value[run]))) : '',
      ...(line ? [make('div', { class: 'key' }, make('span', {}, line[0]), make('span', {}, line[1]))] : []),
      ...facts,
    );
  }
  tip.classList.add('shown');
  const box = tip.getBoundingClientRect();
  const left = x + 18 + box.width > innerWidth ? x - box.width - 18 : x + 18;
  tip.style.left = `${Math.max(6, left)}px`;
  tip.style.top = `${Math.max(6, Math.min(y - 20, innerHeight - box.height - 6))}px`;
}
