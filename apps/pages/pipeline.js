// The pipeline stages in the chosen step: forward in the upper half of a row, backward in the lower.

const kRowHeight = 40, kBarHeight = 18, kAxisHeight = 20;

const sumOf = (spans) => spans.reduce((sum, at, i) => sum + (i % 2 ? at : -at), 0);

function stageText(stage, microseconds) {
  const share = (kind) => percent(sumOf(stage.spans[kind] || []) / microseconds);
  return `${stage.address}: forward ${share("F")}, backward ${share("B")} of the step`;
}

// [{kind, start, end}] of a stage's flat lists of starts and ends.
function barsOf(stage) {
  const bars = [];
  for (const [kind, at] of Object.entries(stage.spans)) {
    for (let i = 0; i < at.length; i += 2) bars.push({kind, start: at[i], end: at[i + 1]});
  }
  return bars;
}

function drawStages(svg, gantt, x) {
  const stages = gantt.stages.slice().sort((a, b) => d3.ascending(a.address, b.address));
  const rows = svg.selectAll("g.stage").data(stages, (stage) => stage.address);
  const entered = rows.enter().append("g").attr("class", "stage");
  entered.append("text").attr("y", 13);
  entered.append("rect").attr("class", "idle").attr("y", 17).attr("height", kBarHeight);
  rows.exit().remove();
  rows.order();
  rows.attr("transform", (stage, i) => `translate(0,${i * kRowHeight})`);
  rows.select("text").text((stage) => stageText(stage, 1e6 * gantt.seconds));
  rows.select("rect.idle").attr("width", x.range()[1]);
  const bars = rows.selectAll("rect.bar").data(barsOf);
  bars.enter().append("rect");
  bars.exit().remove();
  bars.attr("class", (bar) => "bar " + (bar.kind === "F" ? "forward" : "backward"))
      .attr("x", (bar) => x(bar.start)).attr("width", (bar) => Math.max(0.5, x(bar.end) - x(bar.start)))
      .attr("y", (bar) => 17 + (bar.kind === "F" ? 0 : kBarHeight / 2)).attr("height", kBarHeight / 2);
}

function drawPipeline(gantt) {
  const svg = d3.select("#pipeline");
  const width = svg.node().parentNode.clientWidth;
  const height = gantt ? gantt.stages.length * kRowHeight + kAxisHeight : 0;
  svg.attr("width", width).attr("height", height).style("display", gantt ? null : "none");
  d3.select("#pipeline-text").text(gantt
      ? `${gantt.seconds.toFixed(3)} s. Upper half of a bar (blue): forward. Lower half (orange): backward.`
      : "No step has ended at this moment, so there is none to draw.");
  const bubbles = d3.select("#bubbles").selectAll("li").data(gantt ? gantt.roles.filter((r) => r.stages > 1) : []);
  bubbles.enter().append("li");
  bubbles.exit().remove();
  bubbles.text((r) => `${r.role}: bubble ${percent(r.bubble)} of ${r.stages} stages' time between first and last work`);
  if (!gantt) return;
  const x = d3.scale.linear().domain([0, 1e6 * gantt.seconds]).range([0, width]);
  drawStages(svg, gantt, x);
  const axis = svg.selectAll("g.axis").data([0]);
  axis.enter().append("g").attr("class", "axis");
  const ticks = d3.svg.axis().scale(x).ticks(width < 500 ? 4 : 10).tickSize(4).tickFormat((t) => duration(t));
  axis.attr("transform", `translate(0,${gantt.stages.length * kRowHeight})`).call(ticks);
  axis.selectAll("text").style("text-anchor", (t) => x(t) < 20 ? "start" : x(t) > width - 20 ? "end" : "middle");
}
