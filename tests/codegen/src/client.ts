// Typed documents, sent by Apollo Client and by urql.

import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { Client, cacheExchange, fetchExchange } from "@urql/core";
import { AddProjectDocument, ShotsDocument, type ShotCardFragment, type ShotStatus, type ShotsQueryVariables } from "./api.js";

declare const process: { argv: string[] };

const [url = "", token = ""] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}` };
const apollo = new ApolloClient({ link: new HttpLink({ uri: `${url}/graphql`, headers }), cache: new InMemoryCache() });
const urql = new Client({
  url: `${url}/graphql`,
  exchanges: [cacheExchange, fetchExchange],
  fetchOptions: { headers },
  preferGetMethod: false,
});

const status: ShotStatus = "waiting";
const variables: ShotsQueryVariables = { status, first: 2, orderBy: [{ cutOrder: "DESC" }] };

function described(shot: ShotCardFragment): string {
  const order: number = shot.cutOrder;
  const rate: string | undefined = shot.project?.frameRate;
  return [shot.__typename, order.toFixed(), rate, shot.project?.deadline?.slice(0, 4)].join(" ");
}

const added = await urql.mutation(AddProjectDocument, { input: { code: "TYPED", name: "Typed", frameRate: "23.976" } });
console.log(added.data?.createProject?.project?.frameRate, added.data?.createProject?.errors.length);

for (const data of [
  (await apollo.query({ query: ShotsDocument, variables })).data,
  (await urql.query(ShotsDocument, variables)).data,
]) {
  const shots = data?.shots?.nodes ?? [];
  console.log(data?.shots?.totalCount, shots.map(described), shots[0]?.tasks.nodes[0]?.status);
}
