// Tells an answer by ear: two rising notes for done, one for a question, a low pair for a refusal.

const NOTES = { good: [[660, 0], [990, 0.11]], ask: [[740, 0]], bad: [[220, 0], [180, 0.16]] };
let context = null;

export function play(tone) {
  const Context = globalThis.AudioContext;
  if (!Context || !NOTES[tone]) return;
  try {
    context ??= new Context();
    if (context.state === "suspended") context.resume();
    for (const [frequency, after] of NOTES[tone]) note(frequency, after, tone === "bad" ? "square" : "sine");
  } catch {
    // Without sound, colour and icon still tell.
  }
}

function note(frequency, after, shape) {
  const start = context.currentTime + after;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.type = shape;
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0.0001, start);
  gain.gain.exponentialRampToValueAtTime(0.22, start + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.14);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + 0.16);
}
