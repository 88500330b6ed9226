// Which language the screens speak now. Owns the choice; the words are in the language files.
import type { Language } from "../generated/Language";
import { de } from "./de";
import { en } from "./en";

/** The English file's shape, with its literal texts widened: what every language must fill. */
type Widened<T> = T extends string
  ? string
  : T extends (...args: infer A) => string
    ? (...args: A) => string
    : { [K in keyof T]: Widened<T[K]> };

export type Dictionary = Widened<typeof en>;

export const dictionaries: Record<Language, Dictionary> = { en, de };

class Words {
  language = $state<Language>("en");

  /** The words of the present language; read it inside templates and `$derived`. */
  get t(): Dictionary {
    return dictionaries[this.language];
  }
}

export const words = new Words();
