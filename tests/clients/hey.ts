import { client } from "./generated/hey/client.gen.js";
import { projectsCreate, projectsDelete, projectsList, projectsRead, projectsUpdate } from "./generated/hey/index.js";
import type { ProjectCreate } from "./generated/hey/index.js";

function assert(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const [url, token] = process.argv.slice(2) as [string, string];
client.setConfig({ baseUrl: url, auth: () => token });

const body: ProjectCreate = { code: "HEY", name: "Hello" };
const created = await projectsCreate({ body });
assert(created.data, JSON.stringify(created.error));
const id = created.data.data.id;
assert(id === "HEY" && created.response?.status === 201, "created");

const read = await projectsRead({ path: { id }, query: { fields: ["name", "version"] } });
assert(read.data?.data.name === "Hello", "read");

const changed = await projectsUpdate({ path: { id }, body: { name: "Hello again", version: read.data.data.version } });
assert(changed.data?.data.name === "Hello again", "changed");

const stale = await projectsUpdate({ path: { id }, headers: { "If-Match": '"1.x"' }, body: { name: "Late" } });
assert(stale.error?.error.code === "PRECONDITION_FAILED", "a stale tag is refused");

const listed = await projectsList({ query: { "code[in]": ["HEY", "XXX"], sort: ["-name"] } });
assert(listed.data && Array.isArray(listed.data.data) && listed.data.data.length === 1, "listed");

const gone = await projectsDelete({ path: { id } });
assert(gone.response?.status === 204, "deleted");
const missing = await projectsRead({ path: { id } });
assert(missing.error?.error.code === "RESOURCE_NOT_FOUND", "it is gone");
console.log("done");
