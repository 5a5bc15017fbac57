// What people do with the console, in the order of a day: sign in, find out, mend, prove.
import { execFileSync } from "node:child_process";
import dgram from "node:dgram";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Person, SHOWS_MS_MAX, lab, launch } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** The code that an app would show, by a program nobody here wrote. */
function code(secret: string, when = "now"): string {
  return execFileSync("oathtool", ["--totp", "--base32", "--now", when, secret]).toString().trim();
}

describe("signing in", () => {
  test("a wrong password says so and lets nobody in", async () => {
    const person = await Person.sit(browser);
    await person.page.goto("/");
    await person.signIn({ ...lab.noc, password: "not-the-password" });
    await person.page.getByRole("alert").getByText("the e-mail address or the password is wrong").waitFor();
    expect(new URL(person.page.url()).pathname).toBe("/login");
    await person.leave();
  });

  test("whoever had opened a view comes back to it", async () => {
    const person = await Person.sit(browser);
    await person.page.goto("/p/riverside/subscribers?q=home-0");
    await person.signIn(lab.noc);
    await person.page.getByRole("link", { name: "home-01" }).waitFor();
    expect(new URL(person.page.url()).search).toBe("?q=home-0");
    await person.leave();
  });

  test("a second factor is set up with an app, and asked for from then on", async () => {
    const person = await Person.sit(browser);
    const { page } = person;
    await person.enter(lab.noc);
    await page.goto("/account");
    await page.getByRole("button", { name: "Set it up" }).click();
    await page.getByLabel("Your password").fill(lab.noc.password);
    await page.getByRole("button", { name: "Go on" }).click();
    const secret = await page.getByRole("dialog").locator("code").innerText();
    await page.getByLabel("Code").fill(code(secret));
    await page.getByRole("button", { name: "It works" }).click();
    await page.getByText("Each of these lets you in once").waitFor();
    const [first = "", second = ""] = await page.getByRole("dialog").getByRole("listitem").allInnerTexts();
    await page.getByRole("button", { name: "I have them" }).click();
    await page.getByText(/backup codes left/).waitFor();
    await page.getByLabel(/\(you\)$/).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();

    await person.signIn(lab.noc);
    await page.getByLabel("Code").fill("000000");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Code").fill(first);
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    // Off again, so that who comes next signs in by the password alone.
    await page.goto("/account");
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByLabel(/Code of your telephone/).fill(second);
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Set it up" }).waitFor();
    await person.leave();
  });
});

describe("a caller", () => {
  test("who cannot log in hears why, and the step that failed is named", async () => {
    const person = await Person.sit(browser);
    await person.enter(lab.noc);
    await person.find("mallory");
    const { page } = person;
    await page.getByLabel("What to say").getByText("The password in your router is not the one we have.").waitFor();
    await page.locator("details").filter({ hasText: "the password differs" }).first().locator("summary").click();
    await page.getByText("PAP: the password differs from the stored one").first().waitFor();
    expect(await page.getByText("FAIL").first().isVisible()).toBe(true);
    await person.leave();
  });

  test("who did not pay is restored, and is seen to come online", async () => {
    const person = await Person.sit(browser);
    await person.enter(lab.admin);
    await person.find("peter");
    const { page } = person;
    await page.getByLabel("What to say").getByText("Your service is suspended.").waitFor();
    await page.getByText("invoice overdue").first().waitFor();
    await page.getByRole("button", { name: "Restore" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Restore" }).click();
    await page.getByText("peter has service again.").waitFor();
    await page.getByLabel("What to say").getByText(/You have been online for/).waitFor({ timeout: 2 * SHOWS_MS_MAX });
    await person.leave();
  });

  test("has a login that is only thought of, and each attribute of it is told", async () => {
    const person = await Person.sit(browser);
    await person.enter(lab.noc);
    await person.find("home-02");
    const { page } = person;
    await page.getByRole("button", { name: "What he gets" }).click();
    await page.getByRole("dialog").getByText(/Mikrotik-Rate-Limit/).waitFor();
    await page.getByRole("button", { name: "Think a login through" }).click();
    await page.getByLabel("Simulated login").getByText("Access-Accept", { exact: true }).waitFor();
    await person.leave();
  });
});

test("who has a volume sees how much is left, and gets more by a top-up with a reason", async () => {
  const person = await Person.sit(browser);
  await person.enter(lab.admin);
  const { page } = person;
  const plans = (await (await page.request.get("/api/v1/partners/riverside/plans")).json()) as { data: { id: string; slug: string }[] };
  const plan = plans.data.find((each) => each.slug === "fibre-1000");
  const put = await page.request.put(`/api/v1/partners/riverside/plans/${plan?.id}/quota`, {
    headers: { "X-Requested-With": "test" },
    data: { octets: 2_000_000_000_000, period: "month", on_used_up: "reject" },
  });
  expect(put.status()).toBe(200);
  await person.find("carol");
  await page.getByText("of 2.0 TB").waitFor();
  await page.getByRole("button", { name: "Top up" }).click();
  await page.getByLabel("Volume, GB").fill("500");
  await page.getByLabel("Reason").fill("a school week");
  await page.getByRole("dialog").getByRole("button", { name: "Top up" }).click();
  await page.getByText("carol has more.").waitFor();
  await page.getByText("of 2.5 TB").waitFor();
  await page.getByText("(500.0 GB of it on top)").waitFor();
  await person.leave();
});

describe("a session", () => {
  test("is taken down, and the proof is shown and on record", async () => {
    const person = await Person.sit(browser);
    await person.enter(lab.admin);
    const { page } = person;
    await page.goto("/p/riverside/sessions");
    const row = page.getByRole("row").filter({ hasText: /home-\d\d/ }).first();
    await person.find(await row.getByRole("link").first().innerText());
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.getByLabel("Reason").fill("moving to another port");
    await page.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
    await page.getByText("The NAS says: done").waitFor();
    await page.getByText("Proven: the session is over").waitFor();
    await person.picture("disconnect-proven");
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
    await page.goto("/p/riverside/audit?action=session.disconnect");
    await page.getByRole("main").getByText("session.disconnect", { exact: true }).first().click();
    await page.getByText("Reason: moving to another port").first().waitFor();
    await person.leave();
  });

  test("is one of several that are chosen, shown first and then ended, each with its own proof", async () => {
    const person = await Person.sit(browser);
    await person.enter(lab.admin);
    const { page } = person;
    await page.goto("/p/riverside/sessions?nas=bng-1");
    const boxes = page.getByRole("checkbox");
    await boxes.nth(2).waitFor();
    await boxes.nth(1).check();
    await boxes.nth(2).check();
    await page.getByRole("button", { name: "Disconnect 2 sessions" }).click();
    await page.getByText("2 sessions will be ended.").waitFor();
    await page.getByLabel("Reason").fill("two at once");
    await page.getByRole("dialog").getByRole("button", { name: "Disconnect 2" }).click();
    await expect.poll(() => page.locator("[data-state=proven]").count(), { timeout: SHOWS_MS_MAX }).toBe(2);
    await person.leave();
  });

  test("is found by the address it holds", async () => {
    const person = await Person.sit(browser);
    await person.enter(lab.noc);
    const { page } = person;
    await page.goto("/p/riverside/sessions");
    const row = page.getByRole("row").filter({ hasText: /203\.0\.113\.\d+/ }).first();
    const address = /203\.0\.113\.\d+/.exec(await row.innerText())?.[0] ?? "";
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill(address);
    await page.getByRole("option", { name: `Who has ${address}` }).click();
    await page.getByRole("region", { name: "Sessions" }).getByText(address).first().waitFor();
    await person.leave();
  });
});

test("who knocks from an unknown address is seen, and admitted from there", async () => {
  const person = await Person.sit(browser);
  await person.enter(lab.admin);
  const { page } = person;
  const [host = "", port = ""] = lab.auth.split(":");
  const socket = dgram.createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.18.7.7", resolve));
  // An Access-Request (RFC 2865 section 3) with nothing in it: code, identifier, length, authenticator.
  socket.send(Buffer.concat([Buffer.from([1, 1, 0, 20]), Buffer.alloc(16, 7)]), Number(port), host);
  await page.goto("/p/riverside/unknown");
  const row = page.getByRole("row").filter({ hasText: "127.18.7.7" });
  await row.getByRole("button", { name: "Admit" }).click();
  expect(await page.getByLabel("Address or network").inputValue()).toBe("127.18.7.7");
  await page.getByLabel("Name", { exact: true }).fill("found-by-knocking");
  await page.getByRole("dialog").getByRole("button", { name: "Admit" }).click();
  await page.getByRole("heading", { level: 1, name: "found-by-knocking" }).waitFor();
  socket.close();
  await person.leave();
});

describe("when something is away", () => {
  test("what was read stays, says that it is old, and is read again when the server answers", async () => {
    const person = await Person.sit(browser);
    await person.enter(lab.noc);
    const { page } = person;
    await page.goto("/p/riverside/nas");
    await page.getByRole("link", { name: "bng-1" }).waitFor();
    await page.route("**/api/v1/**", (route) => route.abort());
    await page.getByText("The server does not answer. What you see was read before that").waitFor();
    await page.getByText(/Stale: read/).first().waitFor();
    expect(await page.getByRole("link", { name: "bng-1" }).isVisible()).toBe(true);
    await page.unroute("**/api/v1/**");
    await page.getByText("The server answers again.").waitFor();
    await page.getByText("live", { exact: true }).first().waitFor();
    await person.leave();
  });

  test("a session that is over leads to the login and back to where one was", async () => {
    const person = await Person.sit(browser);
    await person.enter(lab.noc);
    const { page } = person;
    await page.goto("/p/riverside/nas");
    await page.getByRole("link", { name: "bng-1" }).waitFor();
    await person.context.clearCookies();
    await page.getByText("Your session is over.").waitFor();
    await person.signIn(lab.noc);
    await page.getByRole("link", { name: "bng-1" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/p/riverside/nas");
    await person.leave();
  });
});
