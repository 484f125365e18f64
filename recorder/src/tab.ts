/**
 * The tab's label and the page that was in it before. Both are for people who watch: nothing depends on them, since a
 * duplicated tab has the same.
 */
import { randomLabel, type SessionId } from "./ids.js";
import type { SafeStorage } from "./storage.js";

const STORAGE_KEY = "tapedeck.tab";
const LABEL = /^[0-9A-Za-z]{8}$/;

export interface Tab {
  readonly id: string;
  readonly previousPage: string | undefined;
  /** How long the page before waited between uploads, if it was of the same session. */
  readonly waitMs: number | undefined;
}

/** The tab's label, drawn if it has none yet, and what is known of the page before `page`, which is noted as its latest. */
export function enterPage(storage: SafeStorage, page: string, session: SessionId): Tab {
  const [id = "", previousPage = "", previousSession, wait] = fields(storage);
  const tab = {
    id: LABEL.test(id) ? id : randomLabel(),
    previousPage: LABEL.test(previousPage) ? previousPage : undefined,
    waitMs: (previousSession === session && Number(wait)) || undefined,
  };
  storage.set(STORAGE_KEY, `${tab.id} ${page} ${session}`);
  return tab;
}

/** Notes how long this page waits between uploads by now. */
export function noteWait(storage: SafeStorage, waitMs: number): void {
  const [id, page, session] = fields(storage);
  if (session !== undefined) storage.set(STORAGE_KEY, `${id} ${page} ${session} ${waitMs}`);
}

function fields(storage: SafeStorage): string[] {
  return (storage.get(STORAGE_KEY) ?? "").split(" ");
}
