// Builds and updates elements. Text is only ever set as text: nothing here takes markup.

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {{ class?: string | null, text?: string, on?: Record<string, (event: any) => void> }
 *   & Record<string, unknown>} Props
 */

/**
 * Makes an element. `on` holds listeners, `class` the classes; every other property becomes an
 * attribute (`true` an empty one; `false`, `null` and `undefined` none).
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') listen(element, /** @type {Record<string, any>} */ (value));
    else if (name === 'text') element.textContent = String(value ?? '');
    else setAttribute(element, name, value);
  }
  element.append(...children.flat().filter(isShown).map(toNode));
  return element;
}

/**
 * Sets an attribute, or removes it (`false`, `null`, `undefined`), only if that changes something.
 * @param {Element} element
 * @param {string} name
 * @param {unknown} value
 */
export function setAttribute(element, name, value) {
  if (name.startsWith('on')) throw new TypeError(`${name} is no attribute: use on: {}`);
  if (value === false || value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/**
 * Sets an element's text, only if it changes: what is read aloud or selected stays untouched.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Makes the children of `parent` those of `items`, in their order. An item that was there before
 * (same key) keeps its element, so focus, selection and scroll positions survive.
 * @template I
 * @template {Element} E
 * @param {Element} parent
 * @param {Iterable<I>} items
 * @param {{ key: (item: I) => string, make: (item: I) => E, update?: (element: E, item: I) => void }} how
 */
export function reconcile(parent, items, { key, make, update }) {
  const kept = /** @type {Map<string, E>} */ (keyed.get(parent) ?? new Map());
  /** @type {Map<string, E>} */
  const now = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    if (now.has(name)) continue;
    const element = kept.get(name) ?? make(item);
    update?.(element, item);
    now.set(name, element);
    kept.delete(name);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of kept.values()) element.remove();
  keyed.set(parent, now);
}

/** @type {WeakMap<Element, Map<string, Element>>} */
const keyed = new WeakMap();

/** @param {Element} element @param {Record<string, EventListener>} listeners */
function listen(element, listeners) {
  for (const [event, listener] of Object.entries(listeners)) {
    element.addEventListener(event, listener);
  }
}

/** @param {Child} child @returns {child is Node | string | number} */
function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

/** @param {Node | string | number} child @returns {Node | string} */
function toNode(child) {
  return typeof child === 'number' ? String(child) : child;
}
