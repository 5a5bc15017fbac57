// Puts a brotli and a gzip form beside every text in dist, and says what the first screen costs. The server sends these
// octets as they are; it compresses nothing itself.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const texts = new Set([".html", ".js", ".css", ".svg", ".json", ".txt"]);
/** Most that may cross the wire before the first screen stands, in octets. */
const FIRST_SCREEN_OCTETS_MAX = 300_000;

const sizes = new Map();
for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath ?? entry.path, entry.name);
  if (!entry.isFile() || entry.name === ".gitignore") continue;
  const plain = await readFile(path);
  let sent = plain.length;
  if (texts.has(extname(path))) {
    const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
    const [br, gz] = [brotliCompressSync(plain, quality), gzipSync(plain, { level: 9 })];
    await Promise.all([writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)]);
    sent = br.length;
  }
  sizes.set(path.slice(dist.length), sent);
}
const page = await readFile(join(dist, "index.html"), "utf8");
const first = [...sizes].filter(([name]) => name === "index.html" || page.includes(`/${name}`) || name.endsWith(".woff2") && name.includes("latin-wght"));
const sum = (list) => list.reduce((all, [, octets]) => all + octets, 0);
console.log(`first screen ${sum(first)} octets compressed (${first.map(([name]) => name).join(", ")}); everything ${sum([...sizes])}`);
if (sum(first) > FIRST_SCREEN_OCTETS_MAX) {
  console.error(`that is more than ${FIRST_SCREEN_OCTETS_MAX}`);
  process.exit(1);
}
