// The card page follows its card while it is open, and keeps its last state for when there is no
// network. Without this script the page is as it was drawn.

const EVERY_MS = 10_000;
const card = document.querySelector("[data-web-card]");

if (card) {
  const page = card.dataset.webCard;
  let validator = null;

  const ask = async () => {
    if (document.hidden) return;
    try {
      const headers = validator ? { "If-None-Match": validator } : {};
      const answer = await fetch(`${page}/version`, { headers, cache: "no-store" });
      card.hidden = true;
      if (answer.status === 304) return;
      if (answer.ok && validator === null) validator = answer.headers.get("ETag");
      // Another state, or no card any more: the page itself says which.
      else if (answer.ok || answer.status === 404) location.reload();
    } catch {
      card.hidden = false;
    }
  };

  const keep = async () => {
    if (!("serviceWorker" in navigator) || !("caches" in window)) return;
    await navigator.serviceWorker.register(`${page}/worker.js`, { scope: page });
    const parts = document.querySelectorAll("link[rel=stylesheet], script[src], img[src]");
    const addresses = [...parts].map((part) => part.href || part.src);
    const kept = await caches.open(`card:${page}`);
    await kept.addAll([page, ...addresses.filter((one) => one.startsWith(location.origin))]);
  };

  ask();
  setInterval(ask, EVERY_MS);
  addEventListener("online", ask);
  document.addEventListener("visibilitychange", ask);
  keep().catch(() => {});
}
