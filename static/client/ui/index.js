/**
 * Elements for a page without a framework: `<script type="module" src="/client/ui/index.js">` and they work. Each file can
 * be loaded alone. Colours and sizes are custom properties (`--cp-accent`, `--cp-surface` …), parts are open to `::part()`.
 */

export { CpProvider } from "./provider.js";
export { CpStatus } from "./status.js";
export { CpActivity } from "./activity.js";
export { CpAvatars } from "./avatars.js";
export { CpCursors } from "./cursors.js";
export { CpInbox } from "./inbox.js";
export { CpToasts } from "./toasts.js";
