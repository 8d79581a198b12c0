// What is known now: the telephone icon, the calls in hand, counts, colleagues. No DOM, no network.

const ENDED_STAYS = 90_000; // ms a card of a call that was talked stays, for the note
const GONE_STAYS = 8_000; // ms a card says who answered

export const store = {
  me: null, state: null, links: { broker: true, missing: [] }, connected: true, lostAt: null, missed: { open: 0 },
  cards: new Map(), over: new Set(), dials: new Map(), colleagues: [], states: new Map(), names: {},
};

const listeners = new Map();

export function on(name, listener) {
  listeners.set(name, [...(listeners.get(name) || []), listener]);
}

export function changed(name, detail) {
  for (const listener of listeners.get(name) || []) listener(detail);
}

// true, or the time until which somebody is not to be disturbed
export const isUndisturbed = (until) => until === true || Date.parse(until) > Date.now();

const placed = (call) => call.outward || call.direction === "out" || ["dialing", "ringback"].includes(call.state);

export function party(card) {
  const { call, answer } = card;
  if (answer && !["closed", "outcome"].includes(answer.trigger)) return answer.outward || answer.direction === "out" ? answer.called : answer.caller;
  return card.outward ? call.called : call.caller;
}

const talked = (card) => card.answered !== null;

function card(id, call) {
  let known = store.cards.get(id);
  if (!known) {
    known = { id, call, answer: null, started: Date.parse(call.received_at) || Date.now(), answered: null, outward: placed(call), closed: null, failure: null, contact: null, history: null };
    store.cards.set(id, known);
    changed("new-card", known);
  }
  return known;
}

function move(from, to) {
  const known = store.cards.get(from);
  if (!known || from === to) return;
  store.cards.delete(from);
  store.cards.set(to, Object.assign(known, { id: to }));
}

function applyCall(call) {
  if (call.previous_call_id) move(call.previous_call_id, call.call_id);
  const id = call.call_id;
  if (store.over.has(id)) return;
  if (call.state === "ended") {
    store.over.add(id);
    if (store.cards.has(id)) close(store.cards.get(id), "ended");
    return;
  }
  if (call.state === "other" && !store.cards.has(id)) return;
  const known = card(id, call);
  known.call = call;
  known.outward = known.outward || placed(call);
  if (["connected", "held"].includes(call.state) && known.answered === null) known.answered = Date.now();
  known.closed = null;
  changed("cards", known);
}

function close(known, why, sentence) {
  if (known.closed && known.closed !== "ended") return;
  known.closed = why;
  known.closedAt = known.closedAt || Date.now();
  known.closing = sentence || known.closing;
  const stays = why === "answered-elsewhere" || !talked(known) ? GONE_STAYS : ENDED_STAYS;
  clearTimeout(known.timer);
  known.timer = setTimeout(() => dismiss(known), stays);
  changed("cards", known);
  changed("closed", known);
}

export function dismiss(known) {
  if (known.writing) {
    known.timer = setTimeout(() => dismiss(known), 10_000); // somebody is writing the note
    return;
  }
  if (store.cards.get(known.id) === known) store.cards.delete(known.id);
  changed("cards", known);
}

function applyAnswer(answer, event) {
  const id = answer.call_id;
  if (answer.trigger === "closed") {
    if (answer.reason !== "ended") store.over.add(id);
    if (store.cards.has(id)) close(store.cards.get(id), answer.reason, answer.sentence);
    return;
  }
  const known = store.cards.get(id) || (store.over.has(id) ? null : card(id, fromAnswer(answer, event)));
  if (!known) return;
  if (answer.trigger === "outcome") {
    known.failure = answer.sentence;
  } else {
    const better = answer.contact || answer.candidates.length || answer.trigger === "party-change" || answer.trigger === "chosen" || !known.answer;
    if (better || answer.url || !known.answer.contact) {
      const before = known.answer;
      known.answer = answer;
      // What opened before can be opened again by a click.
      if (!answer.url && before && before.url && samePerson(before, answer)) known.answer = { ...answer, url: before.url, opens: before.opens, opened: before.opened };
    }
    known.outward = known.outward || answer.outward;
  }
  changed("cards", known);
  changed("answer", { card: known, answer, event });
}

const samePerson = (one, other) => one.contact && other.contact && one.contact.id === other.contact.id;

function fromAnswer(answer, event) {
  return {
    call_id: answer.call_id, state: answer.outward ? "dialing" : "ringing", direction: answer.direction,
    caller: answer.caller, called: answer.called, group: answer.group, received_at: event?.time, outward: answer.outward,
  };
}

// All running calls as the server knows them: what is not among them is over.
function applyRunning(calls) {
  const running = new Set(calls.map((one) => one.call.call_id));
  for (const known of [...store.cards.values()]) {
    if (!running.has(known.id) && !known.closed && Date.now() - known.started > 1500) close(known, "ended");
  }
  for (const one of calls) {
    store.over.delete(one.call.call_id);
    applyCall({ ...one.call, previous_call_id: null });
    const known = store.cards.get(one.call.call_id);
    if (!known) continue;
    known.started = Date.parse(one.started) || known.started;
    known.answered = one.answered ? Date.parse(one.answered) : known.answered;
    if (one.answer && (!known.answer || one.answer.contact?.id !== known.answer.contact?.id)) known.answer = one.answer;
    changed("known-card", known);
  }
}

export function applyDial(result) {
  store.dials.set(result.request_id, { ...result, at: Date.now() });
  if (store.dials.size > 50) store.dials.delete(store.dials.keys().next().value);
  changed("dial", result);
  changed("cards");
}

// The last stage of the dial request a call came from.
export function dialOf(card) {
  return [...store.dials.values()].reverse().find((one) => one.call_id === card.id || one.request_id === card.id);
}

const HANDLERS = {
  hello(me) {
    store.me = me;
    store.links = me.links;
    changed("me");
    changed("icon");
  },
  state({ data }) {
    store.state = data;
    changed("icon");
  },
  missed({ data }) {
    store.missed = data;
    changed("missed");
  },
  people(people) {
    if (store.me) store.me.people = people;
    changed("people");
  },
  links(links) {
    store.links = links;
    changed("icon");
  },
  connected(value) {
    if (value !== store.connected) store.lostAt = value ? null : Date.now();
    store.connected = value;
    changed("icon");
  },
  call: ({ data }) => applyCall(data),
  answer: (event) => applyAnswer(event.data, event),
  dial: ({ data }) => applyDial(data),
  record: ({ data }) => changed("record", data),
  running: applyRunning,
  names(names) {
    store.names = names;
    changed("people");
  },
  colleagues(list) {
    store.colleagues = list;
    changed("colleagues");
  },
  colleague(one) {
    store.states.set(one.login, one);
    changed("colleagues");
  },
};

export function apply(name, content) {
  HANDLERS[name]?.(content);
}

export const NAMES = Object.keys(HANDLERS).filter((name) => name !== "connected");

// For a tab that does not hold the stream: everything, and back.
export function snapshot() {
  return {
    me: store.me, state: store.state, links: store.links, connected: store.connected, lostAt: store.lostAt, missed: store.missed, names: store.names,
    colleagues: store.colleagues, states: [...store.states], dials: [...store.dials],
    cards: [...store.cards.values()].map(({ timer, contact, contactId, history, historyOf, writing, form, element, dirty, whyElement, ...card }) => card),
  };
}

export function restore(kept) {
  Object.assign(store, { me: kept.me, state: kept.state, links: kept.links, connected: kept.connected, lostAt: kept.lostAt, missed: kept.missed, names: kept.names, colleagues: kept.colleagues });
  store.states = new Map(kept.states);
  store.dials = new Map(kept.dials);
  for (const one of kept.cards) {
    if (!store.cards.has(one.id)) {
      const known = card(one.id, one.call);
      Object.assign(known, one);
      if (known.closed) close(known, known.closed);
      changed("known-card", known);
    }
  }
  for (const name of ["me", "icon", "missed", "colleagues", "cards"]) changed(name);
}
