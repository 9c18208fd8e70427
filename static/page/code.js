/** The lines that make the widget under the pointer, or the one that has the focus: what a reader would write. */

import { byId, setText } from "./dom.js";

/** @type {Record<string, { title: string, lines: string }>} */
const SNIPPETS = {
  start: {
    title: "All of it begins so",
    lines: `<script type="module" src="/client/ui/index.js"></script>
<cp-provider room="dashboard:sales" guest-name="Ada">
  <cp-status details></cp-status> <cp-avatars self></cp-avatars>
  <cp-cursors names="always"> … your page … </cp-cursors>
  <cp-inbox></cp-inbox> <cp-toasts></cp-toasts>
</cp-provider>`,
  },
  status: {
    title: "The pill",
    lines: `<cp-status details></cp-status>

client.subscribe("connection:restored", ({ downtime, recovered }) =>
  console.log("back after", downtime, "ms, nothing missed:", recovered));
client.on("latency", ({ ms }) => console.log("round trip", ms, "ms"));
client.status; // { state, transport, latency, queued, tab, … }`,
  },
  people: {
    title: "Who is here",
    lines: `<cp-avatars self max="5"></cp-avatars>

const { presence } = client.room("dashboard:sales");
presence.subscribe(() => draw(presence.others));
presence.on("join", ({ name }) => console.log(name, "is here"));
presence.update({ state: { page: "overview" } });`,
  },
  cursors: {
    title: "Others' pointers",
    lines: `<cp-cursors names="always">
  <section> … what is pointed at … </section>
</cp-cursors>

const stop = room.cursors.attach(document.querySelector("#board"));
room.cursors.subscribe(() => draw(room.cursors.others));`,
  },
  tile: {
    title: "A number that all see change",
    lines: `const room = client.room("dashboard:sales");
room.state.subscribe("revenue", () => draw(room.state.get("revenue")));
await room.state.set({ revenue: 1_284_000 });

room.presence.update({ state: { selected: "revenue" } }); // the ring
room.presence.others.filter(({ state }) => state.selected === "revenue");`,
  },
  approve: {
    title: "Two may press at once, and both count",
    lines: `const { state, activity } = client.room("dashboard:sales");
await state
  .set({ approvals: state.get("approvals") - 1 }, { ifOffset: state.offset })
  .catch((error) => error.code === "conflict" && tryAgain(error.current));

activity.track("approved", "an order"); // offline it waits in the outbox`,
  },
  target: {
    title: "A slider that everybody has a hand on",
    lines: `slider.oninput = () => {
  room.presence.update({ state: { editing: "target" } });
  room.state.set({ target: slider.valueAsNumber });
};
room.state.subscribe("target", () => (slider.value = room.state.get("target")));
room.presence.others.find(({ state }) => state.editing === "target")?.name;`,
  },
  chart: {
    title: "The past, out of the room's log",
    lines: `const { entries } = await room.history({ kinds: ["state"], limit: 200 });
for (const { set, at } of entries) if ("revenue" in set) add(at, set.revenue);

room.on("state", ({ set }, { at }) => "revenue" in set && add(at, set.revenue));
room.state.set({ range: 5 });            // the range is shared
room.on("reset", () => loadAgain());`,
  },
  activity: {
    title: "What people did",
    lines: `<cp-activity limit="20"></cp-activity>

room.activity.track("set", "target", { to: 1_300_000 });
room.on("activity", ({ userId, action, target }) => console.log(userId, action, target));
await room.activity.more();
room.activity.items; // newest first`,
  },
  inbox: {
    title: "Bell, inbox, toasts",
    lines: `<cp-inbox></cp-inbox> <cp-toasts></cp-toasts>

curl -X POST https://live.example.com/v1/notifications \\
  -H "Authorization: Bearer $KEY" \\
  -d '{"to":{"users":["ada"]},
       "notification":{"title":"Revenue is down","level":"warning"}}'`,
  },
  proof: {
    title: "How the proof is counted",
    lines: `let last = 0, missing = 0, twice = 0;
room.on("feed", ({ n }) => {
  if (n <= last) twice += 1;
  else missing += n - last - 1;
  last = Math.max(last, n);
});`,
  },
};

export function watchCode() {
  const [button, panel] = [byId("code-toggle"), byId("code")];
  const show = (/** @type {string} */ name) => {
    setText(byId("code-title"), SNIPPETS[name].title);
    setText(byId("code-lines"), SNIPPETS[name].lines);
  };
  const look = (/** @type {Event} */ event) => {
    if (panel.hidden) return;
    const name = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest?.("[data-code]"))?.dataset.code;
    if (name && SNIPPETS[name]) show(name);
  };
  show("start");
  button.disabled = false;
  button.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    button.setAttribute("aria-expanded", String(!panel.hidden));
    setText(button, panel.hidden ? "Show code" : "Hide code");
  });
  for (const event of ["pointerover", "focusin"]) document.addEventListener(event, look);
}
