/**
 * Keeps the page for use without network, by the service worker that the build emits. Where the server sends no
 * isolation headers that worker adds them, so that the next visit is cross-origin isolated.
 */
export function keepOffline(): void {
  if (import.meta.env.DEV || !("serviceWorker" in navigator)) return;
  // Nothing depends on it: where it is refused, as in private windows, the page asks the network.
  const register = (): unknown => navigator.serviceWorker.register("./service-worker.js").catch(() => {});
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
