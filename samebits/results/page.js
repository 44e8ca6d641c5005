"use strict";
// Draws each figure as wide as its place. Colours are those of the page's style, which knows the dark and paper.
const {data, specs} = JSON.parse(document.getElementById("drawings").textContent);
const font = "system-ui, sans-serif", ink = "var(--ink)", soft = "var(--soft)", line = "var(--line)";
const words = {labelFont: font, titleFont: font, titleFontWeight: 600, labelFontSize: 11, titleFontSize: 12,
  labelColor: soft, titleColor: ink};

// A part of a specification, whose titles under the x axis and whose labels fit a width in pixels
const fitted = (part, width) => {
  for (const [key, value] of Object.entries(part ?? {})) {
    if (key == "labelLimit" && value) {
      part.labelLimit = Math.min(value, Math.max(90, width * 0.3));
      const half = Math.floor(part.labelLimit / 13);  // characters; names of levels differ at their ends
      part.labelExpr = `length(datum.label) > ${2 * half + 1} ? ` +
        `slice(datum.label, 0, ${half}) + "…" + slice(datum.label, -${half}) : datum.label`;
    }
    if (key == "x" && typeof value?.title == "string")
      value.title = value.title.match(new RegExp(`.{1,${Math.max(20, Math.floor((width - 80) / 7.2))}}(?!\\S)|\\S+`, "g"));
    if (value && typeof value == "object") fitted(value, width);
  }
  return part;
};

const draw = (place) => {
  const width = place.clientWidth;
  if (!width || place.dataset.width == width) return;  // it is folded, or drawn
  place.dataset.width = width;
  const spec = fitted(structuredClone(specs[place.dataset.drawing]), width);
  if (spec.height?.step)  // a row for each name; Vega-Lite warns of a step where a picture must fit
    spec.height.step *= new Set(data[spec.data.name].map((row) => row[spec.encoding.y.field])).size;
  Object.assign(spec, {datasets: data, width, height: spec.height?.step ?? spec.height,
    autosize: {type: "fit-x", contains: "padding"}});
  if (spec.config?.style?.halo) spec.config.style.halo.stroke = "var(--card)";
  const config = {background: "transparent", font, view: {stroke: line}, text: {color: soft},
    axis: {...words, gridColor: line, tickColor: line, domainColor: soft},
    legend: {...words, ...(width < 600 && {orient: "bottom", direction: "vertical"})},
    mark: {color: "var(--mark)"}, rule: {color: "var(--mark)"}, tick: {color: "var(--mark)"}};
  vegaEmbed(place, spec, {mode: "vega-lite", renderer: "svg", ast: true, actions: false, config, defaultStyle: false,
    tooltip: {disableDefaultStyle: true}});  // ast: expressions are interpreted, for the page's policy knows no eval
};
const drawAll = () => document.querySelectorAll("[data-drawing]").forEach(draw);
addEventListener("resize", drawAll);
addEventListener("toggle", drawAll, true);  // what was folded has a width now
drawAll();
