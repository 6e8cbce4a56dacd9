import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { openSafetensors, openSource } from "../../src/checkpoints/index.ts";
import { rejection } from "./files.ts";

const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index);
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

interface Behaviour {
  readonly content?: Uint8Array;
  readonly knowsRanges?: boolean;
  /** The file's version, asked at each request. */
  readonly etag?: () => string;
}

/** A web server with one file at /file; tells the ranges it was asked for. */
async function serving({ content = bytes, knowsRanges = true, etag = () => "1" }: Behaviour) {
  const asked: (string | undefined)[] = [];
  server = createServer((request, response) => {
    if (request.url !== "/file") return response.writeHead(404).end();
    asked.push(request.headers.range);
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
    if (!knowsRanges || range === null) return response.end(content);
    const [first, last] = [Number(range[1]), Number(range[2])];
    if (first >= content.length) {
      return response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
    }
    const headers = { "content-range": `bytes ${first}-${last}/${content.length}`, etag: etag() };
    return response.writeHead(206, headers).end(content.subarray(first, last + 1));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/file`, asked };
}

test("only what is read is fetched", async () => {
  const { url, asked } = await serving({});
  const source = await openSource(url);
  expect(source.size).toBe(1000);
  expect([...(await source.read(100, 3))]).toEqual([100, 101, 102]);
  expect([...(await source.read(1000, 0))]).toEqual([]);
  expect(asked).toEqual(["bytes=0-0", "bytes=100-102"]);
  expect((await rejection(source.read(999, 2))).message).toContain("truncated");
});

test("a URL object opens as its text does", async () => {
  const { url } = await serving({});
  expect((await openSource(new URL(url))).size).toBe(1000);
});

test("a server without ranges is read once, whole", async () => {
  const { url, asked } = await serving({ knowsRanges: false });
  const source = await openSource(url);
  expect([...(await source.read(100, 3))]).toEqual([100, 101, 102]);
  expect([...(await source.read(0, 2))]).toEqual([0, 1]);
  expect(asked).toHaveLength(1);
});

test("an empty file has size 0", async () => {
  const { url } = await serving({ content: new Uint8Array(0) });
  expect((await openSource(url)).size).toBe(0);
});

test("a tensor of a checkpoint is read without the others", async () => {
  const { url, asked } = await serving({ content: readFileSync("examples/digits/model.safetensors") });
  const file = await openSafetensors(url);
  expect((await file.tensor("bn1.weight")).shape).toEqual([16]);
  await file.close();
  expect(asked).toHaveLength(4);
});

test("no such file, and no such server", async () => {
  const { url } = await serving({});
  const missing = await rejection(openSource(url.replace("file", "other")));
  expect(missing.message).toMatch(/^openSource: cannot read http:.*other: 404 Not Found$/);
  const refused = await rejection(openSource("http://127.0.0.1:1/file"));
  expect(refused.message).toMatch(/^openSource: cannot read http:\/\/127.0.0.1:1\/file: /);
});

test("a file that changes while it is read is an error", async () => {
  let version = 0;
  const { url } = await serving({ etag: () => String(version++) });
  const source = await openSource(url);
  expect((await rejection(source.read(0, 4))).message).toMatch(/cannot read .*: it changed meanwhile$/);
});
