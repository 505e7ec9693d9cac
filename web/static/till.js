// The till: every action is an ordinary form; this sends it without leaving the page, keeps its
// idempotency key until it is answered, and tells the answer by colour, icon and sound.

import { cameraComplaint, startCamera, wasOn } from "./till-camera.js";
import { listenToScanner } from "./till-scanner.js";
import { play } from "./till-sound.js";

const ANSWER_WITHIN_MS = 12_000;
const LOCKS_AFTER_MS = 5 * 60_000 + 2_000;
const PENDING = "regulars-till-pending";

const main = document.querySelector("main");
const stage = document.querySelector("[data-stage]");
const findForm = document.querySelector("[data-find]");
let busy = false;
let shownCode = "";
let lockTimer = 0;

for (const tone of document.querySelectorAll("[data-tone]")) play(tone.dataset.tone);
if (stage && findForm) openScanner();
openKeypad();

function openScanner() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-act]")) return;
    event.preventDefault();
    const by = event.submitter;
    act(by?.hasAttribute("formaction") ? by.formAction : event.target.action, freshBody(event.target, by), by?.name ? by : event.target);
  });
  stage.addEventListener("click", (event) => {
    if (!event.target.closest(`a[href="${stage.dataset.home}"]`)) return;
    event.preventDefault();
    clearStage();
  });
  listenToScanner(find, findForm.elements.code);
  openCamera();
  resume();
  stayUnlocked();
}

// --- one action -------------------------------------------------------------------------------

function find(code) {
  shownCode = code;
  const body = new URLSearchParams(new FormData(findForm));
  body.set("code", code);
  act(findForm.action, body, findForm);
}

function freshBody(form, by) {
  const body = new URLSearchParams(new FormData(form));
  if (by?.name) body.set(by.name, by.value);
  if (body.has("key") && !body.has("choice")) {
    // One key per intent: another try of the same form is the same intent until it is answered. A
    // form with several buttons has an intent for each; staff's answer to a question is none of its own.
    const intent = by?.name ? by : form;
    intent.dataset.key ||= newKey();
    body.set("key", intent.dataset.key);
  }
  if (by?.hasAttribute("data-plain")) body.delete("key"); // it only looks
  return body;
}

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function act(action, body, form) {
  if (busy) return;
  busy = true;
  stage.classList.add("busy");
  if (body.has("key")) remember({ action, body: body.toString() });
  try {
    const response = await fetch(action, {
      method: "POST",
      body,
      headers: { Accept: "application/json" },
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const answer = await response.json();
    answered(response, answer, form);
  } catch {
    unanswered(action, body, form);
  } finally {
    busy = false;
    stage.classList.remove("busy");
  }
}

function answered(response, answer, form) {
  if (response.status === 401) {
    location.reload();
    return;
  }
  if (!response.ok && (response.status === 503 || answer.code === "operation_in_flight")) {
    refuse(answer.detail);
    return; // the key stays: the next try is the same intent
  }
  forget();
  if (form) delete form.dataset.key;
  if (response.ok) show(answer);
  else refuse(answer.detail, answer.errors?.[0]?.field);
  stayUnlocked();
}

function show(answer) {
  stage.innerHTML = answer.html;
  openCounters();
  main.classList.add("has-card");
  findForm.elements.code.value = "";
  play(answer.tone);
  const first = stage.querySelector("[autofocus]") ?? stage.querySelector("[data-next]");
  // On a phone only the amount may bring up the keyboard; it would cover everything else.
  if (first && (first.name === "amount" || hasMouse())) first.focus({ preventScroll: true });
  stage.scrollIntoView({ block: "nearest" });
}

function refuse(message, field) {
  play("bad");
  for (const old of stage.querySelectorAll(".tone")) old.remove();
  const note = document.querySelector("[data-trouble]").content.cloneNode(true);
  note.querySelector("[data-message]").textContent = message;
  stage.prepend(note);
  const input = field && stage.querySelector(`[name="${CSS.escape(field)}"]:not([type=hidden])`);
  if (!input) return;
  input.setAttribute("aria-invalid", "true");
  input.focus();
  input.select();
}

function unanswered(action, body, form) {
  play("bad");
  const note = document.querySelector("[data-offline]").content.cloneNode(true);
  note.querySelector("[data-again]").addEventListener("click", () => act(action, body, form));
  note.querySelector("[data-drop]").addEventListener("click", () => {
    forget();
    clearStage();
  });
  // A look-up changes nothing; only what carries a key may have happened.
  note.querySelector(body.has("key") ? "[data-looked-up]" : "[data-kept]").remove();
  stage.replaceChildren(note);
  main.classList.add("has-card");
}

// Pieces are counted with a thumb; without this script they are typed.
function openCounters() {
  for (const count of stage.querySelectorAll(".count")) {
    const input = count.querySelector("[data-count]");
    for (const [sign, step] of [["[data-less]", -1], ["[data-more]", 1]]) {
      const button = count.querySelector(sign);
      if (!button) continue;
      button.hidden = false;
      button.addEventListener("click", () => {
        const value = Math.min(99, Math.max(0, (Number.parseInt(input.value, 10) || 0) + step));
        input.value = value || "";
      });
    }
  }
}

function clearStage() {
  stage.replaceChildren();
  main.classList.remove("has-card");
  findForm.reset();
  if (hasMouse()) findForm.elements.code.focus({ preventScroll: true });
}

function hasMouse() {
  return matchMedia("(pointer: fine)").matches;
}

// --- an answer that never came survives a reload of the page ------------------------------------

function remember(pending) {
  try {
    sessionStorage.setItem(PENDING, JSON.stringify(pending));
  } catch {
    // Then the key lives as long as the page.
  }
}

function forget() {
  try {
    sessionStorage.removeItem(PENDING);
  } catch {
    // Nothing was kept.
  }
}

function resume() {
  try {
    const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
    if (!pending) return;
    const body = new URLSearchParams(pending.body);
    // The token of forms may be another one by now; the key is what makes it the same intent.
    body.set("csrf_token", findForm.elements.csrf_token.value);
    unanswered(pending.action, body, null);
  } catch {
    forget();
  }
}

// --- camera, keypad, lock -----------------------------------------------------------------------

function openCamera() {
  const box = document.querySelector("[data-camera]");
  const off = document.querySelector("[data-camera-off]");
  const start = document.querySelector("[data-camera-start]");
  const tellOff = (reason) => {
    box.hidden = true;
    off.textContent = off.dataset[reason] ?? off.dataset.broken;
    off.hidden = false;
  };
  const complaint = cameraComplaint();
  if (complaint) {
    tellOff(complaint);
    return;
  }
  box.hidden = false;
  const begin = async () => {
    start.disabled = true;
    try {
      await startCamera(box.querySelector("[data-video]"), {
        vendor: document.querySelector("[data-scan]").dataset.vendor,
        isPaused: () => busy || box.offsetParent === null,
        onCode: (code) => {
          // The card still lying there is no new customer.
          if (main.classList.contains("has-card") && code === shownCode) return;
          box.classList.add("seen");
          setTimeout(() => box.classList.remove("seen"), 600);
          find(code);
        },
      });
      box.classList.add("live");
    } catch (error) {
      tellOff(error.reason ?? "broken");
    }
  };
  start.addEventListener("click", begin);
  if (wasOn()) begin();
}

function openKeypad() {
  const form = document.querySelector("[data-pin]");
  if (!form) return;
  const input = form.querySelector("input[name=pin]");
  form.querySelector("[data-keypad]").hidden = false;
  form.querySelector("[data-plain]").hidden = true;
  // On a touch screen the large keys are enough; the system's keyboard would cover them.
  if (matchMedia("(pointer: coarse)").matches) input.readOnly = true;
  form.addEventListener("click", (event) => {
    const key = event.target.closest("[data-digit], [data-erase]");
    if (!key) return;
    input.value = key.dataset.digit ? (input.value + key.dataset.digit).slice(0, 6) : input.value.slice(0, -1);
  });
}

function stayUnlocked() {
  clearTimeout(lockTimer);
  lockTimer = setTimeout(() => location.assign(stage.dataset.home), LOCKS_AFTER_MS);
}
