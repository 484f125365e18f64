/**
 * Cookies in the place of `localStorage`, so that the hosts of one domain share what is kept.
 */

/** As long as browsers keep a cookie at all. */
const SECONDS = 400 * 86_400;

/** Storage that every host of `domain` sees. */
export function cookiesOf(domain: string): Pick<Storage, "getItem" | "setItem" | "removeItem"> {
  const write = (key: string, value: string, seconds: number): void => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is asynchronous, and not in every browser.
    document.cookie = `${key}=${value}; Domain=${domain}; Path=/; Max-Age=${seconds}; SameSite=Lax${secure}`;
  };
  const getItem = (key: string): string | null => {
    const cookies = new Map(
      document.cookie.split("; ").map((one) => one.split("=", 2) as [string, string]),
    );
    return decodeURIComponent(cookies.get(key) ?? "") || null;
  };
  return {
    getItem,
    setItem(key, value) {
      write(key, encodeURIComponent(value), SECONDS);
      // Browsers say nothing when they refuse a cookie.
      if (getItem(key) !== value) throw new Error("the cookie was refused");
    },
    removeItem: (key) => write(key, "", 0),
  };
}
