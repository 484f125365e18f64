/**
 * The tab's label and the page that was in it before. Both are for people who watch: nothing depends on them, since a
 * duplicated tab has the same.
 */
import { randomLabel } from "./ids.js";
import type { SafeStorage } from "./storage.js";

const STORAGE_KEY = "tapedeck.tab";
const LABEL = /^[0-9A-Za-z]{8}$/;

export interface Tab {
  readonly id: string;
  readonly previousPage: string | undefined;
}

/** The tab's label, drawn if it has none yet, and the page before `page`, which is noted as its latest. */
export function enterPage(storage: SafeStorage, page: string): Tab {
  const [id = "", previousPage = ""] = (storage.get(STORAGE_KEY) ?? "").split(" ");
  const tab = {
    id: LABEL.test(id) ? id : randomLabel(),
    previousPage: LABEL.test(previousPage) ? previousPage : undefined,
  };
  storage.set(STORAGE_KEY, `${tab.id} ${page}`);
  return tab;
}
