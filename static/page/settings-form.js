/**
 * The settings: others' pointers, which this browser remembers, and preferences of notifications, which the server has for
 * all devices of this person. Each change is sent at once, and what another tab changed is shown here.
 */

import { byId, setText } from "./dom.js";

const QUIET_FROM = "22:00";
const QUIET_TO = "07:00";

/**
 * @param {import("/client/index.js").Client<any>} client
 * @param {import("/client/index.js").Room<any>} room
 * @param {import("./storage.js").Store} store
 */
export function watchSettings(client, room, store) {
  const [opener, dialog, form] = [byId("settings-open"), byId("settings"), byId("preferences")];
  const { notifications } = client;
  opener.disabled = false;
  opener.addEventListener("click", () => dialog.showModal());
  byId("settings-close").addEventListener("click", () => dialog.close());
  // A press beside it; the dialog's own box is filled by the form.
  dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => event.target === dialog && dialog.close());
  watchCursors(store);

  form.addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
  form.addEventListener("change", () => {
    const hours = { from: byId("pref-from").value, to: byId("pref-to").value, zone: byId("pref-zone").value };
    // A time that is being typed is not there yet.
    if (hours.from === "" || hours.to === "") return;
    notifications.updatePreferences({
      toasts: byId("pref-toasts").checked,
      levels: Object.fromEntries(levels().map((box) => [box.value, box.checked])),
      durations: Number(byId("pref-durations").value) || null,
      quiet_hours: byId("pref-quiet").checked ? hours : null,
      digest: byId("pref-digest").checked,
    });
  });
  byId("follow").addEventListener("click", () => {
    const isFollowed = notifications.preferences.follows.includes(room.name);
    (isFollowed ? notifications.unfollow(room.name) : notifications.follow(room.name)).catch(() => {});
  });
  const fill = () => {
    const { toasts, levels: wanted, durations, quiet_hours: quiet, digest, follows } = notifications.getSnapshot().preferences;
    byId("pref-toasts").checked = toasts !== false;
    for (const box of levels()) box.checked = wanted?.[box.value] !== false;
    byId("pref-durations").value = durations === null ? "0" : String(durations);
    byId("pref-digest").checked = digest === true;
    byId("pref-quiet").checked = quiet !== null;
    write("pref-from", quiet?.from ?? QUIET_FROM);
    write("pref-to", quiet?.to ?? QUIET_TO);
    showZone(quiet?.zone ?? (Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC"));
    for (const id of ["pref-from", "pref-to", "pref-zone", "pref-digest"]) byId(id).disabled = quiet === null;
    const isFollowed = follows?.includes(room.name) === true;
    byId("follow").setAttribute("aria-pressed", String(isFollowed));
    setText(byId("follow"), isFollowed ? "Following this room" : "Follow this room");
  };
  notifications.subscribe(fill);
  fill();
}

/** @param {import("./storage.js").Store} store */
function watchCursors(store) {
  const [box, layer] = [byId("pref-cursors"), byId("cursors")];
  const apply = () => layer.toggleAttribute("off", !box.checked);
  box.checked = store.get("cursors") !== false;
  box.addEventListener("change", () => {
    store.set("cursors", box.checked);
    apply();
  });
  apply();
}

function levels() {
  return /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll("#preferences [name=level]")]);
}

/** Not under the hands of who is typing it. @param {string} id @param {string} text */
function write(id, text) {
  const field = byId(id);
  if (document.activeElement !== field) field.value = text;
}

/** All zones that the browser knows, and this one. @param {string} zone */
function showZone(zone) {
  const select = byId("pref-zone");
  if (select.options.length === 0) for (const each of Intl.supportedValuesOf?.("timeZone") ?? []) select.add(new Option(each));
  if (![...select.options].some((/** @type {HTMLOptionElement} */ { value }) => value === zone)) select.add(new Option(zone), 0);
  select.value = zone;
}
