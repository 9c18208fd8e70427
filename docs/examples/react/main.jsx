import { createClient } from "copresence";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./board.jsx";

const client = createClient({ guest: { name: "Ada" } });
createRoot(document.getElementById("root")).render(<StrictMode><App client={client} /></StrictMode>);
