/** What the menu "Send notification" sends to oneself, through the server: it comes back as a toast, a badge and a line in the inbox. */

import { byId } from "./dom.js";

/** @param {string} room @returns {Record<string, Record<string, unknown>>} */
function samples(room) {
  return {
    info: { level: "info", title: "Hello from your inbox", message: "It stays behind the bell when this toast is gone." },
    success: { level: "success", title: "The report is ready", message: "In every tab of yours, read in one is read in all.", topic: "reports" },
    warning: { level: "warning", title: "Revenue is below target", message: "Warnings stay a little longer.", topic: "kpi", room },
    error: { level: "error", title: "The import failed", message: "Errors stay until you close them.", topic: "imports" },
    action: { level: "info", title: "Order 4812 waits for you", message: "What asks for something stays until you answer.", room, actions: [{ id: "open", label: "Open", url: "/#approve" }] },
  };
}

/**
 * @param {import("/client/index.js").Client<any>} client
 * @param {string} room
 * @param {(problem: string) => void} onProblem
 */
export function watchNotify(client, room, onProblem) {
  const [button, menu] = [byId("notify"), byId("notify-menu")];
  watchInbox(client.notifications);
  const open = (/** @type {boolean} */ isOpen) => {
    menu.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
  };
  button.disabled = false;
  button.addEventListener("click", () => open(menu.hidden));
  menu.addEventListener("click", async (/** @type {MouseEvent} */ event) => {
    const kind = /** @type {HTMLElement} */ (event.target).closest("button")?.dataset.kind;
    const sample = kind && samples(room)[kind];
    if (!sample || !client.user) return;
    open(false);
    button.focus();
    try {
      await client.notifications.notify({ users: [client.user.id] }, sample);
      onProblem("");
    } catch (error) {
      onProblem(`It was not sent: ${/** @type {Error} */ (error).message}`);
    }
  });
  menu.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    open(false);
    button.focus();
  });
  document.addEventListener("click", (event) => {
    if (!menu.hidden && !menu.parentElement.contains(/** @type {Node} */ (event.target))) open(false);
  });
}

/** Who opens the inbox has it all in sight: toasts of what is there go. What is critical stays until somebody says so. @param {any} notifications */
function watchInbox(notifications) {
  byId("inbox").addEventListener("cp-open", () => {
    for (const { id, offset, critical } of notifications.notifications) if (offset !== undefined && !critical) notifications.hideNotification(id);
  });
  // In a small window two are half of it already.
  const small = matchMedia("(max-width: 600px)");
  const limit = () => byId("toasts").setAttribute("max", small.matches ? "2" : "3");
  small.addEventListener("change", limit);
  limit();
}
