import { fileURLToPath } from "node:url";
import { defineConfig, type UserConfig } from "vite";
import { offline } from "./offline/plugin.ts";

const source = (path: string): string => fileURLToPath(new URL(`../src/${path}`, import.meta.url));

/** With these, SharedArrayBuffer exists and kernels use every core; without them the page works on one. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

const config: UserConfig = defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // Relative addresses: the built page works from any folder of any server.
  base: "./",
  resolve: {
    alias: [
      { find: /^evenkeel$/, replacement: source("index.ts") },
      { find: /^evenkeel\/(check|checkpoints|megengine)$/, replacement: source("$1/index.ts") },
    ],
  },
  server: { headers: isolation, fs: { allow: [fileURLToPath(new URL("..", import.meta.url))] } },
  preview: { headers: isolation },
  // The plotting library is one chunk, which nothing waits for.
  build: { target: "es2022", outDir: "dist", emptyOutDir: true, chunkSizeWarningLimit: 1000 },
  worker: { format: "es" },
  plugins: [offline()],
});

export default config;
