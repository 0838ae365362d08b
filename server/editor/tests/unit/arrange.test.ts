import { describe, expect, it } from "vitest";
import { aligned, distributed } from "../../src/graph/align";
import { contentOf, moveAll } from "../../src/graph/groups";
import { addReroute, insertOnLink, refusal, removeReroute, upstream } from "../../src/graph/ops";
import { linkId } from "../../src/graph/model";
import { moveInput, orderedInputs, renameInput, freeName } from "../../src/graph/names";
import { textToImage } from "./graphs";

const BOXES = [
  { id: "a", x: 0, y: 0, width: 100, height: 50 },
  { id: "b", x: 130, y: 40, width: 50, height: 100 },
  { id: "c", x: 300, y: 10, width: 100, height: 50 },
];

describe("aligning", () => {
  it("puts boxes on one edge or on one middle", () => {
    expect(aligned(BOXES, "left")["b"]).toEqual([0, 40]);
    expect(aligned(BOXES, "right")["b"]).toEqual([350, 40]);
    expect(aligned(BOXES, "bottom")["a"]).toEqual([0, 90]);
    expect(aligned(BOXES, "middle")["a"]).toEqual([0, 45]);
    expect(aligned(BOXES, "centre")["b"]).toEqual([175, 40]);
  });

  it("makes the gaps even and leaves the outermost boxes", () => {
    expect(distributed(BOXES, "across")).toEqual({ a: [0, 0], b: [175, 40], c: [300, 10] });
    expect(distributed(BOXES.slice(0, 2), "across")).toEqual({});
  });
});

describe("groups", () => {
  const home = textToImage().graph;
  const graph = {
    ...home,
    groups: {
      g: { id: "g", title: "", bounding: [290, -10, 700, 100] as const },
      inner: { id: "inner", title: "", bounding: [295, -5, 100, 50] as const },
    },
  };

  it("hold what begins in them, and groups that fit in whole", () => {
    expect(contentOf(graph, graph.groups.g)).toEqual(["2", "3", "4", "inner"]);
  });

  it("take along their content, but for what is pinned or moved by itself", () => {
    const pinned = { ...graph, nodes: { ...graph.nodes, "3": { ...graph.nodes["3"]!, pinned: true } } };
    const after = moveAll(pinned, { g: [300, 0], "4": [0, 500] });
    expect(after.nodes["2"]!.pos).toEqual([310, 10]);
    expect(after.nodes["3"]!.pos).toEqual([600, 0]);
    expect(after.nodes["4"]!.pos).toEqual([0, 500]);
    expect(after.groups["inner"]!.bounding).toEqual([305, 5, 100, 50]);
  });

  it("take along the points of links that lie between their nodes", () => {
    const link = linkId("3", "positive");
    const pointed = { ...graph, reroutes: { r: { id: "r", link, pos: [500, 0] as const } } };
    expect(moveAll(pointed, { g: [300, 0] }).reroutes["r"]!.pos).toEqual([510, 10]);
    expect(moveAll(pointed, { "3": [700, 0] }).reroutes["r"]!.pos).toEqual([500, 0]);
  });
});

describe("links", () => {
  const { graph } = textToImage();

  it("take a node in between", () => {
    const link = linkId("4", "samples");
    const after = insertOnLink(graph, link, "9", "samples", 0);
    expect(after.links[linkId("9", "samples")]).toMatchObject({ source: "3", output: 0 });
    expect(after.links[link]).toMatchObject({ source: "9", output: 0 });
  });

  it("get points in the order in which they lie", () => {
    const link = linkId("4", "samples");
    const ends = [[0, 0], [100, 0]] as const;
    let pointed = addReroute(graph, { id: "far", link, pos: [80, 0] }, ends);
    pointed = addReroute(pointed, { id: "near", link, pos: [20, 5] }, ends);
    pointed = addReroute(pointed, { id: "mid", link, pos: [50, 5] }, ends);
    expect(Object.keys(pointed.reroutes)).toEqual(["near", "mid", "far"]);
    expect(Object.keys(removeReroute(pointed, "mid").reroutes)).toEqual(["near", "far"]);
  });

  it("are refused with the reason", () => {
    const link = { source: "4", output: 0, target: "3", input: "latent" };
    expect(refusal(graph, link, "LATENT", "LATENT")).toMatch(/circle/);
    expect(refusal(graph, { ...link, source: "1" }, "MODEL", "LATENT")).toMatch(/takes LATENT, not MODEL/);
    expect(refusal(graph, { ...link, source: "3" }, "LATENT", "LATENT")).toMatch(/itself/);
    expect(upstream(graph, "3")).toEqual(new Set(["3", "1", "2"]));
  });
});

describe("named inputs", () => {
  it("are moved and renamed, and keep what they say", () => {
    const moved = moveInput(textToImage(), "seed", -1);
    expect(orderedInputs(moved).map(([name]) => name)).toEqual(["seed", "prompt"]);
    const renamed = renameInput(moved, "seed", "number");
    expect(renamed.inputs["number"]).toMatchObject({ node: "3", title: "Seed" });
    expect(renameInput(renamed, "number", "prompt")).toEqual(renamed);
  });

  it("get names that are free and keep their order", () => {
    expect(freeName("text", ["text", "text_2"])).toBe("text_3");
    expect(freeName("7", [])).toBe("value_7");
    expect(freeName(" ", [])).toBe("value");
  });
});
