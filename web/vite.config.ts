import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `npm run dev` serves the sources and passes the API on to a running `krolik ui --port 8765`
export default defineConfig({
  plugins: [svelte()],
  build: { outDir: "../krolik/server/_web", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0 },
  server: { proxy: { "/api": "http://127.0.0.1:8765" } },
});
