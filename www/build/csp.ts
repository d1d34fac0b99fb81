/** Puts the content security policy into the built page. Not while developing: Vite's own client breaks it. */

import type { Plugin } from 'vite';

/** Returns the plugin. */
export function contentSecurityPolicy(): Plugin {
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [
      { tag: 'meta', injectTo: 'head-prepend', attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY } },
    ],
  };
}

const POLICY = [
  "default-src 'none'",
  // The engine is WebAssembly; nothing else is compiled from data.
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self'",
  "worker-src 'self'",
  // `?server=` may name any sync server.
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');
