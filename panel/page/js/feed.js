// The stream of events. Of all tabs one holds it, by a Web Lock; the others get all from that one.

import { apply, changed, NAMES, restore, snapshot, store } from "./store.js";

const SILENCE = 8_500; // ms without even a ping: the line is dead
const channel = new BroadcastChannel("starface2mqtt");
let leads = false;
let source = null;
let heardAt = 0;
let over = false;

export const isLeader = () => leads;

function handle(name, content) {
  apply(name, content);
  if (leads) channel.postMessage({ name, content });
}

channel.onmessage = ({ data }) => {
  if (data.name === "hello?" && leads && store.me) channel.postMessage({ name: "snapshot", content: snapshot() });
  else if (data.name === "snapshot" && !leads && !store.me) restore(data.content);
  else if (data.name === "logged-out") location.reload();
  else if (data.name === "changed") changed(data.content);
  else if (!leads) apply(data.name, data.content);
};

export function tellTabs(name, content) {
  channel.postMessage({ name, content });
}

export function start() {
  setInterval(watch, 1000);
  if (!navigator.locks) {
    leads = true;
    connect();
    return;
  }
  channel.postMessage({ name: "hello?" });
  navigator.locks.request("starface2mqtt-stream", () => {
    leads = true;
    connect();
    return new Promise(() => {}); // held until the tab is closed
  });
}

export function stop() {
  over = true;
  source?.close();
}

function connect() {
  if (over) return;
  source?.close();
  source = new EventSource("events");
  heardAt = Date.now();
  for (const name of NAMES) {
    source.addEventListener(name, (event) => {
      heardAt = Date.now();
      if (name === "hello") handle("connected", true);
      handle(name, JSON.parse(event.data));
    });
  }
  source.addEventListener("ping", () => { heardAt = Date.now(); });
  source.onerror = () => {
    setTimeout(() => { if (source.readyState !== EventSource.OPEN) handle("connected", false); }, 1500);
    if (source.readyState === EventSource.CLOSED) again();
  };
}

// The server said no: not logged in any more, or not ready yet.
async function again() {
  const answer = await fetch("session").catch(() => null);
  const me = answer?.ok ? await answer.json() : null;
  if (me && !me.user) window.dispatchEvent(new Event("logged-out"));
  else setTimeout(connect, 1000);
}

function watch() {
  if (!leads || over || Date.now() - heardAt < SILENCE) return;
  handle("connected", false);
  connect();
}
