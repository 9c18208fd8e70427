import { CopresenceProvider, useActivity, useConnectionStatus, useEvent, useOthers, usePublish, useRoomState } from "copresence/react";
import { useState } from "react";

function Target() {
  const [target = 0, setTarget] = useRoomState("target");
  const { track } = useActivity();
  const raise = () => {
    setTarget(target + 10_000);
    track("raised", "target");
  };
  return <p>Target: <output>{target}</output> EUR <button onClick={raise}>Raise it</button></p>;
}

function Notes() {
  const [notes, setNotes] = useState([]);
  const [text, setText] = useState("");
  const publish = usePublish();
  // The newest twenty, by their place in the room's log.
  useEvent("note", (data, { offset }) => setNotes((all) => [{ offset, text: data.text }, ...all].slice(0, 20)));
  const say = (event) => {
    event.preventDefault();
    publish("note", { text });
    setText("");
  };
  return <>
    <form onSubmit={say}>
      <input aria-label="Note" required value={text} onChange={(event) => setText(event.target.value)} /> <button>Say it</button>
    </form>
    <ul aria-label="Notes">{notes.map((note) => <li key={note.offset}>{note.text}</li>)}</ul>
  </>;
}

function Board() {
  const state = useConnectionStatus((status) => status.state);
  const names = useOthers((others) => others.map(({ name }) => name));
  return <main>
    <h1>Sales</h1>
    <p role="status">{state}; here: {names.join(", ") || "nobody else"}</p>
    <Target />
    <Notes />
  </main>;
}

/** The client is made once, outside of components: see main.jsx. */
export const App = ({ client }) => <CopresenceProvider client={client} room="dashboard:sales"><Board /></CopresenceProvider>;
