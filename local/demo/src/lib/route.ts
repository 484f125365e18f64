/** What the address asks for. */
export type Route =
  | { page: "home" }
  | { page: "product"; slug: string }
  | { page: "cart" }
  | { page: "checkout" }
  | { page: "thanks"; order: string }
  | { page: "orders" }
  | { page: "lab" }
  | { page: "missing" };

/** Returns the page at a path such as `location.pathname`; a slash at the end makes no difference. */
export function routeOf(path: string): Route {
  const [page = "", rest, ...more] = path.replace(/^\//, "").replace(/\/$/, "").split("/");
  if (more.length > 0) return { page: "missing" };
  if (rest !== undefined) {
    const text = decode(rest);
    if (!text) return { page: "missing" };
    if (page === "product") return { page, slug: text };
    if (page === "thanks") return { page, order: text };
    return { page: "missing" };
  }
  switch (page) {
    case "":
      return { page: "home" };
    case "cart":
    case "checkout":
    case "orders":
    case "lab":
      return { page };
    default:
      return { page: "missing" };
  }
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined; // A stray `%` is somebody's typing, and a page that does not exist.
  }
}
