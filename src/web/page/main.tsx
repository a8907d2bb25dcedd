import { render } from "preact";
import "@fontsource/inter/latin-400.css";
import "@fontsource/inter/latin-600.css";
import "virtual:theme.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/media.css";
import { load } from "./api.ts";
import { App } from "./app.tsx";

const root = document.getElementById("app")!;

load().then(
  ({ data, session }) => {
    root.replaceChildren();
    render(<App data={data} session={session} />, root);
  },
  (error: Error) => {
    root.innerHTML = '<p class="note loading" role="alert"></p>';
    root.firstElementChild!.textContent = error.message;
  },
);
