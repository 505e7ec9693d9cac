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

// Work in several steps goes on by itself; without a script its button does.
document.querySelector("form[data-goes-on]")?.requestSubmit();

// The phone's navigation scrolls sideways: bring the present page into view.
document.querySelector('.side nav [aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "center" });

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
  let dirty = false;
  look.addEventListener("input", (event) => {
    if (event.target.type === "file") return;
    dirty = true;
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

  // A chosen picture is sent at once, beside the form, so that unsaved words stay as they are.
  for (const form of $$("[data-upload]")) {
    const file = document.querySelector(`input[type=file][form="${form.id}"]`);
    document.querySelector(`button[form="${form.id}"]`).hidden = true;
    file.addEventListener("change", () => { if (file.files.length) upload(form, file); });
  }

  async function upload(form, file) {
    const field = file.closest(".field");
    field.querySelector(".error")?.remove();
    field.classList.remove("field-bad");
    file.disabled = false;
    const sent = { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } };
    const answer = await fetch(form.action, sent).catch(() => null);
    if (answer && answer.ok) {
      if (dirty) refresh(); else location.reload();
      return;
    }
    const problem = answer ? await answer.json().catch(() => ({})) : {};
    const told = document.createElement("span");
    told.className = "error";
    told.setAttribute("role", "alert");
    told.textContent = problem.detail || form.dataset.failed;
    field.classList.add("field-bad");
    file.closest(".row").before(told);
    file.value = "";
  }
}

// --- a rule's form: ask only what matters, and say in words what it means ---

for (const form of $$("[data-rule-form]")) {
  const said = form.querySelector("[data-says]");
  const conditions = $$("[data-shown-when]", form);

  function ask() {
    for (const box of conditions) {
      const typed = form.elements[box.dataset.shownWhen];
      box.hidden = !typed || !box.dataset.values.split(",").includes(typed.value) || Boolean(typed.closest?.("[data-shown-when]")?.hidden);
    }
    // A folded part without anything to ask would be an empty box.
    for (const part of $$(".part", form)) part.hidden = ![...part.querySelectorAll(".asked")].some((one) => !one.hidden);
  }

  let timer = 0;
  let latest = 0;
  async function say() {
    if (!said) return;
    const turn = ++latest;
    const sent = { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } };
    const answer = await fetch(form.dataset.say, sent).catch(() => null);
    if (!answer || !answer.ok || turn !== latest) return;
    const { sentences } = await answer.json();
    if (!sentences.length) return;
    said.replaceChildren(...sentences.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  }

  form.addEventListener("input", () => {
    ask();
    clearTimeout(timer);
    timer = setTimeout(say, 250);
  });
  ask();
  say();
}
