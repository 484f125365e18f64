import { flush, getSessionId, init, on, type StateChange, start } from "@tapedeck/recorder";
import { parseSettings, type Settings, watchLink } from "../lib/settings.ts";
import { toasts } from "./toasts.svelte.ts";

/** How long "watch this" waits for the last events to be uploaded before it opens the player without them. */
const FLUSH_PATIENCE_MS = 5_000;

/** The recorder, and the way to the player. The shop works the same without it. */
class Recording {
  /** Undefined until they are fetched, null where there are none and nothing is recorded. */
  settings: Settings | null | undefined = $state.raw();
  change: StateChange = $state.raw({ state: "idle", reason: "page" });
  /** The session this page is recorded in. */
  session: string | undefined = $state();
  isOpening = $state(false);

  async begin(): Promise<void> {
    try {
      this.settings = await fetchSettings();
    } catch (error) {
      console.error("reading /tapedeck.json", error);
      this.settings = null;
    }
    if (!this.settings) return;
    on("state", (change) => {
      if (change.error !== undefined) console.error("recorder", change.reason, change.error);
      this.change = change;
      this.session = getSessionId();
    });
    init({
      edge: this.settings.edge,
      key: this.settings.project_key,
      environment: "local",
      maskText: false,
    });
    start();
  }

  /** Uploads what was recorded until now, and shows it in the player, in a new tab. */
  async watch(): Promise<void> {
    const { settings, session } = this;
    if (!settings || session === undefined) return;
    this.isOpening = true;
    // Opened before anything is awaited, because browsers open tabs for a click only, and not for what follows it.
    const tab = window.open("about:blank", "_blank");
    tab?.document.body.append("Uploading the last moments…");
    if (!(await flushed())) {
      toasts.show("The last moments are not uploaded yet, so the player may lack them.");
    }
    this.isOpening = false;
    // The link carries the viewer's token: it is never put into the page, where it would be recorded.
    const link = watchLink(settings, session);
    if (tab) {
      tab.opener = null;
      tab.location.replace(link);
    } else {
      toasts.show("Your browser kept the player from opening. Allow pop-ups here and try again.");
    }
  }
}

/** Returns what the local stack wrote for us, or null where the shop is served without it. */
async function fetchSettings(): Promise<Settings | null> {
  const response = await fetch("/tapedeck.json");
  // A server that answers every path with the shop's page says 200 here too.
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  return response.ok && isJson ? parseSettings(await response.json()) : null;
}

/** Uploads what was recorded, and tells whether that was done in time. */
function flushed(): Promise<boolean> {
  return Promise.race([
    flush().then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), FLUSH_PATIENCE_MS)),
  ]);
}

export const recording = new Recording();
