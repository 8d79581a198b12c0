// Requests to the panel; what goes wrong becomes a sentence.

import { has, say, t } from "./texts.js";

export class Refused extends Error {}
export class LoggedOut extends Error {}

export async function post(path, content, method = "POST") {
  let answer;
  try {
    answer = await fetch(path, {
      method, credentials: "same-origin", headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: method === "DELETE" ? undefined : JSON.stringify(content || {}),
    });
  } catch {
    throw new Refused(t("fault.panel"));
  }
  const data = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    window.dispatchEvent(new Event("logged-out"));
    throw new LoggedOut();
  }
  if (!answer.ok) throw Object.assign(new Refused(faultOf(data)), { code: data.code || data.title });
  if (data.code) throw Object.assign(new Refused(say(data.sentence) || t("fault.other")), { code: data.code });
  return data;
}

function faultOf(data) {
  const [key, process] = [`fault.${data.title}`, `process.${data.description}`];
  return t(has(key) ? key : "fault.other", { process: has(process) ? t(process) : "" });
}

export const journal = (request) => post("journal", request);
export const directory = (request) => post("directory", request);
export const settings = (request) => post("settings", request);
