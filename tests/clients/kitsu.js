// A coordinator's day through `kitsu`, as its users write it.
import assert from "node:assert/strict";
import Kitsu from "kitsu";

const [url, token] = process.argv.slice(2);
const api = new Kitsu({
  baseURL: `${url}/api/v1`,
  headers: { Authorization: `Bearer ${token}` },
  // Types and paths are in kebab case here, and ids may hold capitals.
  camelCaseTypes: false,
  resourceCase: "none",
});

/** What a promise was refused with. */
async function refused(promise) {
  const error = await promise.then(() => assert.fail("it was not refused"), (error) => error);
  assert.ok(error.errors, error);
  return [error.response.status, error.errors.map((one) => [one.code, one.source?.pointer ?? one.source?.parameter])];
}

// -- create: to-one relationships, a natural key, to-many relationships
const project = await api.post("project", { id: "KIT", name: "Kitsune" });
assert.deepEqual([project.status, project.data.id, project.data.type], [201, "KIT", "projects"]);
const inProject = { project: { data: { id: "KIT" } } };
const { data: sequence } = await api.post("sequence", { code: "S010", ...inProject });
const assets = [];
for (const code of ["fox", "den", "moon"]) {
  const { data } = await api.post("asset", { code, name: code, assetType: "prop", ...inProject });
  assert.deepEqual([data.type, data.assetType], ["assets", "prop"]);
  assets.push(data);
}
const [fox, den, moon] = assets.map(({ id }) => ({ id, type: "assets" }));
const made = await api.post(
  "shot",
  {
    code: "S010_0010",
    frameOut: 1100,
    sequence: { data: { id: sequence.id, type: "sequences" } },
    assets: { data: [fox, den] },
    ...inProject,
  },
  { params: { include: "assets" } },
);
assert.deepEqual(made.data.assets.data.map((one) => one.code).sort(), ["den", "fox"]);
const shot = made.data.id;

// -- read and list: include, filter, sort, sparse fieldsets, pages
const read = await api.get(`shot/${shot}`, { params: { include: "project,assets", fields: { projects: "name" } } });
assert.equal(read.data.project.data.name, "Kitsune");
assert.equal(read.data.project.data.code, undefined);
assert.equal(read.data.assets.data.length, 2);
const behind = await api.get(`shot/${shot}/assets`, { params: { sort: "code" } });
assert.deepEqual(behind.data.map((one) => one.code), ["den", "fox"]);
const listed = await api.get("asset", {
  params: { filter: { project: "KIT", code: { in: ["fox", "moon"] } }, sort: "-code", page: { size: 1, number: 2 } },
});
assert.deepEqual([listed.data[0].code, listed.meta.total, listed.meta.pages], ["fox", 2, 2]);
const codes = [];
let page = await api.get("asset", { params: { filter: { project: "KIT" }, sort: "code", page: { size: 2 } } });
for (;;) {
  codes.push(...page.data.map((one) => one.code));
  if (!page.links.next) break;
  page = await api.request({ url: new URL(page.links.next, url).href });
}
assert.deepEqual(codes, ["den", "fox", "moon"]);

// -- update: a part, a row as it was read, to-many relationships
const changed = await api.patch("shot", { id: shot, description: "Night", assets: { data: [den, moon] } });
assert.deepEqual([changed.status, changed.data.description], [200, "Night"]);
const linked = () => api.get(`shot/${shot}/relationships/assets`).then(({ data }) => data.map((one) => one.id).sort());
assert.deepEqual(await linked(), [den.id, moon.id].sort());
const { data: same } = await api.get(`asset/${fox.id}`, { params: { fields: { assets: "code,name,version,createdAt" } } });
const { links, ...whole } = same;
const again = await api.patch("asset", { ...whole, name: "Fox" });
assert.deepEqual([again.data.name, again.data.version], ["Fox", 2]);
assert.deepEqual(await refused(api.patch("asset", { ...whole, name: "Late" })), [
  409, [["resource_conflict", "/data/attributes/version"]],
]);

// -- relationship endpoints
await api.post(`shots/${shot}/relationships/assets`, [fox]);
assert.equal((await linked()).length, 3);
await api.delete(`shots/${shot}/relationships/assets`, [den.id, moon.id]);
assert.deepEqual(await linked(), [fox.id]);
await api.request({ method: "PATCH", url: `shots/${shot}/relationships/assets`, type: "assets", body: [] });
assert.deepEqual(await linked(), []);
const { data: task } = await api.post("task", { title: "Comp", department: "compositing", ...inProject });
const kind = { id: "kit-fur", name: "Fur", department: "compositing" };
await api.post("task-type", kind);
await api.request({ method: "PATCH", url: `tasks/${task.id}/relationships/type`, type: "task-types", body: { id: kind.id } });
const { data: typed } = await api.get(`task/${task.id}`, { params: { include: "taskType" } });
assert.deepEqual([typed.type, typed.taskType.data.name], ["tasks", "Fur"]);
await api.request({ method: "PATCH", url: `tasks/${task.id}/relationships/type`, type: "task-types", body: null });
assert.equal((await api.get(`task/${task.id}/relationships/type`)).data, null);

// -- refusals
assert.deepEqual(await refused(api.post("asset", { code: "a b", name: "", ...inProject })), [
  400,
  [["validation_error", "/data/attributes/code"], ["validation_error", "/data/attributes/name"],
   ["required_field", "/data/attributes/assetType"]],
]);
assert.deepEqual(await refused(api.get("asset", { params: { sort: "colour" } })), [400, [["invalid_parameter", "sort"]]]);
assert.deepEqual(await refused(api.patch("project", { id: "KIT", tasks: { data: [] } })), [
  403, [["not_supported", "/data/relationships/tasks"]],
]);

// -- delete
assert.equal((await api.delete("shot", shot)).status, 204);
assert.equal((await refused(api.get(`shot/${shot}`)))[0], 404);
await api.delete("project", "KIT");
await api.delete("task-type", kind.id);
console.log("done");
