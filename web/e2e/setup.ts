// Starts the lab, as `./lab/up` does, for all files of tests, and takes it away again. The programs are those of HEADEND_BIN
// and LAB_BIN, else of the release build.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

/** What the tests have to know of the lab. */
export type Lab = { url: string; auth: string; admin: Account; noc: Account; billing: Account };
export type Account = { email: string; password: string };

declare module "vitest" {
  interface ProvidedContext {
    lab: Lab;
  }
}

/** How long the lab may take to stand, in milliseconds; a loaded machine is slow. */
const UP_MS_MAX = 240_000;

const root = fileURLToPath(new URL("../../", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const program = (name: string, variable: string) => process.env[variable] ?? join(target, "release", name);

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [lab, headend] = [program("lab", "LAB_BIN"), program("headend", "HEADEND_BIN")];
  for (const path of [lab, headend]) if (!existsSync(path)) throw new Error(`there is no ${path}; ./lab/up builds it`);
  const child = spawn(lab, ["--root", root, "--headend", headend, "up"], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const said = await new Promise<string>((resolve, reject) => {
    let text = "";
    const failed = (why: string) => {
      child.kill("SIGINT");
      reject(new Error(`${why}:\n${text}`));
    };
    const timer = setTimeout(() => failed("the lab did not come up"), UP_MS_MAX);
    child.stdout.on("data", (piece: Buffer) => {
      text += piece.toString();
      if (text.includes("Ctrl-C stops everything")) {
        clearTimeout(timer);
        resolve(text);
      }
    });
    child.once("exit", () => {
      clearTimeout(timer);
      failed("the lab ended");
    });
  });
  const account = (who: string): Account => {
    const [, email, password] = new RegExp(`^${who}\\s+(\\S+)\\s+(\\S+)`, "m").exec(said) ?? [];
    if (!email || !password) throw new Error(`the lab did not say who ${who} is`);
    return { email, password };
  };
  const url = /https?:\/\/[\d.]+:\d+/.exec(said)?.[0];
  const auth = /auth ([\d.]+:\d+)/.exec(said)?.[1];
  if (!url || !auth) throw new Error(`the lab did not say where it is:\n${said}`);
  project.provide("lab", { url, auth, admin: account("administrator"), noc: account("NOC"), billing: account("billing") });
  return async () => {
    child.kill("SIGINT");
    await gone;
  };
}
