/** Building elements. Text goes in as text, always: what people typed is never read as HTML. */

/**
 * @param {string} tag
 * @param {{ class?: string, text?: string, who?: string }} [what] `who`: a person's colour, for the style sheet
 * @param {(Node | null)[]} [children]
 * @returns {HTMLElement}
 */
export function element(tag, what = {}, children = []) {
  const node = document.createElement(tag);
  if (what.class) node.className = what.class;
  if (what.text !== undefined) node.textContent = what.text;
  if (what.who) node.style.setProperty("--who", what.who);
  node.append(...children.filter((child) => child !== null));
  return node;
}

/**
 * The element of this page with that id; the page and its script come from one build.
 *
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Writes text only where it changes, so that nothing blinks and selections stay.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
