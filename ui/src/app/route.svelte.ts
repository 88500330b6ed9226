// Which page is open, as the address says after its `#`. Owns the names of the pages.

export type Page = "door" | "arrivals" | "refused" | "ready" | "till" | "settings" | "cases" | "leases" | "copies";
const pages: readonly Page[] = ["door", "arrivals", "refused", "ready", "till", "settings", "cases", "leases", "copies"];

/** The pages of the door. */
export const isOfDoor = (page: Page | null): boolean =>
  page === "door" || page === "arrivals" || page === "refused" || page === "ready";

/** The pages about the station itself, behind the gear. */
export type StationPage = "settings" | "cases" | "leases" | "copies";
export const isOfStation = (page: Page | null): page is StationPage => page !== null && !isOfDoor(page) && page !== "till";

function read(): Page | null {
  const name = location.hash.replace(/^#\/?/u, "").split(/[?/]/u)[0];
  return pages.find((page) => page === name) ?? null;
}

class Route {
  /** `null` when the address names none: the station's role then decides. */
  page = $state<Page | null>(read());
  /** Where the pages behind the gear go back to. */
  before = $state<Page | null>(null);

  constructor() {
    window.addEventListener("hashchange", () => this.arrive(read()));
  }

  private arrive(page: Page | null): void {
    if (isOfStation(page) && !isOfStation(this.page)) this.before = this.page;
    this.page = page;
  }

  go(page: Page): void {
    location.hash = `#/${page}`;
  }
}

export const route = new Route();
