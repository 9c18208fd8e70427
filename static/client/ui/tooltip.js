/** The tooltips of `<cp-avatars>`: loaded with the first pointer or focus that comes. */

const CSS = `
.tooltip{position:absolute;z-index:var(--cp-z,1000);top:100%;left:0;padding:2px 10px;width:max-content;max-width:40vw;display:none;overflow-wrap:anywhere;background:var(--_surface);border:1px solid var(--_line);border-radius:var(--cp-radius,12px);box-shadow:var(--cp-shadow,0 4px 16px rgb(0 0 0/.18))}
.end .tooltip{left:auto;right:0}
ul:not(.quiet) li:is(:hover,:focus-within) .tooltip{display:block}`;

/** What each element that has tooltips does with a key. @type {WeakMap<object, (event: KeyboardEvent) => void>} */
const keys = new WeakMap();

/** Gives the person under a pointer or the focus a tooltip. @param {any} target */
export function tip(target) {
  const item = target.closest("li:not(.overflow)");
  // It may have gone meanwhile.
  if (!item?.isConnected) return;
  /** @type {import("./base.js").Widget} */
  const host = item.getRootNode().host;
  const { classList } = item.parentNode;
  let onKey = keys.get(host);
  if (!onKey) {
    host.wear(CSS);
    // What covers something can be put away; any other key, and a pointer that comes anew, brings it back.
    onKey = ({ key }) => {
      if (!host.isConnected) document.removeEventListener("keydown", /** @type {any} */ (onKey));
      classList.toggle("quiet", key === "Escape");
    };
    keys.set(host, onKey);
  }
  document.addEventListener("keydown", onKey);
  const { left, right } = host.getBoundingClientRect();
  classList.remove("quiet");
  // To where there is room.
  classList.toggle("end", left + right > innerWidth);
  if (item.children[1]) return;
  // What it says is the button's name already.
  item.append(Object.assign(document.createElement("span"), { className: "tooltip", part: "tooltip", ariaHidden: "true", textContent: item.firstChild.ariaLabel }));
}
