// Who sends what to whom: actors on a ring, by process; their messages as lines across it; and as a table.

// What keeps every cluster going is left out of the ring, as in `troupe topology --dot`.
const upkeepKinds = ["node", "tracer", "door", "directory"];
const busiestEdges = 20;

const edgeColumns = [
  {title: "from", text: (e) => e.from, className: () => "name"},
  {title: "to", text: (e) => e.to, className: () => "name"},
  {title: "message", text: (e) => messageName(e.message)},
  {title: "count", text: (e) => e.count, number: true},
  {title: "rate", text: (e) => rate(e.rate), number: true},
  {title: "bytes", text: (e) => bytes(e.bytes), number: true},
  {title: "total", text: (e) => duration(1e3 * e.total_ms), number: true},
  {title: "p50", text: (e) => duration(e.p50_us), number: true},
  {title: "p99", text: (e) => duration(e.p99_us), number: true},
];

const touches = (edge, address) => !address || edge.from === address || edge.to === address;

function drawEdges(topology, address, showAll) {
  const edges = topology.edges.filter((e) => touches(e, address)).sort((a, b) => b.total_ms - a.total_ms);
  const shown = showAll ? edges : edges.slice(0, busiestEdges);
  const table = d3.select("#edges");
  tableHead(table, edgeColumns);
  const body = table.selectAll("tbody").data([shown]);
  body.enter().append("tbody");
  const rows = body.selectAll("tr").data((list) => list);  // "?" may send one message as several senders
  rows.enter().append("tr");
  rows.exit().remove();
  rows.attr("data-edge", (e) => [e.from, e.to, messageName(e.message)].join(" "));
  cells(rows, edgeColumns);
  d3.select("#more").style("display", edges.length > busiestEdges ? null : "none")
      .text(showAll ? `Only the ${busiestEdges} busiest` : `All ${edges.length} kinds of messages`);
}

// Without the name of the process, which stands beside it.
const placeLabel = (actor) => actor.address.replace("/" + actor.node, "");

// A place on the ring per actor, and before each process's actors one for its name.
function ringPlaces(topology, angleDegrees, radius) {
  const places = topology.nodes.map((node) => {
    const actors = topology.actors.filter((a) => a.node === node.name && !upkeepKinds.includes(a.kind));
    const heading = {label: node.name, heading: true};
    return {children: [heading, ...actors.map((a) => ({label: placeLabel(a), address: a.address}))]};
  });
  const cluster = d3.layout.cluster().size([angleDegrees, radius]).sort(null)
      .separation((a, b) => a.parent === b.parent ? 1 : 1.6);
  return cluster.nodes({children: places}).filter((place) => place.label);
}

// One line for all that one actor sends another: thick if there are tensors among it.
function ringLines(topology, places) {
  const byAddress = new Map(places.filter((p) => p.address).map((p) => [p.address, p]));
  const lines = new Map();
  for (const edge of topology.edges) {
    const signal = edge.message.startsWith("@");  // links and exits
    if (signal || edge.from === edge.to || !byAddress.has(edge.from) || !byAddress.has(edge.to)) continue;
    const key = edge.from + " " + edge.to;
    if (!lines.has(key)) {
      lines.set(key, {key, edges: [], source: byAddress.get(edge.from), target: byAddress.get(edge.to)});
    }
    lines.get(key).edges.push(edge);
  }
  return [...lines.values()];
}

const isTensor = (line) => line.edges.some((e) => messageName(e.message) === "TensorMessage");

function lineTitle(line) {
  const messages = line.edges.map((e) => `${messageName(e.message)} ${e.count}`);
  return `${line.source.address} to ${line.target.address}: ${messages.join(", ")}`;
}

function drawRingLabels(svg, places, radius, font, length, address, choose) {
  const labels = svg.selectAll("text.place").data(places);
  labels.enter().append("text").attr("class", "place");
  labels.exit().remove();
  labels.attr("dy", "0.32em").style("font-size", font + "px")
      .classed("heading", (p) => p.heading).classed("chosen", (p) => address && p.address === address)
      .attr("text-anchor", (p) => p.x < 180 ? "start" : "end")
      .attr("transform", (p) => `rotate(${p.x - 90})translate(${radius + 6})` + (p.x < 180 ? "" : "rotate(180)"))
      .text((p) => clipped(p.label, length))
      .on("click", (p) => p.address && choose(p.address));
}

function drawRing(topology, address, choose) {
  const svg = d3.select("#flow");
  const size = Math.min(svg.node().parentNode.clientWidth, 640), font = size < 470 ? 10 : 12, length = 19;
  const radius = size / 2 - length * font * 0.55 - 8;
  svg.attr("viewBox", `${-size / 2} ${-size / 2} ${size} ${size}`).attr("width", size).attr("height", size);
  const places = ringPlaces(topology, 360, radius);
  const lines = ringLines(topology, places);
  const path = d3.svg.line.radial().interpolate("bundle").tension(0.8)
      .radius((p) => p.y).angle((p) => p.x / 180 * Math.PI);
  const bundled = d3.layout.bundle()(lines);
  const drawn = svg.selectAll("path.line").data(lines, (line) => line.key);
  drawn.enter().append("path").attr("class", "line").append("title");
  drawn.exit().remove();
  drawn.attr("d", (line, i) => path(bundled[i]))
      .classed("tensor", isTensor)
      .classed("faint", (line) => address && !line.edges.some((e) => touches(e, address)))
      .style("stroke-width", (line) => isTensor(line) ? 4 : 1 + Math.log(d3.sum(line.edges, (e) => e.count)) / 8);
  drawn.select("title").text(lineTitle);
  drawRingLabels(svg, places, radius, font, length, address, choose);
  d3.select("#flow-text").text(`${lines.length} lines between ${places.filter((p) => p.address).length} actors, ` +
      "by process (bold). Thick blue: tensors. An arrow ends at the receiver. Choose an actor above to see only its lines and messages.");
}
