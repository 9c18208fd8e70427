/** What the button "Notify me" sends: one level after the other, so that a newcomer sees what there is. */

/** @param {string} room @returns {Record<string, unknown>[]} */
function samples(room) {
  return [
    { level: "info", title: "Hello from your inbox", message: "This is a toast. It is kept in the inbox, behind the bell." },
    { level: "success", title: "The report is ready", message: "Press again for the next level.", topic: "reports" },
    {
      level: "warning", title: "Revenue is down", message: "What has a link stays until you close it.", topic: "kpi", room,
      actions: [{ id: "second", label: "Look with a second person", url: `/?${new URLSearchParams({ person: "2", room })}` }],
    },
    { level: "error", title: "The import failed", message: "An error stays as well. All tabs of yours agree about what was read.", topic: "imports" },
  ];
}

/**
 * @param {HTMLElement} button
 * @param {string} room
 * @param {(notification: Record<string, unknown>) => Promise<void>} send
 */
export function watchSamples(button, room, send) {
  let next = 0;
  button.addEventListener("click", () => {
    const all = samples(room);
    void send(all[next % all.length]);
    next += 1;
  });
}
