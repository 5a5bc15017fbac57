// A browser as the tests use it: Debian's Chromium, one context a person, and an eye on everything a page must never do:
// log an error, break the policy, ask another host.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { expect, inject } from "vitest";
import type { Account } from "./setup";

/** Where Chromium is. */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** How long an effect may take to show, in milliseconds: the server's own bounds are below it. */
export const SHOWS_MS_MAX = 45_000;
/** Pictures go into the papers when they are asked for, else beside the tests. */
const PICTURES = fileURLToPath(new URL(process.env.HEADEND_PICTURES ? "../../docs/img/" : "./out/", import.meta.url));

export const lab = inject("lab");

/** Starts the browser. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

/** A person at a screen. */
export class Person {
  /** What the page said or did that it must not. */
  readonly faults: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  static async sit(browser: Browser, looks: { theme?: "dark" | "light"; width?: number; height?: number } = {}): Promise<Person> {
    const { theme = "dark", width = 1440, height = 900 } = looks;
    const context = await browser.newContext({
      baseURL: lab.url,
      viewport: { width, height },
      colorScheme: theme,
      timezoneId: "UTC",
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(SHOWS_MS_MAX);
    const page = await context.newPage();
    const person = new Person(context, page);
    page.on("console", (message) => {
      // The browser itself reports every answer of 4xx; those are the server's word, and the tests look at them.
      const answer = /Failed to load resource/.test(message.text());
      if (message.type() === "error" && !answer) person.faults.push(message.text());
    });
    page.on("pageerror", (error) => person.faults.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith(lab.url) && !request.url().startsWith("data:")) person.faults.push(`asked ${request.url()}`);
    });
    return person;
  }

  /** Signs in at whatever page asks for it. */
  async signIn(account: Account): Promise<void> {
    await this.page.getByLabel("E-mail address").fill(account.email);
    await this.page.getByLabel("Password").fill(account.password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  /** Signs in at the front door. */
  async enter(account: Account): Promise<void> {
    await this.page.goto("/login");
    await this.signIn(account);
    await this.page.getByLabel(/\(you\)$/).waitFor();
  }

  /** Opens a subscriber's page by the search. */
  async find(username: string): Promise<void> {
    await this.page.keyboard.press("Control+k");
    await this.page.getByRole("combobox").fill(username);
    await this.page.getByRole("option", { name: new RegExp(`^${username}`) }).waitFor();
    await this.page.keyboard.press("Enter");
    await this.page.getByRole("heading", { level: 1, name: username }).waitFor();
  }

  /** Takes a picture. */
  async picture(name: string): Promise<void> {
    mkdirSync(PICTURES, { recursive: true });
    await this.page.screenshot({ path: `${PICTURES}${name}.png` });
  }

  /** Goes away; nothing may have gone wrong meanwhile. */
  async leave(): Promise<void> {
    await this.context.close();
    expect(this.faults).toEqual([]);
  }
}
