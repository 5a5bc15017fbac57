import { describe, expect, test } from "vitest";
import { ago, count, duration, micros, octets, plural, rate, utc } from "./words";

describe("numbers have units", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [52_000_000, "52.0 MB"],
    [1_234_567_890_123, "1.2 TB"],
    [2 ** 63, "9.2 EB"],
    [null, "–"],
  ])("octets %s", (given, expected) => expect(octets(given)).toBe(expected));

  test.each([
    [20_000_000, "20 Mbit/s"],
    [1_000_000_000, "1 Gbit/s"],
    [64_000, "64 kbit/s"],
    [2_500_000_000, "2.5 Gbit/s"],
    [7, "7 bit/s"],
    [undefined, "–"],
  ])("rate %s", (given, expected) => expect(rate(given)).toBe(expected));

  test("thousands stand apart", () => {
    expect(count(1_038)).toBe("1\u202f038");
    expect(count(12)).toBe("12");
    expect(plural(1, "session")).toBe("1 session");
    expect(plural(0, "session")).toBe("0 sessions");
  });

  test.each([
    [0, "0 s"],
    [59, "59 s"],
    [60, "1 min"],
    [61, "1 min 1 s"],
    [3600, "1 h"],
    [7323, "2 h 2 min"],
    [90_061, "1 d 1 h"],
    [86_401, "1 d"],
    [-5, "0 s"],
    [null, "–"],
  ])("duration %s", (given, expected) => expect(duration(given)).toBe(expected));

  test.each([
    [24, "24 µs"],
    [1500, "1.5 ms"],
    [2_300_000, "2.3 s"],
  ])("micros %s", (given, expected) => expect(micros(given)).toBe(expected));
});

describe("instants", () => {
  const at = "2026-11-22T01:00:00Z";
  const now = Date.parse(at);
  test("how long ago", () => {
    expect(ago(at, now + 65_000)).toBe("1 min 5 s ago");
    expect(ago(at, now - 7_200_000)).toBe("in 2 h");
    expect(ago(at, now + 300)).toBe("now");
  });
  test("in UTC, whatever zone the reader is in", () => expect(utc("2026-11-22T03:00:00+02:00")).toBe("2026-11-22 01:00:00 UTC"));
});
