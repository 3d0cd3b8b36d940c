// Small means for making parts of the page; text always goes in as text.

/** An element: `make('td', { class: 'number' }, 'text', child)`. */
export function make(tag, attributes = {}, ...children) {
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
export function segments(label, options, chosen, pick) {
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
export function select(label, options, chosen, pick) {
  const list = make('select', { onchange: (event) => pick(event.target.value) });
  for (const [value, text] of options) {
    list.append(make('option', { value, selected: value === chosen }, text));
  }
  return make('label', { class: 'choice' }, `${label} `, list);
}

export function missing(sentence) {
  return make('p', { class: 'missing' }, sentence);
}
