import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { REASONS, telling } from "./reasons";

/** The codes of the page that the server's own test holds against its list. */
const CODES = [...readFileSync(new URL("../../../docs/reasons.md", import.meta.url), "utf8").matchAll(/^\| `(\w+)` \|/gm)].map(
  (match) => match[1] ?? "",
);

test("every reason of the server is told, and no other", () => {
  expect(CODES.length).toBeGreaterThan(20);
  expect(Object.keys(REASONS).sort()).toEqual([...CODES].sort());
});

test("what is read to the caller names nobody and no secret of the house", () => {
  for (const { say, next } of Object.values(REASONS)) {
    expect(say).toMatch(/^[A-Z].*\.$/);
    expect(say).not.toMatch(/RADIUS|NAS|secret|packet/i);
    expect(next).toMatch(/^[A-Z].*\.$/);
  }
});

test("a reason that is newer than the console says so", () => expect(telling("brand_new").next).toContain("brand_new"));
