import type { ByteSource } from "./byteSource.ts";

/** What `fetch` answers, as far as it is read here. */
interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: { get(name: string): string | null };
  arrayBuffer(): Promise<ArrayBuffer>;
  readonly body: { cancel(): Promise<void> } | null;
}

/**
 * A file on a web server, of which only the ranges that are asked for are fetched; where the server knows no ranges,
 * the whole file is fetched once.
 *
 * @param who name of the calling function, for messages
 * @throws Error if there is no such file, or it changes while it is read
 */
export async function openHttp(who: string, url: URL): Promise<Omit<ByteSource, "close">> {
  const name = url.href;
  const failed = (reason: string, cause?: unknown): Error =>
    new Error(`${who}: cannot read ${name}: ${reason}`, { cause });
  const get = async (range: string): Promise<Answer> => {
    try {
      return await fetch(url, { headers: { Range: range } });
    } catch (cause) {
      throw failed(cause instanceof Error ? cause.message : String(cause), cause);
    }
  };

  const first = await get("bytes=0-0");
  if (first.status === 200) {
    const bytes = new Uint8Array(await first.arrayBuffer());
    return { name, size: bytes.length, read: async (offset, length) => bytes.slice(offset, offset + length) };
  }
  await first.body?.cancel();
  const size = Number(/\/(\d+)$/.exec(first.headers.get("content-range") ?? "")?.[1]);
  const isEmpty = first.status === 416 && size === 0;
  if ((first.status !== 206 && !isEmpty) || !Number.isSafeInteger(size)) {
    throw failed(`${first.status} ${first.statusText}`);
  }
  const version = versionOf(first);
  return {
    name,
    size,
    async read(offset, length) {
      if (length === 0) return new Uint8Array(0);
      const answer = await get(`bytes=${offset}-${offset + length - 1}`);
      if (answer.status !== 206 || versionOf(answer) !== version) {
        await answer.body?.cancel();
        throw failed(
          answer.status === 206 ? "it changed meanwhile" : `${answer.status} ${answer.statusText}`,
        );
      }
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (bytes.length !== length) throw failed(`expected ${length} bytes, got ${bytes.length}`);
      return bytes;
    },
  };
}

function versionOf({ headers }: Answer): string {
  return `${headers.get("etag")} ${headers.get("last-modified")} ${/\/\d+$/.exec(headers.get("content-range") ?? "")}`;
}
