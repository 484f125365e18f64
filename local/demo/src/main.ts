import "@fontsource-variable/bricolage-grotesque";
import "@fontsource-variable/instrument-sans";
import "./styles.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { catalogue } from "./state/catalogue.svelte.ts";
import { recording } from "./state/recording.svelte.ts";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");
mount(App, { target });
void recording.begin();
void catalogue.load();
