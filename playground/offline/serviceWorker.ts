/** Paths of the built page, and what tells this build from others: both prepended by the build. */
declare const files: readonly string[];
declare const version: string;

const scope = self as unknown as ServiceWorkerGlobalScope;
const prefix = `evenkeel-playground ${scope.registration.scope} `;
const cacheName = prefix + version;

/** What shared memory asks of a page; hosts that cannot send headers get them here. */
const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

scope.addEventListener("install", (event) => {
  const fresh = files.map(
    (path) => new Request(new URL(path, scope.registration.scope), { cache: "no-cache" }),
  );
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(fresh)));
});

// A newer build takes over once no page of the older one is open: files of both are never mixed.
scope.addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([removeOlder(), scope.clients.claim()]));
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(scope.registration.scope)) {
    event.respondWith(answerTo(request));
  }
});

async function removeOlder(): Promise<void> {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith(prefix) && name !== cacheName);
  await Promise.all(older.map((name) => caches.delete(name)));
}

/** The kept file, else the network's, with the headers of an isolated page. */
async function answerTo(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
  const { body, status, statusText, headers } = kept ?? (await fetch(request));
  const isolated = new Headers(headers);
  for (const [name, value] of Object.entries(isolation)) {
    if (!isolated.has(name)) isolated.set(name, value);
  }
  return new Response(body, { status, statusText, headers: isolated });
}
