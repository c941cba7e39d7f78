// A document within the code that asks for it.

import { useQuery } from "@apollo/client/react";
import { graphql } from "../../gql";

const SHOT = graphql(`
  query OneShot($id: ID!) {
    shot(id: $id) {
      ...ShotCard
      frameCount
    }
  }
`);

export function Page({ id }: { id: string }) {
  const { data } = useQuery(SHOT, { variables: { id } });
  const seconds = (data?.shot?.frameCount ?? 0) / 24;
  return <p title={data?.shot?.project?.name}>{seconds.toFixed(1)}</p>;
}
