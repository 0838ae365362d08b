/** Names of sockets on the canvas: `in:seed`, `out:0`. */

export const inputHandle = (name: string): string => `in:${name}`;
export const outputHandle = (index: number): string => `out:${index}`;

export function inputOf(handle: string | null | undefined): string | undefined {
  return handle?.startsWith("in:") ? handle.slice(3) : undefined;
}

export function outputOf(handle: string | null | undefined): number | undefined {
  return handle?.startsWith("out:") ? Number(handle.slice(4)) : undefined;
}
