import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { oneFile, woff2Only } from './one_file.js';

// Three pages, each one file: that of the server, and (`vite build --mode report`, `cluster`) those of a market's report
// and of a cluster.
const kAllowed = {
  'index.html': [
    'img-src data:',
    'font-src data:',
    "connect-src 'self' http://127.0.0.1:*", // the latter to see if it is another name of the same server
  ],
  'report.html': [],
  'cluster.html': ['img-src data:', "connect-src 'self'"],
};

export default defineConfig(({ mode }) => {
  const page = `${mode === 'production' ? 'index' : mode}.html`;
  return {
    plugins: [woff2Only(), svelte(), oneFile(page, kAllowed[page])],
    build: {
      target: 'es2022',
      modulePreload: false,
      assetsInlineLimit: Number.MAX_SAFE_INTEGER,
      cssCodeSplit: false,
      chunkSizeWarningLimit: 2000,
      reportCompressedSize: false,
      emptyOutDir: page === 'index.html',
      rollupOptions: { input: page },
    },
    // `npm run dev` beside a running `hadal serve`
    server: {
      proxy: { '/v1': 'http://127.0.0.1:8080', '/health': 'http://127.0.0.1:8080' },
    },
  };
});
