import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const SERVER = process.env["SAFELIGHT_URL"] ?? "http://127.0.0.1:8188";
const ROUTES = ["/v1", "/ws", "/prompt", "/queue", "/history", "/view", "/object_info", "/upload", "/userdata", "/interrupt"];

export default defineConfig({
  base: "./",
  plugins: [react()],
  build: { outDir: "dist", emptyOutDir: true, sourcemap: false, target: "es2022", chunkSizeWarningLimit: 900 },
  server: { proxy: Object.fromEntries(ROUTES.map((route) => [route, { target: SERVER, ws: route === "/ws" }])) },
  test: { environment: "happy-dom", include: ["tests/unit/**/*.test.{ts,tsx}"] },
});
