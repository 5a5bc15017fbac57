// How the console is built: into `dist`, which the server embeds. Nothing is inlined into the page and nothing comes from
// elsewhere, because the server's Content-Security-Policy allows neither.
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds the API: a server that is up, for example that of `./lab/up`. */
const api = process.env.HEADEND_URL ?? "http://127.0.0.1:18080";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // `dist/.gitignore` stays, so that the server's build script always has a directory to watch.
    emptyOutDir: false,
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": api, "/setup": api } },
  preview: { proxy: { "/api": api, "/setup": api } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
