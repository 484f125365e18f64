/** How long a toast stays. */
const TOAST_MS = 4_000;

export interface Toast {
  id: number;
  text: string;
  link?: { href: string; text: string };
}

/** Short messages that vanish by themselves. */
class Toasts {
  #next = 0;
  shown: Toast[] = $state.raw([]);

  show(text: string, link?: Toast["link"]): void {
    const id = this.#next++;
    this.shown = [...this.shown.slice(-2), link ? { id, text, link } : { id, text }];
    setTimeout(() => this.dismiss(id), TOAST_MS);
  }

  dismiss(id: number): void {
    this.shown = this.shown.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
