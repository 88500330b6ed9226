// Who is at the station of the memory host: two people with PINs. Guarded rights are theirs alone.
import type { OperatorView } from "../../generated/OperatorView";
import type { PeopleView } from "../../generated/PeopleView";
import type { Right } from "../../generated/Right";
import type { SignInRequest } from "../../generated/SignInRequest";

const MIRA: OperatorView = { operator_id: 1, name: "Mira Okafor", rights: ["undo", "search", "admit_unpaid", "exchange", "supervise"] };
const TOM: OperatorView = { operator_id: 2, name: "Tom Lindqvist", rights: ["search"] };
const PINS: Record<number, string> = { 1: "2468", 2: "1357" };

export class People {
  operators: OperatorView[] = [];
  device: Right[] = ["names", "undo", "search", "admit_unpaid", "exchange", "supervise"];
  guarded: Right[] = [];
  lockedSetup = false;
  kioskSetup = false;
  signedIn: OperatorView | null = null;

  /** Puts people at the station; the rights named are theirs alone. */
  with(guarded: Right[]): this {
    this.operators = [MIRA, TOM];
    this.guarded = guarded;
    return this;
  }

  may(right: Right): boolean {
    return this.device.includes(right) && (!this.guarded.includes(right) || this.signedIn?.rights.includes(right) === true);
  }

  view(): PeopleView {
    return {
      operators: this.operators,
      signed_in: this.signedIn,
      locked: this.lockedSetup && this.signedIn === null,
      kiosk: this.kioskSetup && this.signedIn?.rights.includes("supervise") !== true,
      hide_names: false,
      rights: this.device.filter((right) => this.may(right)),
      guarded: this.guarded,
    };
  }

  signIn({ operator_id, pin }: SignInRequest): PeopleView {
    const person = this.operators.find((one) => one.operator_id === operator_id);
    if (!person || PINS[operator_id] !== pin) {
      const detail = "That is not this person's PIN.";
      throw { code: "invalid", title: "Some of what was sent is not right.", detail: `pin: ${detail}`, fields: [{ field: "pin", detail }] };
    }
    this.signedIn = person;
    return this.view();
  }

  signOut(): PeopleView {
    this.signedIn = null;
    return this.view();
  }

  approved<T>(approval: SignInRequest | null, act: () => T): T {
    if (!approval) return act();
    const before = this.signedIn;
    this.signIn(approval);
    try {
      return act();
    } finally {
      this.signedIn = before;
    }
  }
}
