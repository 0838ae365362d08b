/** Talking to the server: JSON in and out, and errors that say what to do. */

import { isObject, parseJson, toJson, type Json, type JsonObject } from "../json";

export interface Problem {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly node: string;
  readonly input: string;
}

/** What the server, or the way to it, said no to. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string = "",
    readonly problems: readonly Problem[] = [],
  ) {
    super(message);
  }
}

/** Addresses are relative to the page, so that a server behind a prefix works too. */
export function url(path: string): string {
  return new URL(path.replace(/^\//, ""), document.baseURI).toString();
}

export async function call(method: string, path: string, body?: unknown, init: RequestInit = {}): Promise<Json> {
  const response = await request(method, path, {
    ...init,
    ...(body !== undefined && { body: toJson(body), headers: { "Content-Type": "application/json", ...init.headers } }),
  });
  const text = await response.text();
  return text ? parseJson(text) : null;
}

/** A request whose answer is not JSON, or whose headers matter. */
export async function request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url(path), { method, credentials: "same-origin", ...init });
  } catch {
    throw new ApiError(0, "unreachable", "The server does not answer.", "Your work is kept here; it goes on when the server is back.");
  }
  if (!response.ok) throw await refusalOf(response);
  return response;
}

async function refusalOf(response: Response): Promise<ApiError> {
  const fallback = `The server answered ${response.status}.`;
  try {
    const body = parseJson(await response.text());
    const error: JsonObject = isObject(body) && isObject(body["error"]) ? body["error"] : {};
    const problems = Array.isArray(error["problems"]) ? (error["problems"] as unknown as Problem[]) : [];
    return new ApiError(
      response.status,
      String(error["code"] ?? error["type"] ?? "error"),
      String(error["message"] ?? fallback),
      String(error["hint"] ?? error["details"] ?? ""),
      problems,
    );
  } catch {
    return new ApiError(response.status, "error", fallback);
  }
}

/** The address of a written file, as nodes show it. */
export function viewUrl(file: { filename: string; subfolder?: string; type?: string }, more: Record<string, string> = {}): string {
  const query = new URLSearchParams({
    filename: file.filename,
    subfolder: file.subfolder ?? "",
    type: file.type ?? "output",
    ...more,
  });
  return url(`view?${query}`);
}
