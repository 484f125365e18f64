import { type ComponentProps, mount } from "svelte";
import "../app.css";
import App from "./App.svelte";

/** Shows the application. */
export function start(props: ComponentProps<typeof App>): void {
  mount(App, { target: document.body, props });
}
