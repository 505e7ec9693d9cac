// The camera as a scanner. Uses the browser's own reader of QR codes where there is one, else the copy
// of barcode-detector beside this file; its WebAssembly comes from here as well, never from elsewhere.

const EVERY_MS = 120;
const SAME_CODE_MS = 3000;
const REMEMBER = "regulars-till-camera";

export class CameraOff extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export function cameraComplaint() {
  if (!globalThis.isSecureContext) return "insecure";
  return navigator.mediaDevices?.getUserMedia ? "" : "missing";
}

export function wasOn() {
  try {
    return localStorage.getItem(REMEMBER) === "on";
  } catch {
    return false;
  }
}

export async function startCamera(video, { vendor, onCode, isPaused }) {
  const [stream, detector] = await Promise.all([openStream(), makeDetector(vendor)]);
  video.srcObject = stream;
  await video.play();
  try {
    localStorage.setItem(REMEMBER, "on");
  } catch {
    // A browser that keeps nothing asks again next time.
  }
  look(video, detector, { onCode, isPaused });
}

async function openStream() {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    throw new CameraOff(error.name === "NotAllowedError" ? "denied" : "missing");
  }
}

async function makeDetector(vendor) {
  const own = globalThis.BarcodeDetector;
  if (own && (await own.getSupportedFormats()).includes("qr_code")) return new own({ formats: ["qr_code"] });
  try {
    const reader = await import(`${vendor}ponyfill.js`);
    await reader.prepareZXingModule({
      overrides: { locateFile: (path, prefix) => (path.endsWith(".wasm") ? vendor + path : prefix + path) },
      fireImmediately: true,
    });
    return new reader.BarcodeDetector({ formats: ["qr_code"] });
  } catch (error) {
    console.error(error);
    throw new CameraOff("broken");
  }
}

function look(video, detector, { onCode, isPaused }) {
  let lastCode = "";
  let lastSeen = 0;
  const step = async () => {
    if (!video.isConnected) return;
    if (!isPaused() && video.readyState >= 2) {
      const found = await detector.detect(video).catch(() => []);
      const code = found[0]?.rawValue ?? "";
      const now = performance.now();
      if (code && (code !== lastCode || now - lastSeen > SAME_CODE_MS)) onCode(code);
      if (code) [lastCode, lastSeen] = [code, now];
    }
    setTimeout(step, EVERY_MS);
  };
  step();
}
