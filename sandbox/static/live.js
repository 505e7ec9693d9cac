// Keeps the page of phones fresh: asks once a second with the validator of the last answer, and draws
// again only the phones whose stamp changed. Colours of cards are set here, because the policy of
// the page allows no style attributes.

const PAUSE_MS = 1000;
const COLOURS = { background: "--card", foreground: "--on-card", label: "--card-label" };
const opened = new Set();
const front = new Map();
let validator = "";

function paint(root) {
  for (const card of root.querySelectorAll("[data-background]")) {
    for (const [name, property] of Object.entries(COLOURS)) {
      if (card.dataset[name]) card.style.setProperty(property, card.dataset[name]);
    }
  }
}

function restore(phone) {
  for (const details of phone.querySelectorAll("details[data-keep]")) {
    details.open = opened.has(details.dataset.keep);
  }
  const wanted = front.get(phone.id);
  if (wanted) bringToFront(phone, wanted);
}

function bringToFront(phone, key) {
  const cards = [...phone.querySelectorAll("[data-card]")];
  if (!cards.some((card) => card.dataset.card === key)) return;
  for (const card of cards) card.classList.toggle("open", card.dataset.card === key);
  reachable(phone);
}

// A card behind the front one is a button: reached by Tab, opened by Enter or Space.
function reachable(root) {
  for (const card of root.querySelectorAll(".stack [data-card]")) {
    const front = card.classList.contains("open");
    if (front) card.removeAttribute("tabindex");
    else card.tabIndex = 0;
    card.setAttribute("role", front ? "group" : "button");
  }
}

function choose(target) {
  const card = target.closest(".stack [data-card]:not(.open)");
  if (!card) return false;
  const phone = card.closest(".phone");
  front.set(phone.id, card.dataset.card);
  bringToFront(phone, card.dataset.card);
  return true;
}

function values(phone) {
  const found = new Map();
  for (const value of phone?.querySelectorAll("[data-value]") ?? []) {
    const card = value.closest("[data-card]").dataset.card;
    found.set(`${card} ${value.dataset.value}`, value);
  }
  return found;
}

function drawPhone(list, wanted) {
  const old = document.getElementById(wanted.id);
  if (old?.dataset.stamp === wanted.stamp) return;
  const holder = document.createElement("template");
  holder.innerHTML = wanted.html;
  const fresh = holder.content.firstElementChild;
  const before = values(old);
  paint(fresh);
  reachable(fresh);
  restore(fresh);
  if (old) old.replaceWith(fresh);
  else list.append(fresh);
  for (const [name, value] of values(fresh)) {
    if (before.has(name) && before.get(name).textContent !== value.textContent) {
      value.classList.add("fresh");
    }
  }
}

function draw(answer) {
  const list = document.querySelector('[data-live="phones"]');
  for (const phone of answer.phones) drawPhone(list, phone);
  for (const name of ["log", "faults"]) {
    document.querySelector(`[data-live="${name}"]`).innerHTML = answer[name];
  }
}

async function refresh() {
  const headers = validator ? { "If-None-Match": validator } : {};
  const answer = await fetch("/live.json", { headers, cache: "no-store" });
  if (answer.status !== 200) return;
  validator = answer.headers.get("ETag");
  draw(await answer.json());
}

async function keepFresh() {
  try {
    if (!document.hidden) await refresh();
    document.body.classList.remove("away");
  } catch {
    document.body.classList.add("away");
  }
  setTimeout(keepFresh, PAUSE_MS);
}

document.addEventListener("toggle", (event) => {
  const name = event.target.dataset?.keep;
  if (name) event.target.open ? opened.add(name) : opened.delete(name);
}, true);

document.addEventListener("click", (event) => choose(event.target));

document.addEventListener("keydown", (event) => {
  const pressed = event.key === "Enter" || event.key === " ";
  if (pressed && event.target.matches("[data-card]") && choose(event.target)) event.preventDefault();
});

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("form[data-quiet]")) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  await fetch(event.target.action, { method: "POST", body, redirect: "manual" });
  await refresh();
});

paint(document);
reachable(document);
if (document.querySelector('[data-live="phones"]')) keepFresh();
