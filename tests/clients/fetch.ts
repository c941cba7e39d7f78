import createClient from "openapi-fetch";
import type { components, paths } from "./generated/schema.js";

function assert(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** The code of a refusal, in either of its forms: the envelope, or a problem for those who accept that. */
function code(error: { error: { code: string } } | { code: string } | undefined): string | undefined {
  return error && ("error" in error ? error.error.code : error.code);
}

const [url, token] = process.argv.slice(2) as [string, string];
// The document says that lists are written with commas; this client repeats parameters, which means the same.
const api = createClient<paths, "application/json">({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

const fresh: components["schemas"]["ProjectCreate"] = { code: "FET", name: "Fetched" };
const created = await api.POST("/api/v1/projects", { body: fresh });
assert(created.data, JSON.stringify(created.error));
const id = created.data.data.id;
assert(id === "FET" && created.response.status === 201, "created");

const read = await api.GET("/api/v1/projects/{id}", { params: { path: { id }, query: { fields: ["name", "version"] } } });
assert(read.data?.data.name === "Fetched", "read");

const changed = await api.PATCH("/api/v1/projects/{id}", {
  params: { path: { id }, header: { "If-Match": read.response.headers.get("ETag") ?? "" } },
  body: { name: "Fetched again" },
});
assert(changed.data?.data.name === "Fetched again", "changed");

const stale = await api.PATCH("/api/v1/projects/{id}", { params: { path: { id } }, body: { version: 1, name: "Late" } });
assert(code(stale.error) === "RESOURCE_CONFLICT", "a stale version is refused");

const listed = await api.GET("/api/v1/projects", { params: { query: { "code[in]": ["FET", "XXX"], sort: ["-name"] } } });
assert(listed.data && Array.isArray(listed.data.data) && listed.data.data.length === 1, "listed");
assert("pagination" in listed.data.meta, "a page tells of itself");

const gone = await api.DELETE("/api/v1/projects/{id}", { params: { path: { id } } });
assert(gone.response.status === 204, "deleted");
const missing = await api.GET("/api/v1/projects/{id}", { params: { path: { id } } });
assert(code(missing.error) === "RESOURCE_NOT_FOUND", "it is gone");
console.log("done");
