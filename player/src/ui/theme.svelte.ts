/** Dark, light, or what the system says. Kept in the browser. */

export type Theme = "system" | "light" | "dark";

const KEY = "tapedeck.theme";
const ORDER: Theme[] = ["system", "light", "dark"];

const initial = kept();
apply(initial);
let current = $state<Theme>(initial);

export function theme(): Theme {
  return current;
}

export function nextTheme(): void {
  current = ORDER[(ORDER.indexOf(current) + 1) % ORDER.length] as Theme;
  localStorage.setItem(KEY, current);
  apply(current);
}

function kept(): Theme {
  const value = localStorage.getItem(KEY);
  return ORDER.find((theme) => theme === value) ?? "system";
}

function apply(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
