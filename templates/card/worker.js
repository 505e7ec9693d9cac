// Keeps the last state of one card: the network first, what was kept when there is none.
const PAGE = {{ page | tojson }};
const KEPT = "card:" + PAGE;
const PARTS = new Set(["style", "script", "image", "font"]);

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const isPage = event.request.mode === "navigate" && url.pathname === PAGE;
  const isPart = PARTS.has(event.request.destination);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (isPage || isPart) event.respondWith(answered(event.request, isPage));
});

async function answered(request, isPage) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok) await kept.put(request, answer.clone());
    // The card was replaced or erased: nothing of it stays here.
    else if (isPage && answer.status === 404) await caches.delete(KEPT);
    return answer;
  } catch (error) {
    const last = await kept.match(request, { ignoreSearch: true });
    if (last) return last;
    throw error;
  }
}
