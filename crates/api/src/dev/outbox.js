// Shows the outbox and looks for new messages while the page is visible.
"use strict";

const list = document.getElementById("messages");
const empty = document.getElementById("empty");
const state = document.getElementById("state");
const shown = new Map();

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function card(message) {
  const item = element("li");
  item.dataset.id = message.id;
  const head = element("div", "head");
  head.append(element("strong", "", message.providerId), element("span", "", message.channel));
  head.append(element("span", "", "to " + message.subscriberId));
  head.append(element("span", "", Object.values(message.to.endpoint || {}).join(" · ")));
  const time = element("time", "", new Date(message.at).toLocaleTimeString());
  time.dateTime = message.at;
  head.append(time);
  const request = message.request || {};
  const details = element("details");
  details.append(element("summary", "", `${request.method} ${request.url}`));
  details.append(element("pre", "", JSON.stringify({ headers: request.headers, body: request.body }, null, 2)));
  item.append(head, element("p", "content", message.content), details);
  return item;
}

function show(messages) {
  const present = new Set(messages.map((message) => message.id));
  for (const [id, node] of shown) {
    if (!present.has(id)) { node.remove(); shown.delete(id); }
  }
  for (const message of [...messages].reverse()) {
    if (shown.has(message.id)) continue;
    const node = card(message);
    shown.set(message.id, node);
    list.prepend(node);
  }
  empty.hidden = messages.length > 0;
  state.textContent = messages.length === 1 ? "1 message" : `${messages.length} messages`;
}

async function look() {
  try {
    const answer = await fetch("/dev/outbox");
    if (!answer.ok) throw new Error(`The server answered ${answer.status}`);
    show((await answer.json()).data);
  } catch (error) {
    state.textContent = `Not connected: ${error.message}. Trying again…`;
  }
  setTimeout(look, document.hidden ? 5000 : 1000);
}

document.getElementById("clear").addEventListener("click", async () => {
  await fetch("/dev/outbox", { method: "DELETE" });
  show([]);
});

look();
