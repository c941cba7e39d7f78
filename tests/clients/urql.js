// Two people's screens through urql with its normalised cache, which is told the schema.
import assert from "node:assert/strict";
import { CombinedError, createClient, fetchExchange, gql } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { buildClientSchema, buildSchema, introspectionFromSchema, lexicographicSortSchema, printSchema } from "graphql";

const [url, token] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}` };

// -- the schema, as it is downloaded: in both forms the same
const introspected = (await (await fetch(`${url}/graphql/schema.json`, { headers })).json()).data;
const told = await (await fetch(`${url}/graphql/schema.graphql`, { headers })).text();
const printed = (schema) => printSchema(lexicographicSortSchema(schema));
assert.equal(printed(buildClientSchema(introspected)), printed(buildSchema(told)));

let requests = 0;
const warnings = [];
function connected(options = {}) {
  return createClient({
    url: `${url}/graphql`,
    preferGetMethod: false,
    fetchOptions: { headers },
    fetch: (...given) => (requests++, fetch(...given)),
    exchanges: [
      cacheExchange({
        schema: introspectionFromSchema(buildClientSchema(introspected)),
        keys: {
          PageInfo: () => null, TaskConnection: () => null, TaskEdge: () => null, TaskAggregates: () => null,
          TaskAggregateSum: () => null, UserError: () => null, CreateTaskPayload: () => null,
          CreateProjectPayload: () => null, UpdateTaskPayload: () => null,
        },
        resolvers: { Query: { tasks: relayPagination() } },
        logger: (severity, message) => severity !== "debug" && warnings.push([severity, message]),
      }),
      fetchExchange,
    ],
    ...options,
  });
}
const client = connected();

const { data: project } = await client.mutation(
  gql`mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { id } errors { code } } }`,
  { input: { code: "URQL", name: "Urchin" } },
).toPromise();
assert.deepEqual(project.createProject.errors, []);
const ids = [];
for (const at of [1, 2, 3]) {
  const { data, error } = await client.mutation(
    gql`mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { code } } }`,
    { input: { projectId: "URQL", title: `Model ${at}`, department: "modeling", bid: "1.50" } },
  ).toPromise();
  assert.equal(error, undefined, error?.message);
  assert.deepEqual([error, data.createTask.errors], [undefined, []]);
  ids.push(data.createTask.task.id);
}

// -- pages, which the cache puts together
const Line = gql`fragment Line on Task { id title bid version project { id name } }`;
const LIST = gql`
  query ($after: String) {
    tasks(first: 2, after: $after, where: { project: { code: { eq: "URQL" } } }, orderBy: [{ title: ASC }]) {
      nodes { ...Line }
      edges { cursor node { ...Line } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount
      aggregates { count sum { bid } }
    }
  }
  ${Line}
`;
const shown = [];
const watching = client.query(LIST, {}).subscribe(({ data }) => shown.push(data?.tasks.edges.map((one) => one.node.title)));
const first = await client.query(LIST, {}).toPromise();
assert.equal(first.error, undefined);
assert.deepEqual(first.data.tasks.aggregates, { count: 3, sum: { bid: "4.50" } });
const second = await client.query(LIST, { after: first.data.tasks.pageInfo.endCursor }).toPromise();
const whole = ["Model 1", "Model 2", "Model 3"];
assert.deepEqual(second.data.tasks.edges.map((one) => one.node.title), whole);

// -- a change is seen in what is shown already
const UPDATE = gql`
  mutation ($input: UpdateTaskInput!) {
    updateTask(input: $input) { task { id title version } errors { field message code } }
  }
`;
const before = requests;
const changed = await client.mutation(UPDATE, { input: { id: ids[1], version: 1, title: "Model the quay" } }).toPromise();
assert.deepEqual([changed.error, changed.data.updateTask.errors], [undefined, []]);
assert.deepEqual(shown.at(-1), ["Model 1", "Model the quay", "Model 3"]);
const again = await client.query(LIST, {}).toPromise();
assert.equal(again.data.tasks.nodes[1].title, "Model the quay");
assert.equal(again.data.tasks.nodes[1].version, 2);
assert.equal(requests, before + 1, "only the change was sent");
watching.unsubscribe();

// -- errors as urql shows them
const refused = await client.mutation(UPDATE, { input: { id: ids[1], priority: 99 } }).toPromise();
assert.equal(refused.error, undefined);
assert.deepEqual(refused.data.updateTask.errors.map((one) => one.field), ["priority"]);
const bare = connected({ exchanges: [fetchExchange] });
const unknown = await bare.query(gql`{ nonsense }`, {}).toPromise();
assert.ok(unknown.error instanceof CombinedError);
assert.match(unknown.error.message, /^\[GraphQL\] Cannot query field 'nonsense'/);
assert.equal(unknown.error.graphQLErrors[0].extensions.code, "INVALID_FORMAT");
const stranger = connected({ exchanges: [fetchExchange], fetchOptions: { headers: { authorization: "Bearer x" } } });
const strange = await stranger.query(gql`{ tasks { totalCount } }`, {}).toPromise();
assert.equal(strange.error.message, "[GraphQL] The token is not valid.");
assert.equal(strange.error.response.status, 401);

// -- by GET
const getting = connected({ exchanges: [fetchExchange], preferGetMethod: "force" });
const got = await getting.query(gql`query ($id: ID!) { task(id: $id) { title } }`, { id: ids[0] }).toPromise();
assert.deepEqual(got.data.task.title, "Model 1");
assert.deepEqual(warnings, []);
console.log("done");
