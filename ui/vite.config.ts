// How the screens are built, served while working on them, and tested.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Relative addresses: the window serves the screens from its own scheme.
  base: "./",
  plugins: [svelte(), svelteTesting()],
  build: { target: ["es2022", "safari16", "chrome110"], assetsInlineLimit: 0 },
  // Fonts, icons and tokens are shared with shop and paper and live beside this folder.
  server: { fs: { allow: [".."] } },
  test: { environment: "happy-dom", include: ["src/**/*.test.ts"], setupFiles: ["src/testing/setup.ts"] },
});
