/** The texts that pictures carry: tEXt, zTXt-free iTXt chunks of PNG, EXIF of WEBP and JPEG. */

const PNG = [0x89, 0x50, 0x4e, 0x47];
const LATIN = new TextDecoder("latin1");
const UTF8 = new TextDecoder();

/** The texts by name; undefined when the bytes are no picture. */
export function readTexts(bytes: Uint8Array): Record<string, string> | undefined {
  if (PNG.every((byte, index) => bytes[index] === byte)) return readPng(bytes);
  const head = LATIN.decode(bytes.subarray(0, 12));
  if (head.startsWith("RIFF") && head.endsWith("WEBP")) return readWebp(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return readJpeg(bytes);
  return undefined;
}

function readPng(bytes: Uint8Array): Record<string, string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: Record<string, string> = {};
  let at = 8;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    const kind = LATIN.decode(bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, Math.min(at + 8 + length, bytes.length));
    const zero = body.indexOf(0);
    if (kind === "tEXt" && zero > 0) texts[LATIN.decode(body.subarray(0, zero))] = LATIN.decode(body.subarray(zero + 1));
    if (kind === "iTXt" && zero > 0 && body[zero + 1] === 0) {
      const language = body.indexOf(0, zero + 3);
      const translated = body.indexOf(0, language + 1);
      texts[LATIN.decode(body.subarray(0, zero))] = UTF8.decode(body.subarray(translated + 1));
    }
    if (kind === "IEND") break;
    at += 12 + length;
  }
  return texts;
}

function readWebp(bytes: Uint8Array): Record<string, string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 12;
  while (at + 8 <= bytes.length) {
    const length = view.getUint32(at + 4, true);
    if (LATIN.decode(bytes.subarray(at, at + 4)) === "EXIF") return readExif(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length + (length & 1);
  }
  return {};
}

function readJpeg(bytes: Uint8Array): Record<string, string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    const length = view.getUint16(at + 2);
    if (marker === 0xe1) return readExif(bytes.subarray(at + 4, at + 2 + length));
    if (marker === 0xda) break;
    at += 2 + length;
  }
  return {};
}

/** ASCII entries of the first directory that read `name:{json}`. */
function readExif(exif: Uint8Array): Record<string, string> {
  const start = LATIN.decode(exif.subarray(0, 4)) === "Exif" ? 6 : 0;
  const body = exif.subarray(start);
  if (body.length < 8) return {};
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const little = LATIN.decode(body.subarray(0, 2)) === "II";
  const first = view.getUint32(4, little);
  if (first + 2 > body.length) return {};
  const texts: Record<string, string> = {};
  const count = view.getUint16(first, little);
  for (let index = 0; index < count; index++) {
    const entry = first + 2 + index * 12;
    if (entry + 12 > body.length) break;
    if (view.getUint16(entry + 2, little) !== 2) continue;
    const length = view.getUint32(entry + 4, little);
    const place = length <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
    const text = UTF8.decode(body.subarray(place, Math.min(place + length, body.length))).replace(/\0+$/, "");
    const colon = text.indexOf(":");
    if (colon > 0) texts[text.slice(0, colon)] = text.slice(colon + 1);
  }
  return texts;
}
