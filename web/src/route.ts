// SPDX-License-Identifier: Apache-2.0
// Which view is open, in the address's fragment: "#/", "#/asset/ID", "#/jobs", "#/duplicates/ID".

export interface Route {
  view: string;
  id: string;
}

export function routeOf(fragment: string): Route {
  const [view = "", id = ""] = fragment.replace(/^#?\/?/, "").split("/");
  const known = ["asset", "jobs", "duplicates", "takedowns"];
  return { view: known.includes(view) ? view : "", id: decoded(id) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function go(view: string, id = ""): void {
  location.hash = `#/${view}${id ? `/${encodeURIComponent(id)}` : ""}`;
}

export function currentRoute(): Route {
  return routeOf(location.hash);
}

export function watchRoute(show: (route: Route) => void): void {
  window.addEventListener("hashchange", () => show(currentRoute()));
  show(currentRoute());
}
