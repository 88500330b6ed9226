// The enrolment text, as the back office shows it: JSON or a willcall: address. Pure.

export interface Enrolment {
  url: string;
  token: string;
}

/** Server and token from the one text that carries both; `null` when it is no such text. */
export function readEnrolment(text: string): Enrolment | null {
  const clean = text.trim();
  if (clean.startsWith("{")) return fromJson(clean);
  if (clean.toLowerCase().startsWith("willcall:enrol?")) {
    const query = new URLSearchParams(clean.slice(clean.indexOf("?") + 1));
    return both(query.get("url"), query.get("token"));
  }
  return null;
}

function fromJson(text: string): Enrolment | null {
  try {
    const { url, token } = JSON.parse(text) as Record<string, unknown>;
    return both(url, token);
  } catch {
    return null;
  }
}

function both(url: unknown, token: unknown): Enrolment | null {
  return typeof url === "string" && typeof token === "string" && url !== "" && token !== "" ? { url, token } : null;
}

/** Whether a server can have this address. */
export function isServerAddress(text: string): boolean {
  return URL.canParse(text) && ["https:", "http:"].includes(new URL(text).protocol);
}
