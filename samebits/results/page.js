"use strict";
// Draws each figure as wide as its place. Colours are those of the page's style, which knows the dark and paper.
const {data, specs} = JSON.parse(document.getElementById("drawings").textContent);
const ink = "var(--ink)", soft = "var(--soft)", line = "var(--line)";
const text = {labelFont: "system-ui, sans-serif", titleFont: "system-ui, sans-serif", titleFontWeight: 600,
  labelColor: soft, titleColor: ink, labelFontSize: 11, titleFontSize: 12};

// Of a part of a specification: titles in lines and labels that fit a width in pixels
const fitted = (part, width) => {
  for (const [key, value] of Object.entries(part ?? {})) {
    if (key == "title" && typeof value == "string")
      part.title = value.match(new RegExp(`.{1,${Math.max(20, Math.floor(width / 7))}}(?!\\S)|\\S+`, "g")) ?? "";
    else if (key == "labelLimit" && value) part.labelLimit = Math.min(value, Math.max(90, width * 0.3));
    else if (value && typeof value == "object" && key != "datasets") fitted(value, width);
  }
  return part;
};

const draw = (place) => {
  const width = place.clientWidth, narrow = width < 640;
  if (place.dataset.width == width) return;
  place.dataset.width = width;
  const config = {background: "transparent", font: text.labelFont, axis: {...text, gridColor: line, domainColor: soft,
    tickColor: line}, legend: {...text, ...(narrow && {orient: "bottom", direction: "vertical"})},
    view: {stroke: line}, mark: {color: "var(--mark)"}, rule: {color: "var(--mark)"}, tick: {color: "var(--mark)"},
    text: {color: soft}};
  const spec = {...fitted(structuredClone(specs[place.dataset.drawing]), width - 60), datasets: data, width,
    autosize: {type: "fit-x", contains: "padding"}};
  vegaEmbed(place, spec, {mode: "vega-lite", renderer: "svg", ast: true, actions: false, config, defaultStyle: false,
    tooltip: {disableDefaultStyle: true}, logLevel: 1});  // errors; it warns where the rows make the height
};
const drawAll = () => document.querySelectorAll("[data-drawing]").forEach(draw);
addEventListener("resize", drawAll);
drawAll();
