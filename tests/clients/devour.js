// A coordinator's day through `devour-client`, as its users write it.
import assert from "node:assert/strict";
import Devour from "devour-client";

const [url, token] = process.argv.slice(2);
const api = new Devour({
  apiUrl: `${url}/api/v1`,
  bearer: token,
  logger: false,
  errorBuilder: ({ status, code, source }) => [status, code, source?.pointer ?? source?.parameter],
});
const one = (type) => ({ jsonApi: "hasOne", type });
const many = (type) => ({ jsonApi: "hasMany", type });
api.define("project", { code: "", name: "", version: null, tasks: many("tasks"), shots: many("shots") });
api.define("sequence", { code: "", project: one("projects"), shots: many("shots") });
api.define("asset", { code: "", name: "", assetType: "", version: null, createdAt: null, project: one("projects") });
api.define("shot", {
  code: "", frameOut: 0, description: "", project: one("projects"), sequence: one("sequences"), assets: many("assets"),
});
api.define("task", { title: "", department: "", project: one("projects"), taskType: one("task-types") });
api.define("task-type", { name: "", department: "" });
// Where the type of a task is set; devour knows the paths of relationships to one row by models of their own.
api.define("type", {}, { collectionPath: "type", type: "task-types" });

/** What a promise was refused with. */
async function refused(promise) {
  const error = await promise.then(() => assert.fail("it was not refused"), (error) => error);
  return Object.values(error).sort();
}
const codes = (rows) => rows.map((row) => row.code).sort();

// -- create: to-one relationships, a natural key, to-many relationships
const { data: project } = await api.create("project", { id: "DEV", name: "Devour" });
assert.deepEqual([project.id, project.type, project.code], ["DEV", "projects", "DEV"]);
const { data: sequence } = await api.create("sequence", { code: "S010", project });
const assets = {};
for (const code of ["fox", "den", "moon"]) {
  assets[code] = (await api.create("asset", { code, name: code, assetType: "prop", project })).data;
}
assert.equal(assets.fox.assetType, "prop");
const { data: shot } = await api.create(
  "shot",
  { code: "S010_0010", frameOut: 1100, project, sequence, assets: [assets.fox, assets.den] },
  { include: "assets,project" },
);
assert.deepEqual([codes(shot.assets), shot.project.name], [["den", "fox"], "Devour"]);

// -- read and list: include, filter, sort, sparse fieldsets, pages
const { data: read } = await api.find("shot", shot.id, { include: "assets,sequence", fields: { assets: "code" } });
assert.deepEqual([codes(read.assets), read.assets[0].name, read.sequence.code], [["den", "fox"], undefined, "S010"]);
const { data: behind } = await api.one("shot", shot.id).all("asset").get({ sort: "code" });
assert.deepEqual(behind.map((row) => row.code), ["den", "fox"]);
const listed = await api.findAll("asset", {
  filter: { project: "DEV", code: { in: "fox,moon" } }, sort: "-code", page: { number: 2, size: 1 },
});
assert.deepEqual([listed.data[0].code, listed.meta.total, listed.meta.pages], ["fox", 2, 2]);
const seen = [];
let page = await api.findAll("asset", { filter: { project: "DEV" }, sort: "code", page: { size: 2 } });
for (;;) {
  seen.push(...page.data.map((row) => row.code));
  if (!page.links.next) break;
  page = await api.request(new URL(page.links.next, url).href);
}
assert.deepEqual(seen, ["den", "fox", "moon"]);

// -- update: a part, a row as it was read, to-many relationships
const { data: changed } = await api.update(
  "shot", { id: shot.id, description: "Night", assets: [assets.den, assets.moon] }, { include: "assets" },
);
assert.deepEqual([changed.description, codes(changed.assets)], ["Night", ["den", "moon"]]);
const { data: whole } = await api.find("asset", assets.fox.id);
const { data: again } = await api.update("asset", { ...whole, name: "Fox" });
assert.deepEqual([again.name, again.version], ["Fox", 2]);
assert.deepEqual(await refused(api.update("asset", { ...whole, name: "Late" })), [
  ["409", "resource_conflict", "/data/attributes/version"],
]);

// -- relationship endpoints
const relationship = () => api.one("shot", shot.id).relationships().all("asset");
const linked = async () => (await relationship().get()).data.map((row) => row.id).sort();
const id = (code) => ({ id: assets[code].id, type: "assets" });
assert.deepEqual(await linked(), [assets.den.id, assets.moon.id].sort());
await relationship().post([id("fox")]);
assert.equal((await linked()).length, 3);
await relationship().destroy([id("den"), id("moon")]);
assert.deepEqual(await linked(), [assets.fox.id]);
await relationship().patch([]);
assert.deepEqual(await linked(), []);
const { data: kind } = await api.create("task-type", { id: "dev-fur", name: "Fur", department: "compositing" });
const { data: task } = await api.create("task", { title: "Comp", department: "compositing", project });
const typed = () => api.find("task", task.id, { include: "taskType" }).then(({ data }) => [data.type, data.taskType?.name]);
await api.one("task", task.id).relationships().all("type").patch({ id: kind.id });
assert.deepEqual(await typed(), ["tasks", "Fur"]);
await api.update("task", { id: task.id, taskType: null });
assert.deepEqual(await typed(), ["tasks", undefined]);

// -- refusals
assert.deepEqual(await refused(api.create("asset", { code: "a b", name: "", project })), [
  ["400", "required_field", "/data/attributes/assetType"],
  ["400", "validation_error", "/data/attributes/code"],
  ["400", "validation_error", "/data/attributes/name"],
]);
assert.deepEqual(await refused(api.findAll("asset", { sort: "colour" })), [["400", "invalid_parameter", "sort"]]);
assert.deepEqual(await refused(api.update("project", { id: "DEV", tasks: [] })), [
  ["403", "not_supported", "/data/relationships/tasks"],
]);

// -- delete
await api.destroy("shot", shot.id);
assert.deepEqual(await refused(api.find("shot", shot.id)), [["404", "resource_not_found", undefined]]);
await api.destroy("project", "DEV");
await api.destroy("task-type", kind.id);
console.log("done");
