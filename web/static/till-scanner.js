// A scanner at the USB port types like a very fast person and ends with Enter, wherever the cursor is.
// What it typed into a field by accident is taken out again, so that a card never becomes an amount.
// In the field for codes nothing is done: there Enter sends what stands in it, however slow it came.

const GAP_MS = 100;
const LENGTH_MIN = 8;

export function listenToScanner(onCode, codeField) {
  let text = "";
  let last = 0;
  let field = null;
  let before = "";

  document.addEventListener("keydown", (event) => {
    if (event.target === codeField) {
      text = "";
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const now = event.timeStamp;
    if (event.key === "Enter") {
      const fast = text.length >= LENGTH_MIN && now - last < GAP_MS * 3;
      const code = text;
      text = "";
      if (!fast) return;
      event.preventDefault();
      event.stopPropagation();
      if (field && field.isConnected) field.value = before;
      onCode(code);
      return;
    }
    if (event.key.length !== 1) return;
    if (!text || now - last > GAP_MS) {
      text = "";
      field = event.target instanceof HTMLInputElement ? event.target : null;
      before = field ? field.value : "";
    }
    text += event.key;
    last = now;
  }, true);
}
