// Shows what the page cannot show while it is behind: nothing is kept here, nothing works offline.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", () => {}); // the browser's own way

self.addEventListener("notificationclick", (event) => {
  const { notification, action } = event;
  notification.close();
  if (action === "dismiss") return;
  const act = action || (notification.data.call ? "open" : "call-back");
  event.waitUntil((async () => {
    const pages = await self.clients.matchAll({ type: "window" });
    const page = pages[0] || (await self.clients.openWindow("./"));
    await page?.focus().catch(() => {});
    for (const each of pages.slice(0, 1)) each.postMessage({ act, ...notification.data });
  })());
});
