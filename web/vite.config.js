import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { oneFile, woff2Only } from './one_file.js';

// Two pages, each one file: that of the server, and (`vite build --mode report`) that of a market's report.
const kServerPolicy = [
  'img-src data:',
  'font-src data:',
  "connect-src 'self' http://127.0.0.1:*", // the latter to see if it is another name of the same server
];

export default defineConfig(({ mode }) => {
  const isReport = mode === 'report';
  const page = isReport ? 'report.html' : 'index.html';
  return {
    plugins: [woff2Only(), svelte(), oneFile(page, isReport ? [] : kServerPolicy)],
    build: {
      target: 'es2022',
      modulePreload: false,
      assetsInlineLimit: Number.MAX_SAFE_INTEGER,
      cssCodeSplit: false,
      chunkSizeWarningLimit: 2000,
      reportCompressedSize: false,
      emptyOutDir: !isReport,
      rollupOptions: { input: page },
    },
    // `npm run dev` beside a running `hadal serve`
    server: {
      proxy: { '/v1': 'http://127.0.0.1:8080', '/health': 'http://127.0.0.1:8080' },
    },
  };
});
