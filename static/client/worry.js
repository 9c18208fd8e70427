/** Says on screen that the connection stays lost; a blip or a restart of the server is not worth a word. */

const WORRY_MS = 10_000;
const ID = "copresence:connection";

/**
 * @param {Pick<import("./engine.js").Engine, "env" | "outbox">} host
 * @param {Pick<import("./notifications.js").Notifications, "showNotification" | "hideNotification">} notifications
 */
export function worryOf(host, notifications) {
  /** @type {(() => void) | null} */
  let cancel = null;
  return {
    /** It is lost. */
    begin() {
      cancel ??= host.env.after(WORRY_MS, () => {
        const message = host.outbox ? "What you change is kept and sent when it is back." : "";
        notifications.showNotification({ id: ID, type: "warning", title: "Connection lost", message, duration: Infinity });
      });
    },
    /** It is back, or nobody wants it. */
    end() {
      cancel?.();
      cancel = null;
      notifications.hideNotification(ID);
    },
  };
}
