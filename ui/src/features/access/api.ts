// The typed calls about who is at the station.
import type { PeopleView } from "../../generated/PeopleView";
import type { SignInRequest } from "../../generated/SignInRequest";
import { rpc } from "../../host/rpc";

export const people = (): Promise<PeopleView> => rpc("access_people");
export const signIn = (request: SignInRequest): Promise<PeopleView> => rpc("access_sign_in", request);
export const signOut = (): Promise<PeopleView> => rpc("access_sign_out");
