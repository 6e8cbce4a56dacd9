import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plugin, transformWithOxc } from "vite";

const source = fileURLToPath(new URL("serviceWorker.ts", import.meta.url));

/** Emits `service-worker.js`, which keeps every file of the build for use without network. */
export function offline(): Plugin {
  let publicFolder = "";
  return {
    name: "evenkeel-offline",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      publicFolder = config.publicDir;
    },
    async generateBundle(_options, bundle) {
      const built = Object.values(bundle).map(
        (file) => [file.fileName, file.type === "chunk" ? file.code : file.source] as const,
      );
      const copied = readdirSync(publicFolder).map(
        (name) => [name, readFileSync(join(publicFolder, name))] as const,
      );
      const files = [...built, ...copied];
      const hash = createHash("sha256");
      for (const [name, content] of files) hash.update(name).update(content);
      const { code } = await transformWithOxc(readFileSync(source, "utf8"), source);
      this.emitFile({
        type: "asset",
        fileName: "service-worker.js",
        source: [
          `const files = ${JSON.stringify(["./", ...files.map(([name]) => name)])};`,
          `const version = ${JSON.stringify(hash.digest("hex").slice(0, 16))};`,
          code,
        ].join("\n"),
      });
    },
  };
}
