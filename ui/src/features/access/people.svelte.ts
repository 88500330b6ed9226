// Who is at the station, and what may be done now. Owns the copy shown; who is recognised and what follows is the
// station's.
import type { OperatorView } from "../../generated/OperatorView";
import type { PeopleView } from "../../generated/PeopleView";
import type { Problem } from "../../generated/Problem";
import type { Right } from "../../generated/Right";
import type { SignInRequest } from "../../generated/SignInRequest";
import { asProblem } from "../../host/rpc";
import * as api from "./api";

export class People {
  view = $state<PeopleView | null>(null);
  /** Why the last sign-in was refused. */
  problem = $state<Problem | null>(null);
  busy = $state(false);

  /** Whether it may be done now. */
  may(right: Right): boolean {
    return this.view?.rights.includes(right) ?? false;
  }

  /** Whether somebody who signs in could do it. */
  mayBeApproved(right: Right): boolean {
    return this.view?.guarded.includes(right) === true && !this.may(right);
  }

  /** Who can say so by PIN. */
  approvers(right: Right): OperatorView[] {
    return (this.view?.operators ?? []).filter((one) => one.rights.includes(right));
  }

  async load(): Promise<void> {
    try {
      this.view = await api.people();
    } catch (error) {
      // What is shown stays; a station that cannot be read says so where it is read for.
      console.warn("access_people", asProblem(error).detail);
    }
  }

  /** Signs in; answers whether it was the right PIN. */
  async signIn(request: SignInRequest): Promise<boolean> {
    return this.change(() => api.signIn(request));
  }

  async signOut(): Promise<boolean> {
    return this.change(api.signOut);
  }

  private async change(ask: () => Promise<PeopleView>): Promise<boolean> {
    this.busy = true;
    try {
      this.view = await ask();
      this.problem = null;
      return true;
    } catch (error) {
      this.problem = asProblem(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}

export const people = new People();
