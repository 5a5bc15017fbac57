// How every page looks: in light and in dark, on a desk and on a telephone, and to who does not see it (axe, WCAG 2.2 AA).
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Person, lab, launch } from "./browser";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Every page, and what stands on it when it is there. */
const PAGES: { name: string; path: string; stands: string }[] = [
  { name: "overview", path: "/p/riverside/overview", stands: "What wants a look" },
  { name: "subscribers", path: "/p/riverside/subscribers", stands: "home-12" },
  { name: "logins", path: "/p/riverside/logins?username=mallory", stands: "credential" },
  { name: "sessions", path: "/p/riverside/sessions", stands: "bng-1" },
  { name: "sessions-closed", path: "/p/riverside/sessions?state=closed", stands: "Closed sessions" },
  { name: "held", path: "/p/riverside/held?address=203.0.113.0/24", stands: "User name" },
  { name: "nas", path: "/p/riverside/nas", stands: "bng-1" },
  { name: "unknown", path: "/p/riverside/unknown", stands: "Unknown sources" },
  { name: "pools", path: "/p/riverside/pools", stands: "Address pools" },
  { name: "plans", path: "/p/riverside/plans", stands: "Fibre 1000" },
  { name: "users", path: "/p/riverside/users", stands: "Nadia" },
  { name: "roles", path: "/p/riverside/roles", stands: "radius:sessions:disconnect" },
  { name: "keys", path: "/p/riverside/keys", stands: "API keys" },
  { name: "audit", path: "/p/riverside/audit", stands: "subscriber.create" },
  { name: "partners", path: "/partners", stands: "Riverside Fibre" },
  { name: "account", path: "/account", stands: "Second factor" },
];
/** Those that the papers show. */
const SHOWN = new Set(["overview", "sessions", "nas", "roles"]);
/** How long it may take to look at all of them, in milliseconds; a loaded machine is slow. */
const ALL_PAGES_MS_MAX = 900_000;
const [DESK, TELEPHONE] = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** What axe says of a page, as far as it is looked at here. */
type Verdict = { violations: { id: string; help: string; nodes: { target: string[]; failureSummary: string }[] }[] };
type Axe = { run: (root: Document, options: { runOnly: string[] }) => Promise<Verdict> };

/** What axe finds, in words. */
async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate((rules) => (window as unknown as { axe: Axe }).axe.run(document, { runOnly: rules }), RULES);
  const where = (node: Verdict["violations"][0]["nodes"][0]) => `${node.target.join(" ")} (${node.failureSummary})`;
  return found.violations.map((each) => `${each.id}: ${each.help} at ${each.nodes.map(where).join("; ")}`);
}

describe.each(["dark", "light"] as const)("in %s", (theme) => {
  test("the login", async () => {
    const person = await Person.sit(browser, { theme });
    await person.page.goto("/login");
    await person.page.getByRole("button", { name: "Sign in" }).waitFor();
    expect(await barriers(person.page)).toEqual([]);
    await person.leave();
  });

  test("every page, on a desk and on a telephone", async () => {
    const person = await Person.sit(browser, { theme, ...DESK });
    await person.enter(lab.admin);
    const { page } = person;
    const found: Record<string, string[]> = {};
    const look = async (name: string) => {
      const wrong = await barriers(page);
      const spills = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      if (spills) wrong.push("the page is wider than the screen");
      if (wrong.length > 0) found[name] = wrong;
    };
    const both = async (name: string, picture: boolean) => {
      await look(name);
      if (picture) await person.picture(`${name}-${theme}`);
      await page.setViewportSize(TELEPHONE);
      await look(`${name}, telephone`);
      if (picture && name === "subscriber" && theme === "dark") await person.picture("subscriber-telephone");
      await page.setViewportSize(DESK);
    };
    for (const { name, path, stands } of PAGES) {
      await page.goto(path);
      await page.locator("main").getByText(stands).first().waitFor();
      await both(name, SHOWN.has(name));
    }
    await page.goto("/p/riverside/subscribers?q=mallory");
    await page.getByRole("link", { name: "mallory" }).click();
    await page.getByLabel("What to say").waitFor();
    await page.getByText("the password differs").first().waitFor();
    await both("subscriber", true);
    await page.goto("/p/riverside/nas");
    await page.getByRole("link", { name: "bng-1" }).click();
    await page.getByText("How safely it asks").waitFor();
    await both("one-nas", false);
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("home-0");
    await page.getByRole("option", { name: /^home-01/ }).waitFor();
    await both("search", true);
    expect(found).toEqual({});
    await person.leave();
  }, ALL_PAGES_MS_MAX);
});
