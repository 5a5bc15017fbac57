// What is not somebody's own: the console does not offer what the server would refuse, and the server refuses it all the same.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Person, lab, launch } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("a NOC engineer is not offered what he may not do", async () => {
  const person = await Person.sit(browser);
  await person.enter(lab.noc);
  const { page } = person;
  const places = await page.getByRole("navigation", { name: "Places" }).getByRole("link").allInnerTexts();
  expect(places).toEqual(["Overview", "Subscribers", "Live sessions", "Who had an address", "NAS", "Address pools", "Plans"]);
  await page.goto("/p/riverside/subscribers");
  await page.getByRole("link", { name: "home-01" }).click();
  await page.getByRole("button", { name: "What he gets" }).waitFor();
  for (const name of ["Suspend", "Change plan", "New password"]) expect(await page.getByRole("button", { name }).count()).toBe(0);
  await person.leave();
});

test("support sees and explains, and cannot act", async () => {
  const admin = await Person.sit(browser);
  await admin.enter(lab.admin);
  const support = { email: "support@riverside.example", password: "a password for support 1" };
  await admin.page.goto("/p/riverside/users");
  await admin.page.getByRole("button", { name: "Add a person" }).click();
  await admin.page.getByLabel("E-mail address").fill(support.email);
  await admin.page.getByLabel("Name", { exact: true }).fill("Sam (support)");
  await admin.page.getByLabel("First password").fill(support.password);
  await admin.page.getByLabel(/^Support agent/).check();
  await admin.page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
  await admin.page.getByText("The person can sign in.").waitFor();
  await admin.leave();

  const person = await Person.sit(browser);
  await person.enter(support);
  await person.find("mallory");
  const { page } = person;
  await page.getByLabel("What to say").getByText("The password in your router is not the one we have.").waitFor();
  for (const name of ["Suspend", "Change plan", "New password", "Disconnect"]) {
    expect(await page.getByRole("button", { name }).count()).toBe(0);
  }
  await page.goto("/p/riverside/sessions");
  await page.getByRole("row").nth(2).waitFor();
  expect(await page.getByRole("checkbox").count()).toBe(0);
  await person.leave();
});

test("billing finds no page of the network, and the server would refuse it, too", async () => {
  const person = await Person.sit(browser);
  await person.enter(lab.billing);
  const { page } = person;
  await page.getByText("Your role opens no page of the console yet.").waitFor();
  expect(await page.getByRole("navigation", { name: "Places" }).getByRole("link").count()).toBe(0);
  const answer = await page.request.get("/api/v1/partners/riverside/sessions");
  expect(answer.status()).toBe(403);
  await person.leave();
});

test("another partner does not exist", async () => {
  const admin = await Person.sit(browser);
  await admin.enter(lab.admin);
  await admin.page.goto("/partners");
  await admin.page.getByRole("button", { name: "Add a partner" }).click();
  await admin.page.getByLabel("Name", { exact: true }).fill("Hillside Wireless");
  await admin.page.getByLabel("Short name").fill("hillside");
  await admin.page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
  await admin.page.getByRole("link", { name: "Hillside Wireless" }).click();
  await admin.page.getByText("No NAS is admitted yet.").first().waitFor();
  expect(await admin.page.getByLabel("Partner", { exact: true }).inputValue()).toBe("hillside");
  await admin.leave();

  const person = await Person.sit(browser);
  await person.enter(lab.noc);
  for (const slug of ["hillside", "never-was"]) {
    await person.page.goto(`/p/${slug}/subscribers`);
    await person.page.getByText("There is no such partner, or it is nothing to you.").waitFor();
  }
  await person.leave();
});
