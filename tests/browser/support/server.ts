import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

/** What a server offers under a path: a folder, or text. */
export type Route = { readonly folder: string } | { readonly html: string } | { readonly script: string };

/** With these a page is cross-origin isolated, and has shared memory. */
export const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
} as const;

export interface Site {
  /** `http://127.0.0.1:1234` */
  readonly origin: string;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Serves routes, the longest matching path first, on a free port of the loopback. */
export async function serve(
  routes: Readonly<Record<string, Route>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Site> {
  const prefixes = Object.keys(routes).sort((a, b) => b.length - a.length);
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const prefix = prefixes.find((each) => path === each || (each.endsWith("/") && path.startsWith(each)));
    const route = prefix === undefined ? undefined : routes[prefix];
    const send = (type: string, body: string): void => {
      response.writeHead(200, { "content-type": type, ...headers }).end(body);
    };
    if (route === undefined) response.writeHead(404, headers).end();
    else if ("html" in route) send(types[".html"], route.html);
    else if ("script" in route) send(types[".js"], route.script);
    else {
      const inside = normalize(path.slice((prefix as string).length)) || "index.html";
      const file = join(route.folder, inside === "." || inside.endsWith("/") ? "index.html" : inside);
      const size = statSync(file, { throwIfNoEntry: false })?.isFile() ? statSync(file).size : undefined;
      if (size === undefined || inside.startsWith("..")) {
        response.writeHead(404, headers).end();
        return;
      }
      const type = types[extname(file)] ?? "application/octet-stream";
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      const [start, end] = range ? [Number(range[1]), Math.min(Number(range[2]), size - 1)] : [0, size - 1];
      response.writeHead(range ? 206 : 200, {
        "content-type": type,
        "content-length": end - start + 1,
        ...(range && { "content-range": `bytes ${start}-${end}/${size}` }),
        ...headers,
      });
      createReadStream(file, range ? { start, end } : {}).pipe(response);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
