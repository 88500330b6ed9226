// Puts language and theme onto the document.
import type { Language } from "../generated/Language";
import type { Theme } from "../generated/Theme";

export function dress(language: Language, theme: Theme): void {
  const { documentElement: root } = document;
  root.lang = language;
  if (theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
}
