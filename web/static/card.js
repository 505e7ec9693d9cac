// The public pages work without this; it holds a double tap and a too quick one, and copies links.

for (const form of document.querySelectorAll("form[data-once]")) {
  const opened = performance.now();
  const least = Number(form.dataset.fillTime || 0) + 100;
  let sent = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (sent) return;
    sent = true;
    const button = form.querySelector("button[type=submit]");
    if (button) button.disabled = true;
    // The server refuses what is sent quicker than a hand can be.
    setTimeout(() => form.submit(), Math.max(0, least - (performance.now() - opened)));
  });
}

// A page that comes back out of the browser's memory carries the form of the person before.
addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("form[data-once]")) location.reload();
});

for (const box of document.querySelectorAll("[data-copy]")) {
  const button = box.querySelector("[data-copy-button]");
  const input = box.querySelector("input");
  if (!button || !input || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(input.value);
    input.select();
  });
}
