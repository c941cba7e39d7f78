import { defineConfig } from "vite";

export default defineConfig({
  // The server puts its own path before the addresses in the page; scripts, styles and workers find each other by
  // where they are themselves.
  base: "./",
  build: {
    // The page may load from its own server alone, so nothing is written into scripts and styles as `data:`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" },
    chunkSizeWarningLimit: 5000,
  },
  worker: { format: "es" },
});
