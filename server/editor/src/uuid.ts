/** Pages that are served without TLS to another device have no `crypto.randomUUID`; here it is, for all of the editor. */

if (!("randomUUID" in crypto)) {
  const made = (): string => {
    const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join("-");
  };
  Object.defineProperty(crypto, "randomUUID", { value: made });
}

export {};
