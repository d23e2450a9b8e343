// Which step and actor the page shows: the slider's, and its address's (#step=12&actor=policy/pp0).

const run = JSON.parse(document.getElementById("data").textContent);
const lastIndex = run.moments.length - 1;
const view = {index: lastIndex, actor: "", allEdges: false};

// The topology of a moment as `troupe topology --json` has it; edges and waits are kept shorter in the page.
function topologyOf(moment) {
  const waits = d3.nest().key((wait) => wait.who).map(moment.topology.waits);
  const actors = moment.topology.actors.map((a) => ({...a, waits: waits[a.address] || []}));
  const edges = moment.topology.edges.map(([edge, count, rate, bytes, total_ms, p50_us, p99_us]) => {
    const [from, to, message] = run.edges[edge];
    return {from, to, message, count, rate, bytes, total_ms, p50_us, p99_us};
  });
  return {nodes: moment.topology.nodes, actors, edges};
}

const momentText = (moment) => moment.step < 0 ? "before step 1" : "step " + moment.step;

function summary(topology) {
  const chosen = run.moments.length < run.num_steps
      ? ` The slider has ${run.moments.length} of ${run.num_steps} steps, evenly chosen.` : "";
  return `${topology.nodes.length} nodes, ${topology.actors.length} actors; every number is since the start of its ` +
      `actor, at the end of the step that the slider shows.${chosen}`;
}

function drawControls(topology) {
  const text = momentText(run.moments[view.index]);
  d3.select("#summary").text(summary(topology));
  d3.select("#slider").attr("max", lastIndex).attr("aria-valuetext", text).property("value", view.index);
  d3.select("#moment").text(`${text} of ${Math.max(0, run.moments[lastIndex].step)}`);
  d3.select("#earlier").property("disabled", view.index === 0);
  d3.select("#later").property("disabled", view.index === lastIndex);
  const options = d3.select("#actor").selectAll("option").data(["", ...topology.actors.map((a) => a.address)]);
  options.enter().append("option");
  options.exit().remove();
  options.attr("value", (address) => address).text((address) => address || "all");
  d3.select("#actor").property("value", view.actor);
}

function draw() {
  const moment = run.moments[view.index];
  const topology = topologyOf(moment);
  drawControls(topology);
  drawActors(topology);
  drawPipeline(moment.gantt);
  drawRing(topology, view.actor, (actor) => show({actor: actor === view.actor ? "" : actor}));
  drawEdges(topology, view.actor, view.allEdges);
}

// The moment of a step, or the last one before it.
function indexOf(step) {
  const index = d3.bisector((moment) => moment.step).right(run.moments, step) - 1;
  return Math.max(0, index);
}

function readAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  view.index = wanted.has("step") ? indexOf(Number(wanted.get("step"))) : lastIndex;
  view.actor = wanted.get("actor") || "";
  draw();
}

// Goes there by the page's address, so that what is shown can be linked to.
function show(change) {
  Object.assign(view, change);
  const actor = view.actor ? "&actor=" + encodeURIComponent(view.actor) : "";
  location.replace(`#step=${run.moments[view.index].step}${actor}`);
}

d3.select("#slider").on("input", function () { show({index: Number(this.value)}); });
d3.select("#earlier").on("click", () => show({index: Math.max(0, view.index - 1)}));
d3.select("#later").on("click", () => show({index: Math.min(lastIndex, view.index + 1)}));
d3.select("#actor").on("change", function () { show({actor: this.value}); });
d3.select("#more").on("click", () => { view.allEdges = !view.allEdges; draw(); });
addEventListener("hashchange", readAddress);
addEventListener("resize", draw);
readAddress();
