// The console's small scripts: every page works without them, they only spare a click.

const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// A form that was refused: take the reader to the list of what to mend.
for (const box of $$("[data-focus]")) box.focus();

// Copy buttons show only where the clipboard may be written.
for (const box of $$("[data-copy]")) {
  const button = box.querySelector("[data-copy-button]");
  if (!navigator.clipboard) continue;
  button.hidden = false;
  const before = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.querySelector("input").value);
    button.textContent = "✓";
    setTimeout(() => { button.textContent = before; }, 1500);
  });
}

for (const button of $$("[data-print]")) button.addEventListener("click", () => print());

// A chosen picture is sent at once.
for (const form of $$("[data-upload]")) {
  form.querySelector("button").hidden = true;
  form.querySelector("input[type=file]").addEventListener("change", () => {
    if (form.reportValidity()) form.requestSubmit();
  });
}

// One open question at a time, and a click elsewhere closes it.
document.addEventListener("click", (event) => {
  for (const open of $$("details.confirm[open]")) if (!open.contains(event.target)) open.open = false;
});

// --- the card editor ---

const look = document.getElementById("look");
const preview = document.getElementById("preview");
let shown = "apple";

function showTab(name) {
  shown = name;
  const tabs = preview.querySelector("[data-tabs]");
  tabs.hidden = false;
  for (const tab of $$("[data-tab]", tabs)) tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
  for (const panel of $$("[data-panel]", preview)) panel.hidden = panel.dataset.panel !== name;
}

if (look && preview) {
  for (const button of $$("[data-without-script]", look)) button.hidden = true;
  showTab(shown);
  preview.addEventListener("click", (event) => {
    const tab = event.target.closest("[data-tab]");
    if (tab) showTab(tab.dataset.tab);
  });

  for (const picker of $$("[data-colour-of]", look)) {
    const field = document.getElementById(picker.dataset.colourOf);
    picker.addEventListener("input", () => { field.value = picker.value; });
    field.addEventListener("input", () => { if (/^#[0-9a-f]{6}$/i.test(field.value)) picker.value = field.value; });
  }

  let timer = 0;
  let latest = 0;
  look.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 250);
  });

  async function refresh() {
    const turn = ++latest;
    const answer = await fetch(look.dataset.preview, { method: "POST", body: new FormData(look) }).catch(() => null);
    // An older answer must not overwrite a newer one; a failed one leaves the last drawing.
    if (!answer || !answer.ok || turn !== latest) return;
    preview.innerHTML = await answer.text();
    showTab(shown);
    const contrast = look.querySelector("[data-contrast]");
    contrast.replaceChildren(...preview.querySelector("[data-contrast-now]").childNodes);
  }
}
