import { expect, it } from "vitest";
import { isServerAddress, readEnrolment } from "./enrolment";

const both = { url: "https://tickets.example.org", token: "k3y+/=&" };

it("an enrolment text is read as JSON and as an address", () => {
  expect(readEnrolment(`  ${JSON.stringify(both)}\n`)).toEqual(both);
  const address = `willcall:enrol?url=${encodeURIComponent(both.url)}&token=${encodeURIComponent(both.token)}`;
  expect(readEnrolment(address)).toEqual(both);
});

it("anything else is none", () => {
  for (const text of ["", "{", "{}", '{"url":1,"token":2}', "willcall:enrol?url=x", "https://tickets.example.org", '["url"]'])
    expect(readEnrolment(text), text).toBeNull();
});

it("a server has a web address", () => {
  expect(isServerAddress("https://a.example")).toBe(true);
  expect(isServerAddress("http://127.0.0.1:8080")).toBe(true);
  for (const text of ["a.example", "ftp://a.example", "javascript:alert(1)", ""]) expect(isServerAddress(text), text).toBe(false);
});
