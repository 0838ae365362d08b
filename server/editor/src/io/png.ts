/** Texts in PNG files: written as tEXt chunks of ASCII, as every program of the ecosystem reads them. */

const SIGNATURE = 8;
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_unused, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc >>> 0;
});

/** The picture with these texts behind its header; texts of the same names, in whatever kind of chunk, are replaced. */
export function withTexts(png: Uint8Array, texts: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const parts: Uint8Array[] = [png.subarray(0, SIGNATURE)];
  let at = SIGNATURE;
  while (at + 12 <= png.length) {
    const end = Math.min(at + 12 + view.getUint32(at), png.length);
    const chunk = png.subarray(at, end);
    const kind = String.fromCharCode(...chunk.subarray(4, 8));
    if (!(["tEXt", "zTXt", "iTXt"].includes(kind) && nameOf(chunk) in texts)) parts.push(chunk);
    if (kind === "IHDR") parts.push(...Object.entries(texts).map(([name, text]) => textChunk(name, text)));
    at = end;
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function nameOf(chunk: Uint8Array): string {
  const body = chunk.subarray(8, -4);
  return String.fromCharCode(...body.subarray(0, Math.min(Math.max(0, body.indexOf(0)), 79)));
}

function textChunk(name: string, text: string): Uint8Array {
  const body = Uint8Array.from(`tEXt${name}\0${ascii(text)}`, (letter) => letter.charCodeAt(0));
  const chunk = new Uint8Array(body.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4);
  chunk.set(body, 4);
  view.setUint32(body.length + 4, crc32(body));
  return chunk;
}

/** JSON that holds ASCII alone: what is more becomes `\uXXXX`. */
export function ascii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
