// The tree node -> actor, as a table with one body per node.

const whereKnown = (value, text) => value === undefined ? "" : text(value);

const stateClass = (state) => "state " + (/^(running|ended)$/.test(state) ? state : "bad");

function waitsText(actor) {
  return actor.waits.map((w) => `${w.whom}: ${w.what}, ${w.seconds.toFixed(1)} s`).join("; ");
}

const actorColumns = [
  {title: "actor", text: (a) => a.address, className: () => "name"},
  {title: "kind", text: (a) => a.kind},
  {title: "role", text: (a) => a.role === a.kind ? "" : a.role},
  {title: "state", text: (a) => a.state, className: stateClass},
  {title: "queued", text: (a) => a.mailbox_depth, number: true},
  {title: "oldest", text: (a) => a.mailbox_depth > 0 ? duration(1e3 * a.oldest_message_ms) : "", number: true},
  {title: "handled", text: (a) => a.handled, number: true},
  {title: "busy", text: (a) => percent(a.busy_share), number: true, className: () => "busy"},
  {title: "weights", text: (a) => whereKnown(a.weight_version, (v) => "v" + v), number: true},
  {title: "behind", text: (a) => whereKnown(a.staleness, (n) => n), number: true},
  {title: "in flight", text: (a) => whereKnown(a.samples_in_flight, (n) => n), number: true},
  {title: "KV", text: (a) => whereKnown(a.kv_use, percent), number: true},
  {title: "waits for", text: waitsText, className: () => "waits"},
];

// "2026-11-23T01:26:52Z" and a later time, the day only once.
function timesText({started, last_heard, state}) {
  const [day, time] = started.slice(0, -1).split("T"), [lastDay, lastTime] = last_heard.slice(0, -1).split("T");
  if (state === "running") return `since ${day} ${time} UTC`;
  return `${day} ${time} to ${lastDay === day ? "" : lastDay + " "}${lastTime} UTC`;
}

const lifeText = (life) => `pid ${life.pid} on ${life.host}, ${timesText(life)}, ${life.failure || life.state}`;

function nodeText(node) {
  const life = node.history[node.history.length - 1];
  const text = life ? lifeText(life) : `pid ${node.pid} on ${node.host}, ${node.state}`;
  return text + (node.step < 0 ? "" : `, step ${node.step}`);
}

const historyText = (node) => node.history.slice(0, -1).reverse().map((life) => "before: " + lifeText(life)).join("; ");

function drawNodeHeads(bodies) {
  const head = bodies.selectAll("tr.node").data((node) => [node]);
  const cell = head.enter().append("tr").attr("class", "node")
      .append("th").attr("scope", "rowgroup").attr("colspan", actorColumns.length);
  cell.append("b");
  cell.append("span").attr("class", "state");
  cell.append("span").attr("class", "history");
  head.select("b").text((node) => node.name);
  head.select(".state").attr("class", (node) => stateClass(node.state)).text(nodeText);
  head.select(".history").text(historyText);
}

function drawActors(topology) {
  const table = d3.select("#actors");
  tableHead(table, actorColumns);
  const bodies = table.selectAll("tbody").data(topology.nodes, (node) => node.name);
  bodies.enter().append("tbody");
  bodies.exit().remove();
  bodies.order();
  drawNodeHeads(bodies);
  const rows = bodies.selectAll("tr.actor")
      .data((node) => topology.actors.filter((a) => a.node === node.name), (a) => a.address);
  rows.enter().append("tr").attr("class", "actor").attr("data-actor", (a) => a.address);
  rows.exit().remove();
  rows.order();
  cells(rows, actorColumns);
  rows.selectAll("td.busy").style("background-size", (c) => parseFloat(c.text) + "% 3px");
}
