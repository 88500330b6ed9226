// Starts the screens inside whatever runs them.
import { mount } from "svelte";
import "../../assets/design/fonts.css";
import "../../assets/design/tokens.css";
import App from "./app/App.svelte";
import { useHost } from "./host/rpc";
import { inWindow, tauri } from "./host/tauri";
import { words } from "./i18n/words.svelte";
import "./shared/base.css";

const target = document.getElementById("app");
if (!target) throw new Error("the page has no #app");

/** A host for work on the screens in a browser; the branch and its files are left out of the window's build. */
const forScreens = import.meta.env.DEV || import.meta.env.MODE === "memory";

if (inWindow()) {
  useHost(tauri);
  mount(App, { target });
} else if (forScreens) {
  const { fromAddress } = await import("./host/memory/demo");
  useHost(fromAddress(location.hash));
  mount(App, { target });
} else {
  const note = document.createElement("p");
  note.textContent = words.t.shell.outside;
  note.style.padding = "2rem";
  target.append(note);
}
