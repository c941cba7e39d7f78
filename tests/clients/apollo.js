// A coordinator's day through Apollo Client, as its users write it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { BatchHttpLink } from "@apollo/client/link/batch-http";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { relayStylePagination } from "@apollo/client/utilities";
import { filter, firstValueFrom } from "rxjs";

const [url, token] = process.argv.slice(2);

/** What was asked of the server, in its order: the names of the operations. */
const asked = [];
function spied(uri, options) {
  const sent = options.body === undefined ? [new URL(uri).searchParams.get("operationName")]
    : [JSON.parse(options.body)].flat().map((one) => one.operationName);
  asked.push(sent.join("+"));
  return fetch(uri, options);
}
function since(work) {
  const before = asked.length;
  return work().then(() => asked.slice(before));
}
function connected({ Link = HttpLink, before = [], headers = { authorization: `Bearer ${token}` }, ...options } = {}) {
  return new ApolloClient({
    link: ApolloLink.from([...before, new Link({ uri: `${url}/graphql`, fetch: spied, headers, ...options })]),
    cache: new InMemoryCache({
      possibleTypes: { Node: ["Task", "Project", "Shot", "Person"] },
      typePolicies: {
        Query: { fields: { tasks: relayStylePagination(["where", "orderBy"]) } },
        Project: { fields: { tasks: relayStylePagination(["where", "orderBy"]) } },
      },
    }),
  });
}
/** Waits until a watched query has its data. */
function loaded(watched) {
  return firstValueFrom(watched.pipe(filter((result) => !result.loading)));
}
/** The next page of a watched query, once the cache has put it to what it had. */
async function more(watched, pageInfo) {
  await watched.fetchMore({ variables: { after: pageInfo.endCursor } });
  await loaded(watched);
}
/** What is told on the screen, a moment later. */
async function shown(watched) {
  await new Promise((done) => setTimeout(done, 20));
  return watched.getCurrentResult().data;
}
/** What a promise was refused with. */
async function refused(promise) {
  const error = await promise.then(() => assert.fail("it was not refused"), (error) => error);
  assert.ok(CombinedGraphQLErrors.is(error), error);
  return error;
}

const client = connected();

// -- create, with variables of input types
const CREATE_PROJECT = gql`
  mutation CreateProject($input: CreateProjectInput!) {
    createProject(input: $input) { project { id code name } errors { field message code } clientMutationId }
  }
`;
const made = await client.mutate({
  mutation: CREATE_PROJECT,
  variables: { input: { code: "APO", name: "Apollo", clientMutationId: "one" } },
});
assert.deepEqual(made.data.createProject, {
  __typename: "CreateProjectPayload",
  project: { __typename: "Project", id: "APO", code: "APO", name: "Apollo" },
  errors: [],
  clientMutationId: "one",
});
const CREATE_TASK = gql`
  mutation CreateTask($input: CreateTaskInput!) {
    createTask(input: $input) { task { id } errors { field code } }
  }
`;
const ids = [];
for (const at of [1, 2, 3, 4, 5]) {
  const input = { projectId: "APO", title: `Comp ${at}`, department: "fx", priority: at };
  const { data } = await client.mutate({ mutation: CREATE_TASK, variables: { input } });
  assert.deepEqual(data.createTask.errors, []);
  ids.push(data.createTask.task.id);
}

// -- read: fragments on types and on the interface, a directive, an alias
const PARTS = gql`
  fragment Line on Task { id title priority status version project { ...Head } }
  fragment Head on Project { id name }
`;
const READ = gql`
  query Read($id: ID!, $deep: Boolean!) {
    node(id: $id) { id ... on Task { ...Line artist @include(if: $deep) { id } } }
    same: task(id: $id) { ...Line }
  }
  ${PARTS}
`;
const read = await client.query({ query: READ, variables: { id: ids[0], deep: false } });
assert.equal(read.data.node.__typename, "Task");
assert.deepEqual(read.data.node, read.data.same);
assert.deepEqual(read.data.same.project, { __typename: "Project", id: "APO", name: "Apollo" });
assert.deepEqual(await since(() => client.query({ query: READ, variables: { id: ids[0], deep: false } })), []);

// -- pages, which the cache puts together
const LIST = gql`
  query List($first: Int!, $after: String) {
    tasks(first: $first, after: $after, where: { projectId: { eq: "APO" } }, orderBy: [{ priority: ASC }]) {
      edges { cursor node { ...Line } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount
    }
  }
  ${PARTS}
`;
const titles = (data) => data.tasks.edges.map((edge) => edge.node.title);
const list = client.watchQuery({ query: LIST, variables: { first: 2 } });
const seen = [];
const watching = list.subscribe((result) => result.data && seen.push(titles(result.data)));
await loaded(list);
assert.deepEqual(titles(list.getCurrentResult().data), ["Comp 1", "Comp 2"]);
for (let info; (info = list.getCurrentResult().data.tasks.pageInfo).hasNextPage; ) await more(list, info);
const whole = ["Comp 1", "Comp 2", "Comp 3", "Comp 4", "Comp 5"];
assert.deepEqual(titles(list.getCurrentResult().data), whole);
assert.equal(list.getCurrentResult().data.tasks.totalCount, 5);
assert.deepEqual(asked.slice(-3), ["List", "List", "List"]);

const PROJECT = gql`
  query OfProject($after: String) {
    project(id: "APO") {
      id
      tasks(first: 3, after: $after, orderBy: [{ title: DESC }]) {
        edges { cursor node { id title } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
  }
`;
const nested = client.watchQuery({ query: PROJECT });
const nestedWatching = nested.subscribe(() => {});
await loaded(nested);
await more(nested, nested.getCurrentResult().data.project.tasks.pageInfo);
assert.deepEqual(
  nested.getCurrentResult().data.project.tasks.edges.map((edge) => edge.node.title),
  whole.toReversed(),
);

// -- update: every list that shows the row shows its new value, and nothing else is asked
const UPDATE = gql`
  mutation Update($input: UpdateTaskInput!) {
    updateTask(input: $input) { task { id title version } errors { field message code } position }
  }
`;
const requests = await since(async () => {
  const { data } = await client.mutate({
    mutation: UPDATE,
    variables: { input: { id: ids[2], version: 1, title: "Comp the sky" } },
  });
  assert.deepEqual(data.updateTask.errors, []);
  assert.equal(data.updateTask.task.version, 2);
  assert.equal(typeof data.updateTask.position, "number");
});
assert.deepEqual(requests, ["Update"]);
const renamed = ["Comp 1", "Comp 2", "Comp the sky", "Comp 4", "Comp 5"];
assert.deepEqual(titles(await shown(list)), renamed);
assert.deepEqual(titles(client.readQuery({ query: LIST, variables: { first: 2 } })), renamed);
assert.deepEqual(
  (await shown(nested)).project.tasks.edges.map((edge) => edge.node.title),
  renamed.toReversed(),
);
assert.deepEqual(seen.at(-1), renamed);

// -- a refused change is told in the payload, and changes nothing in the cache
const late = await client.mutate({
  mutation: UPDATE,
  variables: { input: { id: ids[2], version: 1, title: "Comp the sea" } },
});
assert.equal(late.error, undefined);
assert.equal(late.data.updateTask.task, null);
assert.deepEqual(late.data.updateTask.errors.map((one) => one.code), ["RESOURCE_CONFLICT"]);
const wrong = await client.mutate({ mutation: UPDATE, variables: { input: { id: ids[2], title: "" } } });
assert.deepEqual(wrong.data.updateTask.errors.map((one) => [one.field, one.code]), [["title", "VALIDATION_ERROR"]]);
assert.deepEqual(titles(await shown(list)), renamed);

// -- an action, optimistically
const ASSIGN = gql`
  mutation Prioritise($input: UpdateTaskInput!) {
    updateTask(input: $input) { task { id priority version } errors { code } }
  }
`;
const priorities = [];
const watched = client.watchQuery({ query: READ, variables: { id: ids[0], deep: false } })
  .subscribe(({ data }) => data && priorities.push([data.same.priority, data.same.version]));
await client.mutate({
  mutation: ASSIGN,
  variables: { input: { id: ids[0], priority: 9 } },
  optimisticResponse: {
    updateTask: {
      __typename: "UpdateTaskPayload",
      task: { __typename: "Task", id: ids[0], priority: 9, version: -1 },
      errors: [],
    },
  },
});
await new Promise((done) => setTimeout(done, 20));
assert.deepEqual(priorities, [[1, 1], [9, -1], [9, 2]]);

// -- delete: the row leaves the lists of the cache
await client.mutate({
  mutation: gql`
    mutation Delete($input: DeleteTaskInput!) { deleteTask(input: $input) { id errors { code } } }
  `,
  variables: { input: { id: ids[4] } },
  update(cache, { data }) {
    cache.evict({ id: cache.identify({ __typename: "Task", id: data.deleteTask.id }) });
    cache.gc();
  },
});
assert.deepEqual(titles(await shown(list)), renamed.slice(0, 4));
for (const one of [watching, nestedWatching, watched]) one.unsubscribe();

// -- errors: of the document, of variables, of one field among others, and of the request
const NONSENSE = gql`query Nonsense { nonsense }`;
const unknown = await refused(client.query({ query: NONSENSE }));
assert.match(unknown.message, /^Cannot query field 'nonsense' on type 'Query'\./);
assert.equal(unknown.errors[0].extensions.code, "INVALID_FORMAT");
const variable = await refused(client.query({ query: READ, variables: { id: null, deep: false } }));
assert.match(variable.message, /\$id/);
const PARTLY = gql`
  query Partly { fine: tasks(first: 1) { totalCount } wrong: tasks(first: 1000) { totalCount } }
`;
const partly = await client.query({ query: PARTLY, errorPolicy: "all" });
assert.equal(partly.data.wrong, null);
assert.equal(typeof partly.data.fine.totalCount, "number");
assert.deepEqual(partly.error.errors.map((one) => [one.path, one.extensions.code]), [[["wrong"], "VALIDATION_ERROR"]]);
assert.match((await refused(client.query({ query: PARTLY, fetchPolicy: "no-cache" }))).message, /from 1 to 100/);

const nobody = connected({ headers: {} });
assert.equal((await refused(nobody.query({ query: READ, variables: { id: ids[0], deep: false } }))).errors[0].extensions.code,
  "AUTHENTICATION_REQUIRED");
const stranger = connected({ headers: { authorization: "Bearer nonsense" } });
const strange = await refused(stranger.query({ query: READ, variables: { id: ids[0], deep: false } }));
assert.deepEqual([strange.message, strange.errors[0].extensions.code], ["The token is not valid.", "INVALID_CREDENTIALS"]);

// -- queries by GET, and several in one request
const getting = connected({ useGETForQueries: true });
assert.equal((await getting.query({ query: READ, variables: { id: ids[0], deep: true } })).data.same.priority, 9);
assert.equal((await refused(getting.query({ query: NONSENSE }))).errors.length, 1);
const batching = connected({ Link: BatchHttpLink, batchMax: 10, batchInterval: 5 });
const before = asked.length;
const together = await Promise.all([
  batching.query({ query: READ, variables: { id: ids[0], deep: false } }),
  batching.query({ query: NONSENSE }).catch((error) => error),
  batching.query({ query: LIST, variables: { first: 1 } }),
]);
assert.deepEqual(asked.slice(before), ["Read+Nonsense+List"]);
assert.equal(together[0].data.same.title, "Comp 1");
assert.match(together[1].message, /nonsense/);
assert.deepEqual(titles(together[2].data), ["Comp 2"]);

// -- documents by their hash: sent once, then named, in an address that can be cached
const hashing = () => connected({
  before: [new PersistedQueryLink({
    sha256: (text) => createHash("sha256").update(text).digest("hex"),
    useGETForHashedQueries: true,
  })],
});
const HASHED = gql`query Hashed($id: ID!) { task(id: $id) { id title deadline } }`;
for (const expected of [["Hashed", "Hashed"], ["Hashed"]]) {
  const anew = hashing();
  const sent = await since(async () => {
    assert.equal((await anew.query({ query: HASHED, variables: { id: ids[0] } })).data.task.title, "Comp 1");
  });
  assert.deepEqual(sent, expected);
}
console.log("done");
