// Keeps the page itself for a time without network. What is named by its content comes from the cache; the page's
// HTML comes from the network while there is one, so that a new release shows at the next visit.

const cacheName = `sanderling-page-${'VERSION'}`;
const files = ['/'];

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(files)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const clean = caches.keys().then((names) =>
    Promise.all(names.filter((name) => name.startsWith('sanderling-page-') && name !== cacheName).map((name) => caches.delete(name))),
  );
  event.waitUntil(clean.then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin) return;
  if (event.request.mode === 'navigate' && url.pathname === '/') event.respondWith(fetch(event.request).catch(() => caches.match('/')));
  else if (files.includes(url.pathname)) event.respondWith(cached(event.request));
});

async function cached(request) {
  return (await caches.match(request)) ?? fetch(request);
}
