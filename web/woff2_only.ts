/**
 * KaTeX's stylesheet names every font three times; browsers with WebGPU all read woff2, so the others are left out of
 * the build. No font goes into the stylesheet as a data: address either, which the page's policy forbids.
 */
import type { Plugin } from 'vite';

export const woff2Only: Plugin = {
  name: 'woff2-only',
  enforce: 'pre',
  config: () => ({ build: { assetsInlineLimit: 0 } }),
  transform(code, id) {
    if (!/katex[^/]*\.css$/.test(id)) return null;
    return {
      code: code.replace(/,\s*url\([^)]+\.(?:woff|ttf)["']?\)\s*format\(["'](?:woff|truetype)["']\)/g, ''),
      map: null,
    };
  },
};
