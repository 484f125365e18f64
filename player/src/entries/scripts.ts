/** Whether a script is a browser extension's, and none of the page's. */
export function isForeign(file: string): boolean {
  return /^(chrome|moz|safari(-web)?)-extension:/.test(file);
}
