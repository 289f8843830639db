import { createHash } from 'node:crypto';

// Puts the script and the style into the page, so that it is one file that needs nothing else, and a policy that lets the
// browser run that script alone and load nothing but what `allowed` says. What a model writes cannot load a picture from
// elsewhere or run a script, even if it got past the sanitizer.
export function oneFile(name, allowed) {
  return {
    name: 'one-file',
    enforce: 'post',
    generateBundle(_, bundle) {
      const page = bundle[name];
      const files = Object.values(bundle).filter((file) => file !== page);
      const code = files.filter((f) => f.type === 'chunk').map((f) => f.code).join('\n');
      const script = code.replaceAll('</script', '<\\/script');
      const style = files.filter((f) => f.fileName.endsWith('.css')).map((f) => f.source).join('\n');
      const left = files.filter((f) => f.type !== 'chunk' && !f.fileName.endsWith('.css'));
      if (left.length) this.error(`expected every asset inline, found ${left.map((f) => f.fileName).join(', ')}`);

      const hash = createHash('sha256').update(script).digest('base64');
      const policy = [
        "default-src 'none'",
        `script-src 'sha256-${hash}'`,
        "style-src 'unsafe-inline'",
        ...allowed,
        "base-uri 'none'",
        "form-action 'none'",
      ].join('; ');
      page.source = page.source
        .replace(/\s*<script type="module"[^>]*><\/script>/, '')
        .replace(/\s*<link rel="stylesheet"[^>]*>/, '')
        .replace(
          '<meta charset="utf-8">',
          (meta) => `${meta}\n<meta http-equiv="Content-Security-Policy" content="${policy}">`,
        )
        .replace('</head>', () => `<style>${style}</style>\n</head>`)
        .replace('</body>', () => `<script type="module">${script}</script>\n</body>`);
      for (const file of files) delete bundle[file.fileName];
    },
  };
}

// KaTeX's style names each font in three formats; the first is enough, and every font goes into the page.
export function woff2Only() {
  return {
    name: 'woff2-only',
    enforce: 'pre',
    transform(code, id) {
      if (/katex.*\.css$/.test(id)) return code.replace(/,url\([^)]*\.(woff|ttf)\) format\("[a-z]+"\)/g, '');
    },
  };
}
