/** What may plug into what: `*` takes anything, `A,B` is either, names are compared without case. */

export function compatible(from: string, to: string): boolean {
  if (from === to || from === "*" || to === "*" || from === "" || to === "") return true;
  const wanted = new Set(to.toUpperCase().split(",").map((each) => each.trim()));
  return from.toUpperCase().split(",").some((each) => wanted.has(each.trim()));
}

export type Shape = "circle" | "square" | "diamond";

const SCALARS = new Set(["INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "NUMBER"]);
const MODELS = new Set([
  "MODEL", "CLIP", "VAE", "CONTROL_NET", "CLIP_VISION", "STYLE_MODEL", "GLIGEN", "UPSCALE_MODEL", "SAMPLER", "GUIDER",
]);

/** Sockets differ by shape too, never by colour alone. */
export function shapeOf(type: string): Shape {
  const first = type.split(",")[0]!.trim().toUpperCase();
  return SCALARS.has(first) ? "diamond" : MODELS.has(first) ? "square" : "circle";
}

const COLORS: Readonly<Record<string, string>> = {
  MODEL: "#b39ddb",
  CLIP: "#ffd54f",
  VAE: "#ff8a80",
  CONDITIONING: "#ffb74d",
  LATENT: "#f48fb1",
  IMAGE: "#64b5f6",
  MASK: "#81c784",
  CONTROL_NET: "#4dd0b8",
  SIGMAS: "#cddc39",
  SAMPLER: "#90a4ae",
  GUIDER: "#9fa8da",
  NOISE: "#b0bec5",
  INT: "#a5d6a7",
  FLOAT: "#a5d6a7",
  STRING: "#c5e1a5",
  BOOLEAN: "#ce93d8",
  COMBO: "#bcaaa4",
  "*": "#e0e0e0",
};

/** The colour of a type; one that nobody named gets a steady colour of its own. */
export function colorOf(type: string): string {
  const first = type.split(",")[0]!.trim();
  const known = COLORS[first.toUpperCase()];
  if (known) return known;
  let hash = 0;
  for (const letter of first) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return `hsl(${hash % 360} 55% 68%)`;
}
